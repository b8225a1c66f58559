"""How skl2onnx converts a step of a pipeline that is one of the classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import skl2onnx
from onnx import numpy_helper
from skl2onnx.common import data_types

from focalboost.onnx._export import LABEL, PROBABILITIES, add_model, check_posterior, label_type
from focalboost.onnx._graph import ML, ML_VERSION, Graph
from focalboost.onnx._source import read_model

_LABEL_TYPES: dict[int, Any] = {
    onnx.TensorProto.INT64: data_types.Int64TensorType,
    onnx.TensorProto.DOUBLE: data_types.DoubleTensorType,
    onnx.TensorProto.BOOL: data_types.BooleanTensorType,
    onnx.TensorProto.STRING: data_types.StringTensorType,
}


def register(classifier: Any, alias: str) -> None:
    skl2onnx.update_registered_converter(
        classifier,
        alias,
        _shape,
        _convert,
        parser=_parse,
        # CalibratedClassifierCV sets raw_scores where it is an option, to get what decision_function gives.
        options={"zipmap": [False], "raw_scores": [False, True]},
    )


# skl2onnx passes its parsers on to those of pipelines.
def _parse(scope: Any, model: Any, inputs: list[Any], custom_parsers: Any = None) -> Any:  # noqa: ARG001
    operator = scope.declare_local_operator(skl2onnx.get_model_alias(type(model)), model)
    operator.inputs.extend(inputs)
    for name in (LABEL, PROBABILITIES):
        operator.outputs.append(scope.declare_local_variable(name, data_types.FloatTensorType()))
    return operator.outputs


def _shape(operator: Any) -> None:
    source = read_model(operator.raw_operator)
    rows = operator.inputs[0].get_first_dimension()
    n_columns = len(source.target.classes)
    of_label = _LABEL_TYPES[label_type(source)]
    operator.outputs[0].type = of_label([rows, n_columns] if source.target.task == "multilabel" else [rows])
    operator.outputs[1].type = data_types.FloatTensorType([rows, n_columns])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    if container.get_options(operator.raw_operator, {"raw_scores": False})["raw_scores"]:
        raise ValueError(
            "option raw_scores == True, as CalibratedClassifierCV sets it, must be False: its calibrators "
            "take decision_function, which is not in the ONNX model. Fit and export the classifier itself, "
            "whose probabilities the closed form has calibrated."
        )
    source = read_model(operator.raw_operator)
    check_posterior(source, container.target_opset)
    own = np.dtype(source.parts.forest.dtype)
    graph = Graph(f"{scope.get_unique_variable_name('focalboost')}_")
    columns = [graph.cast(variable.onnx_name, own) for variable in operator.inputs]
    rows = columns[0] if len(columns) == 1 else graph.add("Concat", *columns, axis=1)
    label, probabilities = (variable.onnx_name for variable in operator.outputs)
    add_model(graph, source, rows, own.name, label, probabilities)
    for name, value in graph.constants.items():
        tensor = numpy_helper.from_array(value, name)
        # skl2onnx takes the bytes of a tensor, and no text of it.
        content = value.ravel().tolist() if value.dtype == object else tensor
        container.add_initializer(name, tensor.data_type, list(value.shape), content)
    for node in graph.nodes:
        version = {"op_version": ML_VERSION} if node.domain == ML else {}
        container.add_node(
            node.operator,
            node.inputs,
            [node.output],
            op_domain=node.domain,
            name=scope.get_unique_operator_name(f"focalboost_{node.operator}"),
            **version,
            **node.attributes,
        )
