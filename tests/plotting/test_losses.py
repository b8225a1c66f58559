"""Loss curves are the values of the loss objects."""

import numpy as np
import pytest
from scipy.special import logit

from focalboost import BinaryFocalLoss
from focalboost.plotting import LossCurveDisplay


@pytest.mark.parametrize("kind", ["loss", "gradient", "hessian"])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_curves_are_those_of_the_loss(kind, alpha, ax):
    loss = BinaryFocalLoss(2.0, alpha=alpha, hessian="exact")
    display = LossCurveDisplay.from_loss(loss, gammas=(0, 1.5), kind=kind, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    for k, gamma in enumerate((0, 1.5)):
        same = BinaryFocalLoss(gamma, alpha=alpha, hessian="exact")
        for c, label in enumerate((1, 0)):
            p, drawn = display.lines_[k, c].get_data()
            margins, labels = logit(p), np.full(p.size, label)
            gradient, hessian = same.gradient_hessian(labels, margins)
            expected = {"loss": same.loss(labels, margins), "gradient": gradient, "hessian": hessian}[kind]
            np.testing.assert_array_equal(drawn, expected.astype(float))


def test_against_the_formula(ax):
    """-(1 - p)^2 log p of a row of class 1."""
    p = np.array([0.1, 0.5, 0.9])
    display = LossCurveDisplay.from_loss(gammas=[2], classes=(1,), probability=p, ax=ax)
    np.testing.assert_allclose(display.lines_[0, 0].get_ydata(), -((1 - p) ** 2) * np.log(p), rtol=1e-12)


def test_classes_differ_by_the_dash_and_gammas_by_colour_and_marker(ax, legend):
    display = LossCurveDisplay.from_loss(ax=ax)
    assert display.lines_.shape == (5, 2)
    assert {line.get_linestyle() for line in display.lines_[:, 0]} == {"-"}
    assert {line.get_linestyle() for line in display.lines_[:, 1]} == {"--"}
    for looks in ("get_color", "get_marker"):
        assert len({getattr(line, looks)() for line in display.lines_[:, 0]}) == 5
    assert legend(ax) == [
        "gamma 0 (log loss)", "gamma 0.5", "gamma 1", "gamma 2", "gamma 5",
        "rows of class 1", "rows of class 0",
    ]  # fmt: skip


def test_names_say_what_differs(ax):
    losses = [BinaryFocalLoss(2.0), BinaryFocalLoss((1.0, 2.0), alpha=0.25)]
    display = LossCurveDisplay.from_loss(losses, ax=ax)
    assert display.names == ["gamma 2, alpha None", "gamma (1.0, 2.0), alpha 0.25"]


def test_a_display_draws_again(ax):
    first = LossCurveDisplay.from_loss(gammas=[1], ax=ax, line_kw={"linewidth": 4})
    assert first.lines_[0, 0].get_linewidth() == 4
    before = first.lines_[0, 0]
    again = first.plot()
    assert again is first
    assert first.ax_ is not ax
    np.testing.assert_array_equal(before.get_ydata(), first.lines_[0, 0].get_ydata())


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"kind": "curve"}, r"kind == 'curve', must be one of"),
        ({"gammas": []}, r"must name one at least"),
        ({"gammas": [-1]}, r"gamma == -1, must be >= 0"),
        (
            {"gammas": [1], "loss": [BinaryFocalLoss(), BinaryFocalLoss(1.0)]},
            r"gammas is for one loss, loss has 2",
        ),
        ({"classes": (2,)}, r"classes == \(2,\), must be of 0 and 1"),
        ({"classes": ()}, r"classes == \(\), must be of 0 and 1"),
        ({"probability": [0.0, 0.5]}, r"must be a list of numbers in \(0, 1\)"),
    ],
)
def test_refusals(wrong, error):
    with pytest.raises(ValueError, match=error):
        LossCurveDisplay.from_loss(**wrong)


def test_other_losses_are_refused():
    with pytest.raises(TypeError, match=r"loss has a str, must be a BinaryFocalLoss"):
        LossCurveDisplay.from_loss(["focal"])


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"values has shape \(1, 2, 2\), must be \(1, 2, 3\)"):
        LossCurveDisplay(probability=[0.1, 0.2, 0.3], values=np.zeros((1, 2, 2)), names=["a"])
