"""Small models, and what ONNX Runtime makes of them."""

import numpy as np
import pytest

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
xgb = pytest.importorskip("xgboost")
lgb = pytest.importorskip("lightgbm")
from focalboost.onnx import to_onnx  # noqa: E402  # needs onnx
from tests.classifier.models import MAKERS, TASKS, Data, N, quiet  # noqa: E402

__all__ = [
    "MAKERS",
    "TASKS",
    "Data",
    "N",
    "check",
    "label_agrees",
    "missing",
    "probabilities",
    "quiet",
    "run",
]

DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}
LEAST = 1e-12  # the least probability that is compared by its relative error


def missing(X, share=0.15):
    """X with holes, none of them in the first row."""
    holes = np.random.default_rng(1).random(X.shape) < share
    holes[0] = False
    return np.where(holes, np.nan, X)


def run(exported, X, *, n_threads=1):
    """Labels and probabilities of ONNX Runtime, which reads nothing but the bytes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(exported.SerializeToString(), options)
    (entry,) = session.get_inputs()
    return session.run(["label", "probabilities"], {entry.name: np.asarray(X, DTYPES[entry.type])})


def probabilities(model, X):
    """predict_proba; of two classes the first column from the logit, as 1 - p loses its digits next to 1."""
    values = model.predict_proba(X)
    if values.shape[1] != 2 or model._target.task != "binary":
        return values
    logit = model.decision_function(X)
    return np.stack([1.0 / (1.0 + np.exp(logit)), 1.0 / (1.0 + np.exp(-logit))], axis=1)


def check(model, X, *, rtol=1e-6, n_threads=1, **options):
    """The exported model says what the model says."""
    exported = to_onnx(model, **options)
    label, found = run(exported, X, n_threads=n_threads)
    wanted = probabilities(model, X)
    assert found.shape == wanted.shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[wanted > LEAST], wanted[wanted > LEAST], rtol=rtol)
    assert (found[wanted <= LEAST] < 1.1 * LEAST).all()
    label_agrees(label, model.predict(X))
    return exported


def label_agrees(found, wanted):
    kinds = {"i": "i", "u": "i", "b": "b", "f": "f"}
    assert found.dtype.kind == kinds.get(wanted.dtype.kind, "O")
    np.testing.assert_array_equal(found, wanted)
