"""The closed form of `focalboost.calibration` as ONNX nodes, in float64 and exact in both tails.

ONNX has no log1p: with u = 1 + e in floating point, log1p(e) / e is log(u) / (u - 1) to the last bits, and 1
where u is 1 (Goldberg, "What every computer scientist should know about floating-point arithmetic", ACM
Computing Surveys 23, 1991, theorem 4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from focalboost._typing import Array
from focalboost.onnx._graph import Graph

# exp of it is a normal float64; what is less probable by such a factor is 0 in float32 anyway.
_LEAST = -700.0


def sigmoid_logit(graph: Graph, margins: str, gamma: Array, added: Array) -> str:
    """Log-odds of each output: gamma (n_outputs, 2) of class 0 and 1, and what stands beside the evidence."""
    start = _plus(graph, margins, added)
    if not gamma.any():
        return start
    terms = _Terms.of(graph, margins)
    if (gamma[:, 0] == gamma[:, 1]).all():
        near = far = graph.constant(gamma[None, :, 0])
    else:
        gamma_0, gamma_1 = (graph.constant(gamma[None, :, side]) for side in (0, 1))
        # log phi of the class that the margin speaks for has its gamma, of the other that one's.
        near = graph.add("Where", terms.positive, gamma_1, gamma_0)
        far = graph.add("Where", terms.positive, gamma_0, gamma_1)
    evidence = graph.add("Sub", terms.log_phi_far(graph, far), terms.log_phi_near(graph, near))
    signed = graph.add("Where", terms.positive, evidence, graph.add("Neg", evidence))
    return graph.add("Add", start, signed)


def sigmoid_pair(graph: Graph, logit: str) -> tuple[str, str]:
    """1 - p and p of a logit, neither by a difference."""
    positive = graph.add("Greater", logit, graph.constant(np.zeros(())))
    e = graph.add("Exp", graph.add("Neg", graph.add("Abs", logit)))
    more = graph.add("Reciprocal", graph.add("Add", e, graph.constant(np.ones(()))))
    less = graph.add("Mul", e, more)
    return graph.add("Where", positive, less, more), graph.add("Where", positive, more, less)


def softmax_posterior(graph: Graph, margins: str, gamma: Array, added: Array) -> str:
    """Probabilities of the classes, with gamma and what stands beside the evidence of each."""
    if not gamma.any():
        return graph.add("Softmax", _plus(graph, margins, added), axis=-1)
    below = graph.add("LogSoftmax", margins, axis=-1)
    share = graph.add("Exp", graph.add("Max", below, graph.constant(np.array(_LEAST))))
    # Of each class the sum of all others, not 1 minus its own.
    others = graph.add("MatMul", share, graph.constant(1.0 - np.eye(len(gamma))))
    s = graph.add("Sub", below, graph.add("Log", others))
    terms = _Terms.of(graph, s)
    g = graph.constant(gamma[None])
    log_phi = graph.add("Where", terms.positive, terms.log_phi_near(graph, g), terms.log_phi_far(graph, g))
    log_p = graph.add("Sub", graph.add("Min", s, graph.constant(np.zeros(()))), terms.log1p_e)
    return graph.add("Softmax", _plus(graph, graph.add("Sub", log_p, log_phi), added), axis=-1)


class _Terms(NamedTuple):
    """Of a signed margin s, with e = exp(-|s|), as in `calibration._common.log_focal_slope`."""

    positive: str
    e: str
    ratio: str
    log1p_e: str
    log1p_e_and_size: str

    @classmethod
    def of(cls, graph: Graph, s: str) -> _Terms:
        one = graph.constant(np.ones(()))
        size = graph.add("Abs", s)
        e = graph.add("Exp", graph.add("Neg", size))
        u = graph.add("Add", e, one)
        tiny = graph.add("Equal", u, one)
        parts = (graph.add("Log", u), graph.add("Sub", u, one))
        ratio = graph.add("Div", *(graph.add("Where", tiny, one, part) for part in parts))
        log1p_e = graph.add("Mul", e, ratio)
        positive = graph.add("Greater", s, graph.constant(np.zeros(())))
        return cls(positive, e, ratio, log1p_e, graph.add("Add", log1p_e, size))

    def log_phi_near(self, graph: Graph, gamma: str) -> str:
        """log phi of |s|: log(1 + gamma log1p(e) / e) - gamma (log1p(e) + |s|)."""
        return self._log_phi(graph, gamma, self.ratio, self.log1p_e_and_size)

    def log_phi_far(self, graph: Graph, gamma: str) -> str:
        """log phi of -|s|: log(1 + gamma e (log1p(e) + |s|)) - gamma log1p(e)."""
        return self._log_phi(graph, gamma, graph.add("Mul", self.e, self.log1p_e_and_size), self.log1p_e)

    def _log_phi(self, graph: Graph, gamma: str, term: str, minus: str) -> str:
        more = graph.add("Add", graph.add("Mul", gamma, term), graph.constant(np.ones(())))
        return graph.add("Sub", graph.add("Log", more), graph.add("Mul", gamma, minus))


def _plus(graph: Graph, values: str, added: Array) -> str:
    return graph.add("Add", values, graph.constant(added[None])) if added.any() else values
