"""gamma, alpha and row weights whose products float32 cannot hold are refused, with what would do."""

import re

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost.calibration._schema import check_factors

Y = np.arange(100) < 10


def most(error):
    return float(re.search(r"must be at most ([0-9.e+]+):", str(error.value))[1])


@pytest.mark.parametrize(
    ("loss", "again", "labels"),
    [
        (
            BinaryFocalLoss(100.0, (1.0, 1e-20)),
            lambda gamma: BinaryFocalLoss(gamma, (1.0, 1e-20)),
            Y,
        ),
        (
            MulticlassFocalLoss(100.0, (1.0, 1e-15)),
            lambda gamma: MulticlassFocalLoss(gamma, (1.0, 1e-15)),
            Y,
        ),
        (
            MultilabelFocalLoss(100.0, ((1.0, 1.0), (1.0, 1e-20))),
            lambda gamma: MultilabelFocalLoss(gamma, ((1.0, 1.0), (1.0, 1e-20))),
            np.stack([Y, Y], axis=1),
        ),
    ],
    ids=["binary", "multiclass", "multilabel"],
)
def test_the_largest_gamma_is_named_and_works(loss, again, labels):
    with pytest.raises(ValueError, match=r"gamma == 100, must be at most .* Useful are 0 to 5") as error:
        loss.for_labels(labels)
    gamma = most(error)
    assert 20.0 < gamma < 100.0
    again(gamma).for_labels(labels)
    with pytest.raises(ValueError, match="must be at most"):
        again(gamma + 1.0).for_labels(labels)


def test_the_largest_ratio_of_class_weights_is_named_and_works():
    with pytest.raises(
        ValueError, match="weights that differ by a factor of 1e\\+60, must be at most"
    ) as error:
        BinaryFocalLoss(2.0, (1e-30, 1e30)).for_labels(Y)
    ratio = most(error)
    BinaryFocalLoss(2.0, (ratio**-0.5, ratio**0.5)).for_labels(Y)
    with pytest.raises(ValueError, match="must be at most"):
        BinaryFocalLoss(2.0, (ratio**-0.5, 1.1 * ratio**0.5)).for_labels(Y)


@pytest.mark.parametrize("weight", [1e-31, 1e38])
def test_row_weights_beyond_the_range_of_the_resolved_loss(weight):
    """Before training, where `for_labels` sees them; float32 holds the weights, and not their products."""
    with pytest.raises(ValueError, match=r"sample_weight == 1.*, must be 0 or from .* Divide all weights by"):
        BinaryFocalLoss(2.0).for_labels(Y, np.full(100, weight))
    with pytest.raises(ValueError, match=r"sample_weight == 1.*, must be 0 or from"):
        MulticlassFocalLoss(2.0).for_labels(Y, np.full(100, weight))


def test_a_weight_of_0_is_none_of_the_smallest():
    weights = np.ones(100)
    weights[::3] = 0.0
    BinaryFocalLoss(2.0).for_labels(Y, weights)


@pytest.mark.parametrize("factor", [np.nan, 0.0, 1e-40, 1e40, np.inf])
def test_factors_of_an_edited_record(factor):
    with pytest.raises(ValueError, match=r"scale times alpha == .*, must be from"):
        check_factors(np.array([1.0, factor]))
    loss = BinaryFocalLoss(2.0)
    loss._set(scale=factor)
    with pytest.raises(ValueError, match=r"scale times alpha == .*, must be from"):
        loss.gradient_hessian([0, 1], [0.0, 0.0])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_start_that_xgboost_cannot_make_is_refused(sign):
    alpha = (1.0, 1e-9)[::sign]
    loss = BinaryFocalLoss(0.0, alpha).for_labels(Y)
    with pytest.raises(ValueError, match=r"intercept == .*, must be from -17.8 to 17.8 for XGBoost"):
        _ = loss.base_score
    assert abs(loss.start_margins()[0]) > 17.8


@pytest.mark.parametrize("alpha", [(1.0, 1e-6), (1e-8, 1.0)])
def test_a_start_a_little_beyond_xgboost_s_is_brought_to_it(alpha):
    loss = BinaryFocalLoss(0.0, alpha).for_labels(Y)
    assert 13.8 < abs(loss.intercept) < 17.8
    assert loss.base_score in {1e-6, 1.0 - 1e-6}
    xgboost = pytest.importorskip("xgboost")
    from focalboost.xgboost import train  # XGBoost is an extra

    X = np.arange(100.0)[:, None]
    margins = train(loss, {}, xgboost.DMatrix(X, Y), 3).predict(xgboost.DMatrix(X), output_margin=True)
    assert np.ptp(margins) > 0.0
