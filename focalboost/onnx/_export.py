"""The public call: a model in, an ONNX model out."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from focalboost import _validation
from focalboost._typing import Array
from focalboost.onnx._graph import ML, ML_VERSION, Graph, element_type
from focalboost.onnx._posterior import sigmoid_logit, sigmoid_pair, softmax_posterior
from focalboost.onnx._source import Source, read_model

_OPSETS = (15, 21)
_DTYPES = ("auto", "float32", "float64")
LABEL, PROBABILITIES = "label", "probabilities"
_PREFIX = "focalboost_"  # of all names inside the graph


def to_onnx(
    model: Any,
    *,
    dtype: Literal["auto", "float32", "float64"] = "auto",
    target_opset: int = _OPSETS[0],
    input_name: str = "X",
) -> onnx.ModelProto:
    """An ONNX model whose outputs are what `predict` and `predict_proba` of the model are.

    The trees are in it with their margins, and after them the closed form of `focalboost.calibration` with
    gamma, class weights and shift of the loss, in float64: probabilities down to 1e-12 have a relative error
    below 1e-5, at both ends. Before it is returned, the closed form is run on margins and compared with the
    loss's own.

    Parameters
    ----------
    model : FocalXGBClassifier, FocalLGBMClassifier, xgboost.Booster or lightgbm.Booster
        A booster needs a stored loss: of `focalboost.xgboost.train`, `focalboost.lightgbm.train`, `start`, or
        of a classifier, whose classes it then has. Trees up to where the model's own predict goes: that of
        xgboost.Booster takes all rounds, `to_onnx(booster[: booster.best_iteration + 1])` the best ones.
    dtype : {"auto", "float32", "float64"}, default="auto"
        Of the rows. "auto" is what the booster computes in: float32 for XGBoost, float64 for LightGBM, whose
        thresholds lie between float64 numbers. Rows of the other dtype are cast in the model, with the
        result that the booster has for such rows.
    target_opset : int from 15 to 21, default=15
        Of ONNX's operators; the trees are of version 3 of ai.onnx.ml. ONNX Runtime 1.16 runs up to 19, 1.18
        and later run 21, with the same results. A later one than 15 is of use for merging with another model.
    input_name : str, default="X"
        Name of the input; not that of an output, and not one that begins with `focalboost_`.

    Returns
    -------
    onnx.ModelProto
        Input: (n_samples, n_features). Outputs: `label`, as predict, (n_samples,) of int64, text, bool or
        float64, or (n_samples, n_labels) of int64; and `probabilities`, as predict_proba, float32 of shape
        (n_samples, n_classes) or (n_samples, n_labels). Of a booster that no classifier trained the classes
        are 0, 1, ... The metadata have the loss ("focalboost.loss"), the names of the features, and for
        columns of categories what their numbers stand for ("focalboost.categories": JSON, the number of the
        column and its list), where the booster keeps that whole. Not in it are XGBoost's texts beyond ASCII,
        which its versions 3.1 to 3.3 cut off, and LightGBM's of frames with ordered categories.

    Raises
    ------
    TypeError
        If the model is none of these.
    ValueError
        If it has no stored loss, no trees that ONNX has (booster="gblinear", linear_tree), or predicts with
        a part of them (pred_early_stop), or if dtype, target_opset or input_name is not valid.
    RuntimeError
        If the closed form in the graph differs from the loss's.

    Notes
    -----
    Missing values are NaN, as are 0 under zero_as_missing and the number `missing` of FocalXGBClassifier. A
    column of categories has their numbers, as `column.cat.codes` of the training frame, and NaN for none.
    base_margin and init_score cannot be passed.

    For a set of categories that trees ask for, the model makes a column of 0 and 1: hundreds of trees have
    thousands of sets, each of about 10 bytes a row while it runs (XGBoost), or 19 (LightGBM). So pass some
    thousand rows a call, not a million.

    XGBoost adds leaf values in float32, in the order of the trees. So does ONNX Runtime with one thread
    (`SessionOptions.intra_op_num_threads = 1`) or one row a call: the same to the last bit of a float32. With
    more threads it adds them in parts, and sums differ by rounding: probabilities of 300 trees by 2e-5 of
    their size at most. LightGBM adds in float64: 1.4e-6 with any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.onnx import to_onnx
    >>> from focalboost.xgboost import FocalXGBClassifier
    >>> X = np.arange(1000.0)[:, None]
    >>> y = np.where(np.arange(1000) >= 950, "fraud", "good")
    >>> model = FocalXGBClassifier(n_estimators=20, n_jobs=1).fit(X, y)
    >>> [output.name for output in to_onnx(model).graph.output]
    ['label', 'probabilities']
    """
    source = read_model(model)
    _validation.check_choice("dtype", dtype, _DTYPES)
    opset = _check_opset(target_opset)
    _check_name(input_name)
    check_posterior(source, opset)
    taken = np.dtype(source.parts.forest.dtype).name if dtype == "auto" else dtype
    graph = Graph(_PREFIX)
    add_model(graph, source, input_name, taken, LABEL, PROBABILITIES)
    n_columns = len(source.target.classes)
    label_shape = [None, n_columns] if source.target.task == "multilabel" else [None]
    return _finished(
        graph,
        [
            helper.make_tensor_value_info(
                input_name, element_type(taken), [None, source.parts.forest.n_features]
            )
        ],
        [
            helper.make_tensor_value_info(LABEL, label_type(source), label_shape),
            helper.make_tensor_value_info(PROBABILITIES, onnx.TensorProto.FLOAT, [None, n_columns]),
        ],
        opset,
        source.record(),
    )


def _check_opset(value: Any) -> int:
    least, most = _OPSETS
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ValueError(
            f"target_opset == {_validation.show(value)}, must be a whole number from {least} to {most}. "
            f"{least} runs wherever a later one does."
        )
    return int(value)


def _check_name(value: Any) -> None:
    is_text = isinstance(value, str) and value != ""
    if not is_text or value in {LABEL, PROBABILITIES} or value.startswith(_PREFIX):
        raise ValueError(
            f"input_name == {_validation.show(value)}, must be text, and not {LABEL!r} or {PROBABILITIES!r}, "
            f"which the outputs are, nor begin with {_PREFIX!r}, as the names inside the model do."
        )


# ---------------------------------------------------------------------- the graph
def add_model(graph: Graph, source: Source, data: str, dtype: str, label: str, probabilities: str) -> None:
    """From rows to labels and probabilities."""
    margins = source.parts.forest.margins(graph, _as_booster_reads(graph, source, data, dtype))
    values, index = _posterior(graph, source, margins)
    graph.cast(values, np.float32, output=probabilities)
    if source.target.task == "multilabel":
        graph.add("Identity", index, output=label)
    else:
        graph.add("Gather", graph.constant(_plain(source.target.classes)), index, output=label)


def label_type(source: Source) -> int:
    classes = source.target.classes
    return element_type(np.int64 if source.target.task == "multilabel" else _plain(classes).dtype)


def _plain(classes: Array) -> Array:
    """Classes as a tensor has them: whole numbers as int64, text as objects."""
    kind = classes.dtype.kind
    if kind == "u" and classes.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"classes_ has {classes.max()}, must be at most {np.iinfo(np.int64).max}, the largest int64 of "
            "ONNX: number the classes otherwise, or use text."
        )
    return classes.astype({"i": np.int64, "u": np.int64, "f": np.float64, "b": bool}.get(kind, object))


def _as_booster_reads(graph: Graph, source: Source, data: str, dtype: str) -> str:
    """Features after the booster's own rounding, in the dtype that it computes in."""
    own = np.dtype(source.parts.forest.dtype)
    rows = data if own == dtype else graph.cast(data, own)
    if np.isnan(source.parts.missing):
        return rows
    is_missing = graph.add("Equal", rows, graph.constant(np.array(source.parts.missing, own)))
    return graph.add("Where", is_missing, graph.constant(np.array(np.nan, own)), rows)


def _posterior(graph: Graph, source: Source, margins: str) -> tuple[str, str]:
    """Probabilities in float64, a column per class or label, and the number of the class, or 0 and 1."""
    gamma, added = source.gamma(), source.added()
    if source.target.task == "multiclass":
        values = softmax_posterior(graph, margins, gamma, added)
        return values, graph.add("ArgMax", values, axis=1, keepdims=0)
    logit = sigmoid_logit(graph, margins, gamma, added)
    no, yes = sigmoid_pair(graph, logit)
    above = graph.cast(graph.add("Greater", logit, graph.constant(np.zeros(()))), np.int64)
    if source.target.task == "multilabel":
        return yes, above
    return graph.add("Concat", no, yes, axis=1), graph.add("Reshape", above, graph.constant(np.array([-1])))


def _finished(
    graph: Graph, inputs: Any, outputs: Any, opset: int, metadata: dict[str, str]
) -> onnx.ModelProto:
    nodes = [
        helper.make_node(node.operator, node.inputs, [node.output], domain=node.domain, **node.attributes)
        for node in graph.nodes
    ]
    constants = [numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    made = helper.make_model(
        helper.make_graph(nodes, "focalboost", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(ML, ML_VERSION)],
        # The oldest that has the operators: a newer one is refused by older runtimes.
        ir_version=8,
        producer_name="focalboost",
        # The package is above this wing, and loaded before it.
        producer_version=sys.modules["focalboost"].__version__,
    )
    helper.set_model_props(made, metadata)
    onnx.checker.check_model(made)
    return made


# ---------------------------------------------------------------------- the check of each export
def check_posterior(source: Source, opset: int) -> None:
    """Run the nodes of the closed form on margins and compare them with what the loss itself says.

    A loss that learns a new term, and is exported without it, must not give wrong probabilities.
    """
    n = source.parts.forest.n_outputs
    line = np.array([-90.0, -30.0, -8.0, -2.0, -0.3, 0.0, 0.7, 3.0, 12.0, 40.0])
    margins = np.stack([np.roll(line, 3 * k) for k in range(n)], axis=1)
    graph = Graph()
    values, _ = _posterior(graph, source, "margins")
    double = onnx.TensorProto.DOUBLE
    made = _finished(
        graph,
        [helper.make_tensor_value_info("margins", double, [None, n])],
        [helper.make_tensor_value_info(values, double, [None, None])],
        opset,
        {},
    )
    evaluated: Any = ReferenceEvaluator(made).run(None, {"margins": margins})
    found = np.asarray(evaluated[0])
    binary = source.target.task == "binary"
    wanted = source.predicted(margins[:, 0] if binary else margins)
    if not np.allclose(found[:, 1] if binary else found, wanted, rtol=1e-7, atol=1e-40):
        raise RuntimeError(
            f"the closed form of {source.loss!r} as ONNX nodes is not its posterior: this is a fault of "
            "focalboost.onnx. Please report it; serve with focalboost.calibration until then."
        )
