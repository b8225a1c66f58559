"""Each number is right or refused: at random points, in pairs of trainings, at the ends of parameters."""

import importlib
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")
mpmath = pytest.importorskip("mpmath")

FOLDER = Path(__file__).parents[2] / "benchmarks"
INF = float("inf")


@pytest.fixture(scope="module")
def fuzz():
    before, digits = set(sys.modules), mpmath.mp.dps
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(FOLDER / "fuzz"), *sys.path])
        module = importlib.import_module("numerics")
    yield module
    mpmath.mp.dps = digits
    for added in {"numerics", "reference", "harness"} - before:
        sys.modules.pop(added, None)


# ---------------------------------------------------------------------- arithmetic
def test_a_short_run_of_the_arithmetic(fuzz):
    counts, worst, faults = fuzz.arithmetic(400, seed=1)
    assert faults == []
    assert counts["right"] > 200
    assert counts["refused"] > 50
    for name in ("gradient, gamma to 5", "Hessian, gamma to 5"):
        assert 0.0 < worst[name][0] <= fuzz.USUAL


@pytest.mark.parametrize("method", ["gradient_hessian", "loss", "posterior"])
@pytest.mark.parametrize("factor", [1.0001, np.nan])
def test_the_judge_sees_what_it_looks_for(fuzz, monkeypatch, method, factor):
    right = getattr(BinaryFocalLoss, method)

    def wrong(*arguments):
        found = right(*arguments)
        return tuple(a * np.float32(factor) for a in found) if isinstance(found, tuple) else found * factor

    monkeypatch.setattr(BinaryFocalLoss, method, wrong)
    point = fuzz.Point("binary", BinaryFocalLoss(2.0), [1.0], np.array([0.5]), 1.0, 0.0)
    errors = fuzz.judge(point)
    assert any(errors[name] > limit for name, limit in fuzz.LIMITS.items())


@given(
    gamma=st.tuples(st.floats(0, 100), st.floats(0, 100)),
    alpha=st.tuples(st.floats(1e-15, 1e15), st.floats(1e-15, 1e15)),
    smoothing=st.one_of(st.just(0.0), st.floats(1e-30, 0.99)),
    hessian=st.sampled_from(["guarded", "exact", "reweighted"]),
    y=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1, width=32)),
    x=st.floats(allow_nan=False, allow_infinity=False, width=32),
    weight=st.floats(1e-10, 1e10),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_point_is_right(fuzz, gamma, alpha, smoothing, hessian, y, x, weight):
    loss = BinaryFocalLoss(gamma, alpha, label_smoothing=smoothing, hessian=hessian)
    errors = fuzz.judge(fuzz.Point("binary", loss, [y], np.array([x]), weight, smoothing))
    assert all(errors[name] <= limit for name, limit in fuzz.LIMITS.items()), errors


# ---------------------------------------------------------------------- trainings
def test_trainings_that_must_agree(fuzz):
    found, different = fuzz.trainings(1, seed=3)
    assert len(found) == 20
    assert different == []


N = 400
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2)).astype(np.float32)
SCORE = X[:, 0] * 2 + RNG.normal(size=N) * 0.3
RANKS = np.argsort(np.argsort(-SCORE))


def margins(library, loss, y, weight, params):
    """Of three rounds; with a name as loss, of the booster's own objective."""
    if library == "xgboost":
        params = {"max_depth": 2, "nthread": 1, **params}
        matrix = xgboost.DMatrix(X, y, weight=weight)
        if isinstance(loss, str):
            model = xgboost.train({"objective": loss, **params}, matrix, 3)
        else:
            from focalboost.xgboost import train  # XGBoost is an extra

            model = train(loss, params, matrix, 3)
        return model.predict(matrix, output_margin=True)
    params = {
        "num_leaves": 4,
        "num_threads": 1,
        "verbose": -1,
        "min_data_in_leaf": 1,
        "max_bin": 31,
        **params,
    }
    dataset = lightgbm.Dataset(X.copy(), y, weight=weight, params=params)
    if isinstance(loss, str):
        model = lightgbm.train({"objective": loss, **params}, dataset, 3)
    else:
        from focalboost.lightgbm import train  # LightGBM is an extra

        model = train(loss, params, dataset, 3)
    return model.predict(X, raw_score=True)


OWN = {"xgboost": ("binary:logistic", "multi:softprob"), "lightgbm": ("binary", "multiclass")}


def learns(found):
    return np.isfinite(found).all() and (np.ptp(found.reshape(N, -1), axis=0) > 0).any()


def outcome(library, loss, y, weight, params, plain):
    """What became of a training that plain log loss learns from: it learned too, or it was refused."""
    try:
        found = margins(library, loss, y, weight, params)
    except ValueError as error:
        if "must be" not in str(error):
            raise
        return "refused"
    assert learns(found) or not plain, (library, loss, np.mean(y), weight)
    return "learned"


GAMMAS = (0.0, 2.0, 10.0, 40.0, 100.0)
ALPHAS = (None, "balanced", (1e-4, 1.0), (1.0, 1e-4), (1.0, 1e-9), (1.0, 1e-20), (1e-30, 1e30))


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("rate", [0.0075, 0.1, 0.5])
def test_what_is_accepted_learns_where_log_loss_does(library, rate):
    y = (rate * N > RANKS).astype(np.float32)
    plain = learns(margins(library, OWN[library][0], y, None, {}))
    assert plain or library == "xgboost"  # whose min_child_weight of 1 needs more than three positive rows
    outcomes = {}
    for gamma, (alpha, smoothing) in product(GAMMAS, ((None, 1e-9), *((alpha, 0.0) for alpha in ALPHAS))):
        hessian = ("guarded", "reweighted", "exact")[len(outcomes) % 3]
        loss = BinaryFocalLoss(gamma, alpha, hessian=hessian, label_smoothing=smoothing)
        outcomes[gamma, alpha, smoothing] = outcome(library, loss, y, None, {}, plain)
    for gamma, alpha in product(GAMMAS, (None, "balanced", (1e-4, 1.0))):
        assert outcomes[gamma, alpha, 0.0] == "learned"
    for gamma in GAMMAS:
        assert outcomes[gamma, (1e-30, 1e30), 0.0] == "refused"


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_what_is_accepted_learns_with_any_weights(library):
    """Parameters that compare with the Hessian are set to 0: with them log loss does not learn either."""
    y = (0.1 * N > RANKS).astype(np.float32)
    params = (
        {"min_child_weight": 0, "reg_lambda": 0}
        if library == "xgboost"
        else {"min_sum_hessian_in_leaf": 0, "min_gain_to_split": 0}
    )
    learned = 0
    for weight, gamma in product((1e-30, 1e-12, 1e-3, 1e6, 1e30), (0.0, 2.0, 40.0)):
        weights = np.full(N, weight, np.float32)
        plain = learns(margins(library, OWN[library][0], y, weights, params))
        found = outcome(library, BinaryFocalLoss(gamma), y, weights, params, plain)
        assert found == "learned" or weight == 1e30
        learned += plain
    assert learned >= 6


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_what_is_accepted_learns_several_classes(library):
    y = np.select([RANKS < 0.02 * N, RANKS < 0.3 * N], [2, 1], 0).astype(np.float32)
    params = {"num_class": 3}
    assert learns(margins(library, OWN[library][1], y, None, params))
    for gamma, alpha in product(
        (*GAMMAS, (0.0, 2.0, 100.0)), (None, "balanced", (1.0, 1.0, 1e-6), (1e-25, 1, 1e25))
    ):
        outcome(library, MulticlassFocalLoss(gamma, alpha, n_classes=3), y, None, params, True)


def test_what_is_accepted_learns_several_labels():
    y = np.stack([RANKS < 0.02 * N, RANKS < 0.3 * N], axis=1).astype(np.float32)
    assert learns(margins("xgboost", "binary:logistic", y, None, {}))
    for gamma, alpha in product(
        (*GAMMAS, (0.0, 100.0)), (None, "balanced", 1e-4, ((1.0, 1.0), (1e-20, 1.0)))
    ):
        outcome("xgboost", MultilabelFocalLoss(gamma, alpha, n_labels=2), y, None, {}, True)


# ---------------------------------------------------------------------- weights, however they come
@pytest.mark.parametrize("bad", [1e39, 1e-42, 1e-50, -1.0, INF, np.nan])
def test_weights_that_float32_cannot_hold_are_refused_before_training(bad):
    # The boosters are extras.
    from focalboost.lightgbm import FocalLGBMClassifier, train
    from focalboost.xgboost import FocalXGBClassifier

    y = (RANKS < 40).astype(int)
    weight = np.ones(N)
    weight[7] = bad
    loss = BinaryFocalLoss(2.0)
    resolved = loss.for_labels(y)
    name = rf"sample_weight\[7\] == {str(bad).replace('+', chr(92) + '+')}, must be"
    data = {"verbose": -1, "num_threads": 1}
    calls = [
        lambda: loss.for_labels(y, weight),
        lambda: loss.gradient_hessian(y, SCORE, weight),
        lambda: loss.loss(y, SCORE, weight),
        lambda: loss.metric(y, SCORE, weight),
        lambda: loss(y, SCORE, weight),
        lambda: FocalXGBClassifier(n_estimators=1).fit(X, y, sample_weight=weight),
        lambda: FocalLGBMClassifier(n_estimators=1, verbose=-1).fit(X, y, sample_weight=weight),
        lambda: FocalXGBClassifier(n_estimators=1).fit(
            X, y, eval_set=[(X, y)], sample_weight_eval_set=[weight], verbose=False
        ),
        lambda: FocalLGBMClassifier(n_estimators=1, verbose=-1).fit(
            X, y, eval_set=[(X, y)], eval_sample_weight=[weight]
        ),
        lambda: train(loss, data, lightgbm.Dataset(X, y, weight=weight), 1),
        lambda: train(resolved, data, lightgbm.Dataset(X, y, weight=weight), 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=name):
            call()


def test_weights_of_a_dmatrix_are_refused_before_training():
    """A DMatrix holds float32, in which 1e-50 is 0 before anyone can look; 1e39 and -1 XGBoost refuses."""
    from focalboost.xgboost import train  # XGBoost is an extra

    y = (RANKS < 40).astype(int)
    weight = np.ones(N)
    weight[7] = 1e-42
    matrix, good = xgboost.DMatrix(X, y, weight=weight), xgboost.DMatrix(X, y)
    loss = BinaryFocalLoss(2.0)
    for call in [
        lambda: train(loss, {}, matrix, 1),
        lambda: train(loss.for_labels(y), {}, matrix, 1),
        lambda: train(loss, {}, good, 1, evals=[(matrix, "eval")], verbose_eval=False),
    ]:
        with pytest.raises(ValueError, match=r"sample_weight\[7\] == 1\.000\d*e-42, must be 0 or from"):
            call()
