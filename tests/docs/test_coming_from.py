"""docs/coming_from.md: losses of other libraries, written out in NumPy, are ours by the names of its table.

The formulas are those of the libraries' own sources, the numbers those that their documentation prints.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, logit

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from.md").read_text(encoding="utf-8")
RNG = np.random.default_rng(0)
MARGINS = RNG.uniform(-8.0, 8.0, 400)
Y = RNG.integers(0, 2, 400)
P = expit(MARGINS)
P_T = np.where(Y == 1, P, 1.0 - P)


def shares(alpha):
    """One number weighs class 1 by alpha, class 0 by 1 - alpha: Lin et al., CatBoost, Keras, torchvision."""
    return np.where(Y == 1, alpha, 1.0 - alpha)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.8, 0.5), (0.5, 1.0)])
def test_catboost_torchvision_and_a_pasted_loss(alpha, gamma):
    close(BinaryFocalLoss(gamma, alpha).loss(Y, MARGINS), -shares(alpha) * (1 - P_T) ** gamma * np.log(P_T))
    # What both weights have in common changes nothing: the same start, the same gradient after scaling.
    pair = BinaryFocalLoss(gamma, (1.0, alpha / (1.0 - alpha))).for_labels(Y)
    one = BinaryFocalLoss(gamma, alpha).for_labels(Y)
    close(pair.intercept, one.intercept)
    close(pair.loss(Y, MARGINS), one.loss(Y, MARGINS))


def test_catboost_derivative():
    """CatBoost's CalcDer, which is that of minus the loss."""
    alpha, gamma = 0.25, 2.0
    sign = 2 * Y - 1
    der = -shares(alpha) * sign * (1 - P_T) ** gamma * (gamma * P_T * np.log(P_T) + P_T - 1)
    gradient, _ = BinaryFocalLoss(gamma, alpha).gradient_hessian(Y, MARGINS)
    np.testing.assert_allclose(-gradient, der, rtol=1e-5)


def test_torchvision_without_alpha():
    """alpha=-1 leaves the class weights out."""
    cross_entropy = np.logaddexp(0.0, MARGINS) - Y * MARGINS
    p_t = P * Y + (1 - P) * (1 - Y)
    close(BinaryFocalLoss(2.0).loss(Y, MARGINS), cross_entropy * (1 - p_t) ** 2.0)


def keras(label, p, gamma, alpha=0.25, *, balanced=False, smoothing=0.0):
    """binary_focal_crossentropy of Keras 3, without its clipping."""
    label = label * (1.0 - smoothing) + 0.5 * smoothing
    p_t = label * p + (1 - label) * (1 - p)
    value = (1 - p_t) ** gamma * -(label * np.log(p) + (1 - label) * np.log(1 - p))
    return value * (label * alpha + (1 - label) * (1 - alpha)) if balanced else value


def test_keras():
    close(BinaryFocalLoss(2.0).loss(Y, MARGINS), keras(Y, P, 2.0))
    close(BinaryFocalLoss(2.0, 0.7).loss(Y, MARGINS), keras(Y, P, 2.0, 0.7, balanced=True))


def test_keras_as_its_documentation_prints_it():
    label, p = np.array([[0, 1], [0, 0]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    ours = MultilabelFocalLoss(2.0).loss(label, logit(p)).mean(axis=1)
    np.testing.assert_allclose(ours, [0.330, 0.206], atol=5e-4)


def test_tensorflow_addons_as_its_documentation_prints_it():
    ours = BinaryFocalLoss(2.0, 0.25).loss([1, 1, 0], logit([0.97, 0.91, 0.03]))
    np.testing.assert_allclose(ours, [6.8532745e-06, 1.9097870e-04, 2.0559824e-05], rtol=1e-5)


def test_label_smoothing_of_keras_is_another_loss():
    """The page's numbers."""
    theirs = keras(1, 0.9, 2.0, smoothing=0.1)
    (ours,) = BinaryFocalLoss(2.0, label_smoothing=0.1).loss([1], [logit(0.9)])
    said = re.search(r"the loss is ([\d.]+) there and ([\d.]+) here", PAGE)
    assert said is not None
    assert [f"{theirs:.4f}", f"{ours:.3f}"] == list(said.groups())


def test_categorical_keras():
    """alpha * (1 - p)^gamma * -y log(p), summed over the classes."""
    margins, label = RNG.normal(0.0, 2.0, (200, 3)), RNG.integers(0, 3, 200)
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    alpha = np.array([0.2, 0.3, 0.5])
    theirs = (alpha * (1 - p) ** 2.0 * -np.eye(3)[label] * np.log(p)).sum(axis=1)
    close(MulticlassFocalLoss(2.0, alpha).loss(label, margins), theirs)


def test_imbalance_xgboost():
    """Its weighted cross-entropy: imbalance_alpha ** label; its focal loss: gamma alone."""
    gradient, hessian = BinaryFocalLoss(0.0, (1.0, 5.0)).gradient_hessian(Y, MARGINS)
    np.testing.assert_allclose(gradient, -(5.0**Y) * (Y - P), rtol=1e-5)
    np.testing.assert_allclose(hessian, 5.0**Y * P * (1 - P), rtol=1e-5)
    g, sign = 2.0, (-1.0) ** Y
    other = Y + sign * P  # 1 - p_t
    theirs = g * (P + Y - 1) * other**g * np.log(1 - other) + sign * other ** (g + 1)
    gradient, _ = BinaryFocalLoss(g).gradient_hessian(Y, MARGINS)
    np.testing.assert_allclose(gradient, theirs, rtol=1e-5)


def test_weights_of_the_boosters():
    """scale_pos_weight multiplies the rows of class 1; is_unbalance and "balanced" make the classes equal."""
    gradient, hessian = BinaryFocalLoss(0.0, (1.0, 7.0)).gradient_hessian(Y, MARGINS)
    weight = np.where(Y == 1, 7.0, 1.0)
    np.testing.assert_allclose(gradient, weight * (P - Y), rtol=1e-5)
    np.testing.assert_allclose(hessian, weight * P * (1 - P), rtol=1e-5)
    rare = np.arange(1000) < 10
    balanced = BinaryFocalLoss(0.0, "balanced").for_labels(rare)
    assert balanced.same_meaning(BinaryFocalLoss(0.0, (1.0, 99.0)))
    close(balanced.alpha[1] / balanced.alpha[0], 99.0)
    close(balanced.intercept, 0.0)


def test_confidence_of_a_perfect_model():
    """The page says what the confidence is where the rate is 0.01."""
    assert f"says {expit(BinaryFocalLoss(2.0).margin(0.01)):.2f} where the rate is 0.01" in PAGE


def test_the_smallest_confidence_with_a_positive_hessian():
    """The page says below which the exact Hessian of a fraud is negative."""
    (said,) = re.findall(r"for a fraud that has less than ([\d.]+)\.", PAGE)
    margins = logit(np.array([float(said) - 0.001, float(said) + 0.001]))
    _, hessian = BinaryFocalLoss(2.0, hessian="exact").gradient_hessian([1, 1], margins)
    assert hessian[0] < 0.0 < hessian[1]
