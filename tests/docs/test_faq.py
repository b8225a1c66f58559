"""docs/faq.md: each error under its heading is raised here, and is what the page says, word for word."""

import re
from pathlib import Path

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._boosters import call, extras

xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
import focalboost.lightgbm  # noqa: E402  # needs LightGBM
import focalboost.xgboost  # noqa: E402  # needs XGBoost
from focalboost.lightgbm import FocalLGBMClassifier  # noqa: E402
from focalboost.xgboost import FocalXGBClassifier  # noqa: E402

PAGE = (Path(__file__).parents[2] / "docs" / "faq.md").read_text(encoding="utf-8")
QUESTIONS, _, ERRORS = PAGE.partition("\n## Errors: ")
# The heading, and the block after it.
QUOTED = dict(re.findall(r"^### `([^\n]+)`\n+```text\n(.*?)\n```$", ERRORS, re.MULTILINE | re.DOTALL))

X, Y = np.arange(200.0)[:, None], (np.arange(200) >= 150).astype(int)
TEXT, THREE = np.where(Y == 1, "fraud", "good"), np.arange(200) % 3
LOSS = BinaryFocalLoss(gamma=2.0)
RESOLVED = LOSS.for_labels(Y)
SILENT = {"verbosity": -1}


def matrix(y=Y, **options):
    return xgb.DMatrix(X, y, **options)


def dataset(y=Y, **options):
    return lgb.Dataset(X, y, **options)


def train(params=None, y=Y, *, loss=LOSS, data=None, **options):
    data = matrix(y) if data is None else data
    return focalboost.xgboost.train(loss, params or {}, data, 1, **options)


def train_lightgbm(params=None, *, loss=LOSS, data=None, **options):
    data = dataset() if data is None else data
    return focalboost.lightgbm.train(loss, {**SILENT, **(params or {})}, data, 1, **options)


def fit(y=Y, *, eval_set=None, xgb_model=None, **parameters):
    model = FocalXGBClassifier(**{"n_estimators": 1, "verbosity": 0, **parameters})
    return model.fit(X, y, eval_set=eval_set, xgb_model=xgb_model, verbose=False)


def log_loss():
    return xgb.train({"objective": "binary:logistic"}, matrix(), 1)


def log_loss_lightgbm():
    return lgb.train({**SILENT, "objective": "binary"}, dataset(), 1)


def by_hand_lightgbm(objective, **options):
    return lgb.train({**SILENT, "objective": objective}, dataset(), 1, **options)


def load_into_a_classifier():
    log_loss().save_model("model.ubj")
    FocalXGBClassifier().load_model("model.ubj")


def of_another_start(**options):
    return train_lightgbm(data=dataset(init_score=np.ones(len(Y))), **options)


# The first bytes of a model in UBJ: a key of 255 letters, of which 7 are left.
CUT_OFF = b"{L" + (255).to_bytes(8, "big") + b"learner"
CASES = {
    # The loss.
    "alpha == 4": lambda: BinaryFocalLoss(2, alpha=4),
    "alpha == 0.25": lambda: MulticlassFocalLoss(alpha=0.25),
    "alpha == 'balanced' needs": lambda: BinaryFocalLoss(alpha="balanced").loss([0, 1], [0.0, 0.0]),
    "gamma == -1": lambda: BinaryFocalLoss(gamma=-1),
    "focal_gamma == (1.0, 2.0, 3.0)": lambda: fit(focal_gamma=(1, 2, 3)),
    "focal_alpha has 'fraud'": lambda: fit(focal_alpha={"fraud": 5, "good": 1}),
    "focal_alpha == 'balanced' and": lambda: fit(focal_alpha="balanced", focal_alpha_power=0.5),
    "focal_label_smoothing == 0.1": lambda: fit(THREE, focal_label_smoothing=0.1),
    "focal_sampling_rate == 0.1": lambda: fit(TEXT, focal_sampling_rate=0.1),
    "rows == None": lambda: BinaryFocalLoss(sampling_rate=0.05).calibrated([0, 1], [0.0, 0.0]),
    "probability[0] == 0.0": lambda: LOSS.margin([0.0, 0.5]),
    # Parameters of the booster.
    "scale_pos_weight == 5": lambda: train({"scale_pos_weight": 5}),
    "is_unbalance == True": lambda: train_lightgbm({"is_unbalance": True}),
    "boost_from_average == True": lambda: train_lightgbm({"boost_from_average": True}),
    "sigmoid == 2": lambda: train_lightgbm({"sigmoid": 2}),
    "pos_bagging_fraction == 0.5": lambda: train_lightgbm({"pos_bagging_fraction": 0.5}),
    "objective == 'binary:logistic'": lambda: fit(objective="binary:logistic"),
    "objective == 'reg:squarederror'": lambda: train({"objective": "reg:squarederror"}),
    "base_score == 0.5": lambda: train({"base_score": 0.5}),
    "num_class == 3": lambda: train({"num_class": 3}, THREE),
    "focal_gama == 3": lambda: fit(focal_gama=3),
    "class_weight == 'balanced'": lambda: fit(class_weight="balanced"),
    "gamma == 2 is no parameter": lambda: train_lightgbm({"gamma": 2}),
    "gamma == 5 is XGBoost's": lambda: fit(gamma=5),
    "boosting_type == 'rf'": lambda: FocalLGBMClassifier(boosting_type="rf").fit(X, Y),
    "metric == 'binary_logloss'": lambda: train_lightgbm(
        {"metric": "binary_logloss"}, valid_sets=[dataset()]
    ),
    "maximize == True": lambda: train(maximize=True),
    # The start.
    "start() needs": lambda: LOSS.start(),
    "training starts at margin 0.5": lambda: xgb.train({}, matrix(), 1, obj=LOSS),
    "training starts at score 0": lambda: by_hand_lightgbm(RESOLVED),
    "obj must be": lambda: xgb.train({}, matrix(), 1, callbacks=[RESOLVED.start()]),
    "objective must be": lambda: by_hand_lightgbm("binary", callbacks=[focalboost.lightgbm.start(RESOLVED)]),
    "a valid set has no init_score": lambda: of_another_start(valid_sets=[dataset()]),
    # Labels, weights and shapes.
    "y[0] == -1.0": lambda: train(y=2 * Y - 1),
    "y has dtype <U5": lambda: LOSS.for_labels(np.array(["fraud", "good"])),
    "y == 0 in all rows": lambda: LOSS.for_labels([0, 0, 0]),
    "y has 1 class": lambda: fit(np.zeros(len(Y))),
    "class 1 of 3": lambda: MulticlassFocalLoss().for_labels([0, 0, 2]),
    "y[:, 1] == 0": lambda: MultilabelFocalLoss().for_labels([[0, 0], [1, 0]]),
    "y[2] is None": lambda: fit(np.array(["fraud", "good", None], object)[THREE]),
    "y of eval_set": lambda: fit(np.where(Y, "a", "b"), eval_set=[(X, np.where(Y, "a", "c"))]),
    "n_labels == None": lambda: train_lightgbm(loss=MultilabelFocalLoss()),
    "dtrain has no labels": lambda: train(data=xgb.DMatrix(X)),
    "sample_weight[0] == -1.0": lambda: LOSS.for_labels([0, 1], [-1.0, 1.0]),
    "raw_prediction has shape (2, 3)": lambda: LOSS.loss([0, 1], np.zeros((2, 3))),
    "raw_prediction has shape (2,)": lambda: MulticlassFocalLoss().loss([0, 1], [0.0, 1.0]),
    "raw_prediction has shape (3, 2)": lambda: LOSS.posterior(np.zeros((3, 2))),
    "raw_prediction[1] == nan": lambda: LOSS.loss([0, 1], [0.0, float("nan")]),
    "This FocalXGBClassifier": lambda: FocalXGBClassifier().predict_proba(X),
    # Continuing a model.
    "xgb_model was trained": lambda: train(loss=BinaryFocalLoss(1.0), xgb_model=train()),
    "xgb_model has no stored loss": lambda: train(xgb_model=log_loss()),
    "xgb_model has the classes": lambda: fit(np.where(Y, "b", "a"), xgb_model=fit(TEXT)),
    "init_model is continued": lambda: by_hand_lightgbm(RESOLVED, init_model=train_lightgbm()),
    "train_set has an init_score": lambda: of_another_start(init_model=train_lightgbm()),
    "dtrain is a QuantileDMatrix": lambda: train(data=xgb.QuantileDMatrix(X, Y), xgb_model=train()),
    "Cannot refit": lambda: train_lightgbm().refit(X, Y),
    # Saved models.
    "booster.attr('focalboost')": lambda: focalboost.xgboost.stored_loss(log_loss()),
    "booster has no stored loss": lambda: focalboost.lightgbm.stored_loss(log_loss_lightgbm()),
    "the model was not saved": load_into_a_classifier,
    "the model: length == 255": lambda: focalboost.xgboost.load_model(CUT_OFF),
    # Installation.
    "focalboost.xgboost needs": lambda: extras.require("xgboost"),
    "focalboost.lightgbm needs": lambda: extras.require("lightgbm"),
    "xgboost.__version__ == '3.1.0'": lambda: call.check_version("xgboost", "3.1.0"),
    "device == 'cuda'": lambda: BinaryFocalLoss(device="cuda").gradient_hessian([1], [0.0]),
}


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch, tmp_path, request):
    """For the errors of a missing package; each elsewhere than in the user's folder."""
    monkeypatch.chdir(tmp_path)
    name = request.node.name
    if "needs" in name and "focalboost." in name:
        monkeypatch.setattr(extras, "find_spec", lambda _: None)
    if "cuda" in name:
        from focalboost._kernels import cuda  # loads Numba

        monkeypatch.setattr(cuda.numba.config, "ENABLE_CUDASIM", 0)
        monkeypatch.setattr(cuda.importlib.util, "find_spec", lambda _: None)
        monkeypatch.setattr(cuda, "_tried", cuda._tried.__wrapped__)


def heading_of(case):
    (found,) = [heading for heading in QUOTED if heading.startswith(case)]
    return found


def comparable(text):
    """Without line breaks and the last digits of numbers; the version is that of the page."""
    text = text.replace(f"XGBoost {xgb.__version__} does", "XGBoost 3.2.0 does")
    return re.sub(r"-?\d+\.\d{5,}", lambda number: f"{float(number[0]):.5g}", " ".join(text.split()))


@pytest.mark.parametrize("case", CASES)
def test_the_page_quotes_the_error_word_for_word(case):
    heading = heading_of(case)
    with pytest.raises(Exception, match=r"must|should|needs|call|Cannot|min_split") as caught:
        CASES[case]()
    assert comparable(str(caught.value)) == comparable(QUOTED[heading])
    assert str(caught.value).removeprefix("model.ubj: ").startswith(heading)


def test_each_error_of_the_page_is_raised_here():
    headings = re.findall(r"^### (.+)$", ERRORS, re.MULTILINE)
    assert sorted(headings) == sorted(f"`{heading_of(case)}`" for case in CASES)
    assert len(headings) == len(QUOTED) == len(CASES)


def test_questions_are_no_quotes():
    assert len(re.findall(r"^### [A-Z`]", QUESTIONS, re.MULTILINE)) >= 10
    assert "```text" not in QUESTIONS
