"""The sigmoid kernels: labels are independent in any layout, soft ones mixtures; float64 is as LightGBM's."""

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MultilabelFocalLoss
from focalboost._kernels import cpu, flags
from focalboost._kernels.interface import Parameters
from focalboost._kernels.sigmoid import TILE

PAIRS = [(0.0, 0.25), (1.0, (1.0, 5.0)), (3.0, 0.5)]


class Bits:
    """Labels of a row as the bits of a number."""

    def __init__(self, packed, n_labels):
        self.packed, self.shape = packed, (len(packed), n_labels)


def columns(loss, y, raw, weight):
    """Each label by itself."""
    results = []
    for label in range(raw.shape[1]):
        gamma, alpha = PAIRS[label % 3] if loss is None else (loss.gamma, loss.alpha)
        smoothing = 0.0 if loss is None else loss.label_smoothing
        one = BinaryFocalLoss(gamma, alpha, label_smoothing=smoothing)
        results.append(one.gradient_hessian(y[:, label].copy(), raw[:, label].copy(), weight))
    return [np.stack(part, axis=1) for part in zip(*results, strict=True)]


def of_labels(n_labels, **options):
    gamma, alpha = zip(*(PAIRS[label % 3] for label in range(n_labels)), strict=True)
    return MultilabelFocalLoss(gamma, alpha, **options)


def test_multilabel_equals_binaries(rng):
    raw, y = rng.normal(0, 3, (300, 3)), rng.integers(0, 2, (300, 3))
    weight = rng.uniform(0, 2, 300)
    g, h = of_labels(3).gradient_hessian(y, raw, weight)
    expected = columns(None, y, raw, weight)
    np.testing.assert_array_equal(g, expected[0])
    np.testing.assert_array_equal(h, expected[1])


@pytest.mark.parametrize(("dtype", "weighted"), [("f4", False), ("f4", True), ("f8", True)])
@pytest.mark.parametrize("kind", ["alike", "smoothed", "each its own"])
@pytest.mark.parametrize("labels", ["hard", "one soft, late"])
def test_layouts_of_labels_have_the_numbers_of_columns(dtype, weighted, kind, labels, rng):
    """Flat, with parameters beside the margins, or through tiles: each row has the numbers of a column."""
    n, n_labels = 4 * TILE + 3, 5
    raw, y = rng.normal(0, 3, (n, n_labels)).astype(dtype), rng.integers(0, 2, (n, n_labels)).astype("f4")
    if labels != "hard":
        y[-1, 3] = 0.25
    weight = rng.uniform(0, 2, n).astype("f4") if weighted else None
    alike = MultilabelFocalLoss(1.5, 0.25, label_smoothing=0.1 if kind == "smoothed" else 0.0)
    loss = of_labels(n_labels) if kind == "each its own" else alike
    expected = columns(None if kind == "each its own" else loss, y, raw, weight)
    in_order, in_steps = np.asfortranarray, lambda array: np.repeat(array, 2, axis=1)[:, ::2]
    layouts = [(y, raw), (in_order(y), in_order(raw)), (y, in_order(raw)), (in_steps(y), in_steps(raw))]
    for arrays in layouts:
        for part, true in zip(loss.gradient_hessian(*arrays, weight), expected, strict=True):
            # Code of whole registers and of what is left over may fuse other products.
            np.testing.assert_allclose(part, true, rtol=2e-7, atol=0)


def test_more_labels_than_a_tile_holds(rng):
    n_labels = TILE + 7
    raw, y = rng.normal(0, 3, (9, n_labels)), rng.integers(0, 2, (9, n_labels))
    for part, true in zip(
        of_labels(n_labels).gradient_hessian(y, raw), columns(None, y, raw, None), strict=True
    ):
        np.testing.assert_allclose(part, true, rtol=2e-7, atol=0)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("place", [(0, 0), (2500, 2), (4099, 1)])
def test_bad_input_is_noticed_in_every_layout(layout, place, rng):
    raw = rng.normal(0, 3, (4100, 3)).astype("f4")
    y = rng.integers(0, 2, raw.shape).astype("f4")
    for loss in (MultilabelFocalLoss(2.0), of_labels(3)):
        for array, bad, text in ((raw, np.nan, "raw_prediction"), (y, 2.0, "y_true")):
            good = array[place]
            array[place] = bad
            arrays = np.array(y, order=layout), np.array(raw, order=layout)
            with pytest.raises(ValueError, match=rf"{text}\[{place[0]}, {place[1]}\] == "):
                loss.gradient_hessian(*arrays)
            array[place] = good
        weight = np.ones(len(raw), "f4")
        weight[place[0]] = -1.0
        with pytest.raises(ValueError, match=rf"sample_weight\[{place[0]}\] == -1"):
            loss.gradient_hessian(np.array(y, order=layout), np.array(raw, order=layout), weight)


@pytest.mark.parametrize("bad", [None, 8.0, 0.5, -1.0, np.nan, np.inf, 1e30])
def test_labels_as_bits(bad, rng):
    raw = np.asfortranarray(rng.normal(0, 3, (2000, 3)))
    packed = rng.integers(0, 8, 2000).astype("f4")
    y = (packed[:, None].astype(int) >> np.arange(3) & 1).astype("f4")
    if bad is not None:
        packed[1999] = bad
    parameters = Parameters(np.array([[0.5, 1], [2, 2], [3, 0]]), np.ones((3, 2)))
    found, gradients = [], []
    for labels in (Bits(packed, 3), y):
        out = np.empty(raw.shape, "f4", "F"), np.empty(raw.shape, "f4", "F")
        found.append(cpu.sigmoid_gradient_hessian(labels, raw, None, parameters, out, 2))
        gradients.append(out[0][:1999])
    assert found == [flags.NO_FLAG if bad is None else flags.BAD_LABEL, flags.NO_FLAG]
    np.testing.assert_array_equal(*gradients)


def test_float64_margins_with_gamma_0_are_lightgbm_s_gradients(rng):
    """`BinaryLogloss::GetGradients`: computed in double, stored as float."""
    x = np.concatenate([rng.normal(-3, 3, 200_000), rng.uniform(-20, 20, 100_000)])
    y = (rng.random(x.size) < 0.3).astype("f4")
    label = np.where(y > 0, 1.0, -1.0)
    response = -label / (1.0 + np.exp(label * x))
    size = np.abs(response)
    weight = rng.uniform(0.1, 3, x.size).astype("f4")
    for w in (None, weight):
        g, h = BinaryFocalLoss(0.0).gradient_hessian(y, x, w)
        by = 1.0 if w is None else w.astype(float)
        # About one number in 1e8 lies between two float32 so that 1e-16 decides.
        assert np.count_nonzero(g != (response * by).astype("f4")) <= 1
        assert np.count_nonzero(h != (size * (1.0 - size) * by).astype("f4")) <= 1
        narrow = BinaryFocalLoss(0.0).gradient_hessian(y, x.astype("f4"), w)[0]
        assert np.mean(narrow != g) > 0.1  # so that it matters which one computes


def test_soft_labels_are_mixtures_and_smoothing_is_a_soft_label(rng):
    raw, y = rng.normal(0, 3, 200), rng.uniform(0, 1, 200)
    loss = BinaryFocalLoss(1.5, 0.3)
    parts = [loss.gradient_hessian(np.full(200, label), raw) for label in (0, 1)]
    for mixed, zero, one in zip(loss.gradient_hessian(y, raw), *parts, strict=True):
        np.testing.assert_allclose(mixed, (1 - y) * zero + y * one, rtol=1e-5, atol=1e-7)
    hard = rng.integers(0, 2, 200)
    smooth = BinaryFocalLoss(1.5, 0.3, label_smoothing=0.2)
    for a, b in zip(
        smooth.gradient_hessian(hard, raw), loss.gradient_hessian(0.8 * hard + 0.1, raw), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(smooth.loss(hard, raw), loss.loss(0.8 * hard + 0.1, raw), rtol=1e-12)
