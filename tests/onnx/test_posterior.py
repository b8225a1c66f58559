"""The closed form as nodes, in ONNX Runtime, against the losses, with margins beyond those of trainings."""

import numpy as np
import pytest
from scipy.special import expit

for needed in ("onnx", "onnxruntime", "xgboost", "lightgbm"):
    pytest.importorskip(needed)
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss  # noqa: E402  # after the check
from focalboost._classifier.target import Target  # noqa: E402
from focalboost.onnx import _export  # noqa: E402
from focalboost.onnx._forest import Forest, Parts  # noqa: E402
from focalboost.onnx._graph import Graph  # noqa: E402
from focalboost.onnx._source import Source  # noqa: E402
from tests.onnx.models import onnxruntime  # noqa: E402

LINE = np.concatenate(
    [np.linspace(-100.0, 100.0, 801), [0.0, -0.0, 1e-300, -1e-9, 1e-9, 700.0, -700.0, 1e4, -1e4]]
)
BINARY = [
    BinaryFocalLoss(0.0, (1.0, 3.0)),
    BinaryFocalLoss(2.0),
    BinaryFocalLoss(0.5, 0.99),
    BinaryFocalLoss((0.0, 4.0), (1.0, 1e6)).with_shift(-3.0),
    BinaryFocalLoss(30.0, 0.25, label_smoothing=0.1).with_shift(0.7),
]
SEVERAL = [
    MulticlassFocalLoss(0.0, (1.0, 2.0, 3.0)),
    MulticlassFocalLoss(2.0, n_classes=3),
    MulticlassFocalLoss((0.0, 0.5, 8.0), (1.0, 100.0, 1e-3)).with_shift((0.0, -2.0, 5.0)),
]


def evaluated(loss, task, margins):
    """Probabilities in float64, by ONNX Runtime."""
    n = margins.shape[1]
    forest = Forest([], 1, n, np.float32)
    source = Source(Parts(forest, None, [], {}), loss, Target(task, np.arange(max(n, 2))), "posterior")
    graph = Graph()
    values, _ = _export._posterior(graph, source, "margins")
    double = _export.onnx.TensorProto.DOUBLE
    made = _export._finished(
        graph,
        [_export.helper.make_tensor_value_info("margins", double, [None, n])],
        [_export.helper.make_tensor_value_info(values, double, [None, None])],
        15,
        {},
    )
    _export.check_posterior(source, 15)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    return session.run(None, {"margins": margins})[0]


@pytest.mark.parametrize("loss", BINARY, ids=repr)
def test_binary_at_both_ends(loss):
    logit = loss.posterior_logit(LINE)
    found = evaluated(loss, "binary", LINE[:, None])
    wanted = np.stack([expit(-logit), expit(logit)], axis=1)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-290)


def test_multilabel_is_the_binary_of_each_label():
    loss = MultilabelFocalLoss((0.0, 2.0, 5.0), ((1.0, 2.0), 0.9, 0.1)).with_shift((0.1, -0.2, 0.3))
    margins = np.stack([LINE, LINE[::-1], np.roll(LINE, 7)], axis=1)
    found = evaluated(loss, "multilabel", margins)
    np.testing.assert_allclose(found, loss.posterior(margins), rtol=1e-11, atol=1e-290)


@pytest.mark.parametrize("offset", [0.0, 100.0, -1000.0])
@pytest.mark.parametrize("loss", SEVERAL, ids=repr)
def test_multiclass_at_both_ends(loss, offset):
    margins = np.stack([LINE, LINE[::-1], np.roll(LINE, 7)], axis=1)[np.abs(LINE) <= 100] + offset
    found = evaluated(loss, "multiclass", margins)
    wanted = loss.posterior(margins)
    # What is below exp(-700) of the largest is not told apart.
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-290)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_array_equal(found.argmax(axis=1), wanted.argmax(axis=1))


@pytest.mark.parametrize("margin", [700.0, 1e4])
def test_multiclass_of_diverged_margins_is_a_number(margin):
    found = evaluated(SEVERAL[2], "multiclass", np.array([[margin, 0.0, -margin], [-margin, margin, margin]]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-14)
