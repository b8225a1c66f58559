"""Relative error of the losses against 50-digit arithmetic (`reference.py`).

Three tables, by loss and gamma, each the largest error over labels and margins:

- near: gradient and Hessians (float32) where every |margin| <= 10;
- everywhere: the same over all finite float32 margins (every power of two with both signs, denormals, the
  ends of the range, a dense grid in +-120), wherever the true value is a normal float32;
- float64: `loss` and `posterior` of float64 margins, wherever the true value is a normal float64.

The exact Hessian crosses zero, and so does the gradient of a soft label. Their errors are relative to the
size of their parts: max(|exact|, reweighted), and the sum of the two sides. "exact, plain" is the exact
Hessian's error relative to itself, which has no bound.

Run with `python benchmarks/accuracy.py` (about three minutes, `--points 60` for a quick look). Not sensitive
to load. The exit status is 1 if a target is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import reference
from harness import parser, print_environment, print_table, save
from mpmath import mp  # type: ignore[import-untyped]
from numpy.typing import NDArray

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
Worst = dict[str, tuple[float, str]]  # by column, the largest error and the input that it was found at
GAMMAS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
HESSIANS = ("guarded", "reweighted", "exact")
COLUMNS = ("gradient", *HESSIANS, "exact, plain")
NORMAL = {"f4": float(np.finfo(np.float32).tiny), "f8": float(np.finfo(np.float64).tiny)}
NEAR_TARGET, TARGET, FLOAT64_TARGET = 2e-6, 2e-5, 1e-12
CLASS_ALPHA = (1.0, 0.3, 2.0)
LABEL_ALPHA = ((0.7, 0.3), (0.5, 0.5), (1.0, 7.0))


class Task(NamedTuple):
    """A loss and its true values for one row, as lists over the row's outputs."""

    make: Callable[..., Any]
    derivatives: Callable[[Any, Any, float], list[reference.Derivatives]]
    loss: Callable[[Any, Any, float], list[Any]]
    posterior: Callable[[Any, float], list[Any]]


def binary(alpha: tuple[float, float]) -> Task:
    return Task(
        lambda gamma, **kind: BinaryFocalLoss(gamma, alpha, **kind),
        lambda y, x, gamma: [reference.binary_derivatives(y, x, (gamma, gamma), alpha)],
        lambda y, x, gamma: [reference.binary_loss(y, x, (gamma, gamma), alpha)],
        lambda x, gamma: [reference.binary_posterior(x, (gamma, gamma), alpha)],
    )


def multilabel(function: Callable[..., Any]) -> Callable[..., list[Any]]:
    """The binary reference for each label; called with (y, margins, gamma) or (margins, gamma)."""
    return lambda *row: [
        function(*values, (row[-1], row[-1]), alpha)
        for *values, alpha in zip(*row[:-1], LABEL_ALPHA, strict=True)
    ]


TASKS = {
    "binary": binary((0.7, 0.3)),
    "binary, alpha (1, 700)": binary((1.0, 700.0)),
    "binary, soft label": binary((0.7, 0.3)),
    "multiclass": Task(
        lambda gamma, **kind: MulticlassFocalLoss(gamma, CLASS_ALPHA, **kind),
        lambda t, z, gamma: reference.softmax_derivatives(t, z, [gamma] * 3, CLASS_ALPHA),
        lambda t, z, gamma: [reference.softmax_loss(t, z, [gamma] * 3, CLASS_ALPHA)],
        lambda z, gamma: reference.softmax_posterior(z, [gamma] * 3, CLASS_ALPHA),
    ),
    "multilabel": Task(
        lambda gamma, **kind: MultilabelFocalLoss(gamma, LABEL_ALPHA, **kind),
        multilabel(reference.binary_derivatives),
        multilabel(reference.binary_loss),
        multilabel(reference.binary_posterior),
    ),
}


# ---------------------------------------------------------------------------- inputs
def near_margins(points: int) -> Array:
    small = np.append(np.geomspace(1e-30, 1e-2, 12), 0.0)
    free = np.random.default_rng(1).uniform(-10, 10, points)
    return np.concatenate([small, -small, np.linspace(-10, 10, points), free])


def all_margins(points: int) -> Array:
    powers = np.exp2(np.arange(-149.0, 128.0))
    denormals = np.array([3.0, 5.0, 1023.0, 2.0**23 - 1]) * 2.0**-149
    ends = [float(np.finfo(np.float32).max), 3.4e38, 1e30, 1e-30, 87.33654, 88.72284, 103.97208, 104.0]
    positive = np.concatenate([[0.0], powers, denormals, ends])
    return np.concatenate([positive, -positive, np.linspace(-120, 120, 2 * points + 1)])


def rows_of(margins: Array, points: int) -> Array:
    """Rows of three margins: drawn from the list, two of the three equal, and all nearly equal."""
    rng = np.random.default_rng(2)
    free = rng.choice(margins, (points, 3))
    two = np.tile(rng.choice(margins, (points // 3, 1)), 3)
    two[np.arange(len(two)), rng.integers(0, 3, len(two))] = rng.choice(margins, len(two))
    ties = np.tile(rng.choice(margins, (points // 3, 1)), 3) * (1 - 1e-6 * rng.random((points // 3, 3)))
    return np.concatenate([free, two, ties])


def inputs(name: str, margins: Array, points: int, dtype: str) -> tuple[Array, Array]:
    """Labels and margins of one task."""
    if name == "binary, soft label":
        return np.resize(np.array([0.3, 0.9, 1e-3], np.float32), len(margins)), margins.astype(dtype)
    if name.startswith("binary"):
        return np.repeat(np.array([0, 1], np.float32), len(margins)), np.tile(margins.astype(dtype), 2)
    rows = rows_of(margins, points).astype(dtype)
    if name == "multiclass":
        return np.arange(len(rows)) % 3, rows
    return np.random.default_rng(3).integers(0, 2, rows.shape).astype(np.float32), rows


# ---------------------------------------------------------------------------- errors
def note(worst: Worst, column: str, value: float, true: Any, size: Any, where: str, tiny: float) -> None:
    if abs(true) < tiny:
        return
    error = float(abs(mp.mpf(value) - true) / size) if np.isfinite(value) else float("inf")
    if column not in worst or error > worst[column][0]:
        worst[column] = (error, where)


def derivative_errors(name: str, gamma: float, y: Array, raw: Array) -> Worst:
    worst: Worst = {}
    task, tiny = TASKS[name], NORMAL["f4"]
    outputs = [task.make(gamma, hessian=kind).gradient_hessian(y, raw) for kind in HESSIANS]
    gradient = outputs[0][0].reshape(len(raw), -1).tolist()
    hessians = np.stack([hessian.reshape(len(raw), -1) for _, hessian in outputs], axis=-1).tolist()
    for i, (y_i, raw_i) in enumerate(zip(y.tolist(), raw.tolist(), strict=True)):
        for k, true in enumerate(task.derivatives(y_i, raw_i, gamma)):
            where = f"gamma={gamma} y={y_i!r} margin={raw_i!r} output={k}"
            guarded, reweighted, exact = hessians[i][k]
            note(worst, "gradient", gradient[i][k], true.gradient, true.gradient_size, where, tiny)
            note(worst, "guarded", guarded, true.guarded, true.guarded, where, tiny)
            note(worst, "reweighted", reweighted, true.reweighted, true.reweighted, where, tiny)
            note(worst, "exact", exact, true.exact, true.exact_size, where, tiny)
            note(worst, "exact, plain", exact, true.exact, abs(true.exact), where, tiny)
    return worst


def float64_errors(name: str, gamma: float, y: Array, raw: Array) -> Worst:
    worst: Worst = {}
    task = TASKS[name]
    loss = task.make(gamma)
    found = {
        "loss": loss.loss(y, raw).reshape(len(raw), -1).tolist(),
        "posterior": loss.posterior(raw).reshape(len(raw), -1).tolist(),
    }
    for i, (y_i, raw_i) in enumerate(zip(y.tolist(), raw.tolist(), strict=True)):
        true = {"loss": task.loss(y_i, raw_i, gamma), "posterior": task.posterior(raw_i, gamma)}
        for column, values in found.items():
            for k, (value, true_k) in enumerate(zip(values[i], true[column], strict=True)):
                where = f"gamma={gamma} y={y_i!r} margin={raw_i!r} output={k}"
                note(worst, column, value, true_k, true_k, where, NORMAL["f8"])
    return worst


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--points", type=int, default=1000, help="density of the grids")
    arguments = options.parse_args()
    points = arguments.points
    found = print_environment()
    closed_forms = reference.check()
    print(f"closed forms against numerical derivatives: {closed_forms:.0e}")
    results: dict[str, Any] = {}
    missed: Worst = {}
    for title, margins, dtype, columns in (
        ("near: |margin| <= 10", near_margins(points), "f4", COLUMNS),
        ("everywhere: all finite float32 margins", all_margins(points), "f4", COLUMNS),
        ("float64: loss and posterior", all_margins(points), "f8", ("loss", "posterior")),
    ):
        errors = results[title] = {}
        rows = []
        for name in TASKS:
            if dtype == "f8" and name == "binary, soft label":
                continue  # the loss is linear in the label, the posterior has none
            y, raw = inputs(name, margins, points, dtype)
            for gamma in GAMMAS:
                worst = (float64_errors if dtype == "f8" else derivative_errors)(name, gamma, y, raw)
                errors[f"{name}, gamma {gamma:g}"] = worst
                rows.append((name, f"{gamma:g}", *(f"{worst[column][0]:.1e}" for column in columns)))
                limit = NEAR_TARGET if title.startswith("near") and gamma <= 2 else TARGET
                limit = FLOAT64_TARGET if dtype == "f8" else limit
                for column, (error, where) in worst.items():
                    key = f"{title.partition(':')[0]}, {name}, {column}"
                    beyond = not error <= limit and column != "exact, plain"
                    if beyond and error > missed.get(key, (0.0, ""))[0]:
                        missed[key] = (error, where)
        print_table(title, ("loss", "gamma", *columns), rows)
    print("\nTargets missed, worst input of each:" if missed else "\nAll targets met.")
    for key, (error, where) in missed.items():
        print(f"{key}: {error:.1e} at {where}")
    save(arguments.json, found, {"closed_forms": closed_forms, "errors": results, "missed": missed})
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
