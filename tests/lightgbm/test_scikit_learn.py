"""A loss as the objective of LGBMClassifier itself."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss
from tests.lightgbm.training import LOSSES, PARAMS, Data, N, dataset, lgb


@pytest.mark.parametrize("labels", ["binary", "multiclass"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_classifier_takes_the_loss_as_objective(labels, weighted):
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    loss = type(LOSSES[labels])(2.0)
    model = lgb.LGBMClassifier(objective=loss, n_estimators=10, num_leaves=15, verbosity=-1, n_jobs=1)
    model.fit(Data.X, y, sample_weight=weight)
    n_outputs = {} if labels == "binary" else {"num_class": 4}
    native = lgb.train({**PARAMS, "objective": loss, **n_outputs}, dataset(labels, weight), 10)
    raw = model.booster_.predict(Data.X, raw_score=True)
    np.testing.assert_allclose(raw, native.predict(Data.X, raw_score=True), rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("labels", "loss"), [("binary", BinaryFocalLoss(0.0)), ("multiclass", MulticlassFocalLoss(0.0))]
)
def test_gamma_zero_trains_the_model_of_the_builtin_objective(labels, loss, weighted):
    """The wrapper passes arrays and no Dataset: that LightGBM calls is seen from the stack."""
    y, weight = getattr(Data, labels), Data.weight if weighted else None
    options = {"n_estimators": 30, "num_leaves": 15, "verbosity": -1, "n_jobs": 1}
    focal = lgb.LGBMClassifier(objective=loss, **options)
    builtin = lgb.LGBMClassifier(objective=labels, boost_from_average=False, **options)
    found, expected = (
        model.fit(Data.X, y, sample_weight=weight).booster_.predict(Data.X, raw_score=True)
        for model in (focal, builtin)
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_class_weight_reaches_the_loss():
    loss = BinaryFocalLoss(1.0)
    make = {"objective": loss, "n_estimators": 5, "verbosity": -1, "n_jobs": 1}
    plain = lgb.LGBMClassifier(**make).fit(Data.X, Data.binary)
    heavy = lgb.LGBMClassifier(**make, class_weight={0: 1, 1: 30}).fit(Data.X, Data.binary)
    mean = [m.booster_.predict(Data.X, raw_score=True).mean() for m in (plain, heavy)]
    assert mean[1] > mean[0] + 0.15


def test_eval_metric_of_the_classifier():
    loss = BinaryFocalLoss(2.0)
    model = lgb.LGBMClassifier(objective=loss, n_estimators=5, verbosity=-1, n_jobs=1, metric="None")
    new = tuple(map(int, lgb.__version__.split(".")[:2])) >= (4, 7)  # where eval_set is deprecated
    held_out = (
        {"eval_X": (Data.X,), "eval_y": (Data.binary,)} if new else {"eval_set": [(Data.X, Data.binary)]}
    )
    model.fit(Data.X, Data.binary, **held_out, eval_metric=loss.metric)
    (values,) = [result["focal_loss"] for result in model.evals_result_.values()]
    raw = model.booster_.predict(Data.X, raw_score=True)
    zero = loss.loss(Data.binary, np.zeros(N)).mean()
    assert values[-1] == pytest.approx(loss.loss(Data.binary, raw).mean() / zero, rel=1e-9)
