"""Nodes and constants of an ONNX graph under construction, before it is a file or a part of one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from onnx import helper

from focalboost._typing import Array

ML = "ai.onnx.ml"
ML_VERSION = 3  # of TreeEnsembleRegressor with double thresholds


class Node(NamedTuple):
    """A call of an operator."""

    operator: str
    inputs: list[str]
    output: str
    domain: str
    attributes: dict[str, Any]


class Graph:
    """Operators of the versions 13 to 23 of ONNX that did not change between them."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def add(
        self, operator: str, *inputs: str, output: str | None = None, domain: str = "", **attributes: Any
    ) -> str:
        """The name of what a new node gives."""
        name = output or f"{self._prefix}{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(operator, list(inputs), name, domain, attributes))
        return name

    def constant(self, value: Array) -> str:
        """The name of a constant; equal ones are kept once."""
        for name, known in self.constants.items():
            if known.dtype == value.dtype and known.shape == value.shape and np.array_equal(known, value):
                return name
        name = f"{self._prefix}constant_{len(self.constants)}"
        self.constants[name] = value
        return name

    def cast(self, data: str, dtype: Any, *, output: str | None = None) -> str:
        return self.add("Cast", data, output=output, to=element_type(dtype))


def element_type(dtype: Any) -> int:
    """ONNX's number of a dtype; text of any kind is its string."""
    kind = np.dtype(dtype)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(object) if kind.kind in "UO" else kind))
