"""Random parameters and data, to the ends of what is accepted: is each number right, or refused in words?

Arithmetic: a point is a loss with random gamma, class weights, label smoothing and kind of Hessian, resolved
for random frequencies or not, and a row with a random label, margins and weight, all log-uniform over many
decades. Its gradient, Hessian, loss and posterior are compared with 50-digit arithmetic (`reference.py`).

Trainings: small ones with both boosters, of which two must give the same margins: a row of weight 2 and the
row twice, a row of weight 0 and no row, permuted rows, permuted classes (of two: mirrored labels), gamma 0
and the booster's own objective.

    python benchmarks/fuzz/numerics.py --points 20000 --trainings 20

`tests/fuzz/test_numbers.py` does a short run of it. The exit status is 1 if a number is wrong without a word.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import reference  # benchmarks/ is no package
from harness import parser, print_environment, print_table, save
from mpmath import mp  # type: ignore[import-untyped]

import focalboost.lightgbm
import focalboost.xgboost
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

Array = NDArray[Any]
Random = np.random.Generator
TASKS = ("binary", "multilabel", "multiclass")
HESSIANS = ("guarded", "reweighted", "exact")
TINY, HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
# float32: the roundings of gamma log q. float64: those of gamma times a margin of up to 700.
LIMITS = {"gradient": 2e-5, "Hessian": 2e-5, "loss": 1e-12, "posterior": 1e-12}
USUAL = 2e-6  # of gradient and Hessian for gamma up to 5
REFUSED = ("must be", "must have")


# ---------------------------------------------------------------------- arithmetic
class Point(NamedTuple):
    """A loss, a row, and the parameters of each of its outputs as (class 0, class 1) or per class."""

    task: str
    loss: Any
    y: Any
    raw: Array
    weight: float
    smoothing: float

    @property
    def text(self) -> str:
        return f"{self.loss!r}, scale={self.loss.scale!r}, y={self.y!r}, raw={self.raw!r}, w={self.weight!r}"


def wide(rng: Random, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def draw_gamma(rng: Random) -> float:
    return float(
        rng.choice([0.0, 1.0, 2.0, rng.uniform(0, 5), wide(rng, 1e-6, 100.0), wide(rng, 5.0, 200.0)])
    )


def draw_weight(rng: Random) -> float:
    """A class weight or a row weight."""
    return float(rng.choice([1.0, wide(rng, 1e-3, 1e3), wide(rng, 1e-20, 1e20), wide(rng, 1e-42, 1e42)]))


def draw_margin(rng: Random) -> float:
    size = rng.choice([rng.uniform(0, 10), rng.uniform(0, 110), wide(rng, 1e-30, 1.0), wide(rng, 1.0, HUGE)])
    return float(size * rng.choice([-1.0, 1.0]))


def draw_label(rng: Random) -> float:
    share = rng.choice([0.5, rng.uniform(), wide(rng, 1e-30, 0.5), 1.0 - wide(rng, 1e-6, 0.5)])
    return float(np.float32(rng.choice([0.0, 1.0, 0.0, 1.0, share])))


def draw(rng: Random) -> Point:
    """May raise what the losses raise for parameters that float32 cannot hold."""
    task = str(rng.choice(TASKS))
    n = 1 if task == "binary" else int(rng.integers(2, 5))
    options: dict[str, Any] = {"hessian": str(rng.choice(HESSIANS))}
    smoothing = 0.0
    if task == "multiclass":
        gamma: Any = tuple(draw_gamma(rng) for _ in range(n))
        alpha: Any = tuple(draw_weight(rng) for _ in range(n))
    else:
        smoothing = float(rng.choice([0.0, 0.0, rng.uniform(0, 0.9), wide(rng, 1e-30, 0.5)]))
        options["label_smoothing"] = smoothing
        pairs = tuple((draw_weight(rng), draw_weight(rng)) for _ in range(n))
        if task == "binary":
            gamma, alpha = (draw_gamma(rng), draw_gamma(rng)), pairs[0]
        else:
            gamma, alpha = tuple(draw_gamma(rng) for _ in range(n)), pairs
    makers: dict[str, Any] = {
        "binary": BinaryFocalLoss,
        "multilabel": MultilabelFocalLoss,
        "multiclass": MulticlassFocalLoss,
    }
    loss: Any = makers[task](gamma, "balanced" if rng.random() < 0.1 else alpha, **options)
    if loss.alpha == "balanced" or rng.random() < 0.5:
        loss = resolve(task, loss, n, rng)
    weight = draw_weight(rng)
    dtype = np.float32 if rng.random() < 0.5 else np.float64
    raw = np.array([draw_margin(rng) for _ in range(n)], dtype)
    if task == "multiclass":
        return Point(task, loss, int(rng.integers(n)), raw, weight, 0.0)
    return Point(task, loss, [draw_label(rng) for _ in range(n)], raw, weight, smoothing)


def resolve(task: str, loss: Any, n: int, rng: Random) -> Any:
    """For labels of which each class has a random part of the weight."""
    if task == "multiclass":
        return loss.for_labels(np.arange(n), [wide(rng, 1e-6, 1.0) for _ in range(n)])
    rate = wide(rng, 1e-6, 0.9)
    labels = np.array([0.0, 1.0] if task == "binary" else [[0.0] * n, [1.0] * n])
    return loss.for_labels(labels, [1.0 - rate, rate])


def parameters(point: Point) -> tuple[Any, Any]:
    """gamma, and alpha times scale, as 50-digit numbers take them."""
    loss, n = point.loss, len(point.raw)
    if point.task == "multiclass":
        return loss._gammas(n), loss._alphas(n) * loss.scale
    return loss._gamma_pairs(n), loss._alpha_pairs(n) * np.broadcast_to(loss.scale, (n,))[:, None]


def judge(point: Point) -> dict[str, float]:
    """The largest relative error of each kind of number."""
    loss, gamma, alpha = point.loss, *parameters(point)
    raw, y, weight = point.raw[None], np.array([point.y], float), np.array([point.weight])
    if point.task == "binary":
        raw, y = raw[0], y[0]
    gradient, hessian = (a.reshape(-1) for a in loss.gradient_hessian(y, raw, weight))
    value = loss.loss(y, raw, weight).reshape(-1)
    probability = loss.posterior(raw).reshape(-1)
    margins = [mp.mpf(float(x)) for x in point.raw]
    if point.task == "multiclass":
        derivatives = reference.softmax_derivatives(point.y, margins, gamma, alpha)
        losses = [reference.softmax_loss(point.y, margins, gamma, alpha)]
        posteriors = reference.softmax_posterior(margins, gamma, loss._alphas(len(margins)))
        largest = float(alpha[point.y])
    else:
        half = mp.mpf(1) / 2
        shares = [label + mp.mpf(point.smoothing) * (half - label) for label in map(mp.mpf, point.y)]
        rows = list(zip(shares, margins, gamma, alpha, strict=True))
        derivatives = [reference.binary_derivatives(*row) for row in rows]
        losses = [reference.binary_loss(*row) for row in rows]
        pairs = zip(margins, gamma, loss._alpha_pairs(len(margins)), strict=True)
        posteriors = [reference.binary_posterior(*row) for row in pairs]
        largest = float(alpha.max())
    # What is below float32 before its weights are multiplied is lost but for 2^24; see `elementary.HEADROOM`.
    floor = TINY * max(1.0, largest * point.weight)
    w = mp.mpf(point.weight)
    errors = dict.fromkeys(LIMITS, 0.0)

    def compare(name: str, found: Any, true: Any, size: Any, least: float) -> None:
        if size >= least and np.isfinite(found):
            errors[name] = max(errors[name], float(abs(mp.mpf(float(found)) - true) / size))
        elif not abs(found) <= 4.0 * least:  # NaN, inf, or a number where there is none
            errors[name] = np.inf

    for g, h, d in zip(gradient, hessian, derivatives, strict=True):
        compare("gradient", g, w * d.gradient, w * d.gradient_size, floor)
        true = getattr(d, loss.hessian)
        size = d.exact_size if loss.hessian == "exact" else true
        if not (h < 2.0 * TINY and loss.hessian != "exact"):  # the floor of the Hessian
            compare("Hessian", h, w * true, w * size, floor)
        elif w * size > 4.0 * floor:
            errors["Hessian"] = np.inf
    least = float(np.finfo(np.float64).tiny)
    for found, true in zip(value, losses, strict=True):
        compare("loss", found, w * true, w * true, 1e-290 * max(1.0, largest * point.weight))
    for found, true in zip(probability, posteriors, strict=True):
        compare("posterior", found, true, true, least)
    return errors


def arithmetic(n_points: int, seed: int) -> tuple[Counter[str], dict[str, tuple[float, str]], list[str]]:
    """Outcomes, the worst errors and where, and faults."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    worst = dict.fromkeys([*LIMITS, "gradient, gamma to 5", "Hessian, gamma to 5"], (0.0, ""))
    faults: list[str] = []
    while counts.total() < n_points:
        text = "parameters"
        try:
            point = draw(rng)
            text = point.text
            errors = judge(point)
        except ValueError as error:
            counts["refused"] += 1
            if not any(word in str(error) for word in REFUSED):
                faults.append(f"{text}: {error}")
            continue
        usual = float(np.max(parameters(point)[0])) <= 5.0
        wrong = False
        for name, size in errors.items():
            worst[name] = max(worst[name], (size, text))
            wrong |= size > LIMITS[name]
            if usual and name in {"gradient", "Hessian"}:
                worst[f"{name}, gamma to 5"] = max(worst[f"{name}, gamma to 5"], (size, text))
        counts["wrong" if wrong else "right"] += 1
        if wrong:
            faults.append(f"{text}: {errors}")
    return counts, worst, faults


# ---------------------------------------------------------------------- trainings
class Data(NamedTuple):
    """Features of a few whole numbers, so that both boosters cut them alike whatever rows there are."""

    X: Array
    y: Array
    weight: Array


def draw_data(rng: Random, n_classes: int) -> Data:
    n = 300
    X = rng.integers(0, 12, (n, 3)).astype(np.float32)
    X[:36] = np.repeat(np.arange(12, dtype=np.float32), 3)[:, None]  # each value is there
    score = X[:, 0] - 0.5 * X[:, 1] + rng.normal(0, 3, n)
    cuts = np.quantile(score, np.linspace(0, 1, n_classes + 1)[1:-1] if n_classes > 2 else [0.9])
    return Data(X, np.searchsorted(cuts, score).astype(np.float32), rng.integers(1, 4, n).astype(np.float32))


def margins(library: str, loss: Any, data: Data, objective: str | None = None) -> Array:
    """Margins of a training on the data, at all combinations of the features' values."""
    at = np.array(np.meshgrid(*[np.arange(12)] * 3)).reshape(3, -1).T.astype(np.float32)
    params: dict[str, Any] = {"num_class": loss.n_classes} if isinstance(loss, MulticlassFocalLoss) else {}
    model: Any
    if library == "xgboost":
        params |= {"max_depth": 2, "nthread": 1, "min_child_weight": 0.1}
        matrix = xgboost.DMatrix(data.X, data.y, weight=data.weight)
        if objective is None:
            model = focalboost.xgboost.train(loss, params, matrix, 4)
        else:
            params |= {"objective": objective, "base_score": start_of(loss, data)}
            model = xgboost.train(params, matrix, 4)
        return np.asarray(model.predict(xgboost.DMatrix(at), output_margin=True), float)
    params |= {
        "num_leaves": 4, "num_threads": 1, "verbose": -1, "min_data_in_leaf": 1, "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 0.1, "lambda_l2": 1.0, "feature_pre_filter": False,
    }  # fmt: skip
    # A copy: LightGBM keeps the array.
    dataset = lightgbm.Dataset(data.X.copy(), data.y, weight=data.weight, params=params)
    if objective is None:
        model = focalboost.lightgbm.train(loss, params, dataset, 4)
    else:
        model = lightgbm.train(params | {"objective": objective}, dataset, 4)
    return np.asarray(model.predict(at, raw_score=True), float)


def start_of(loss: Any, data: Data) -> Any:
    score = loss.for_labels(data.y, data.weight).base_score
    return list(score) if isinstance(score, tuple) else score


def same(data: Data, rows: Array, weight: Array | None = None) -> Data:
    return Data(data.X[rows], data.y[rows], (data.weight if weight is None else weight)[rows])


def invariants(rng: Random) -> Iterator[tuple[str, float]]:
    """Pairs of trainings that must agree, and the largest difference of their margins."""
    for library in ("xgboost", "lightgbm"):
        for n_classes in (2, 3):
            data = draw_data(rng, n_classes)
            ranges = ([0.0, rng.uniform(0, 5), wide(rng, 1.0, 20.0)] for _ in range(n_classes))
            gamma = tuple(float(rng.choice(numbers)) for numbers in ranges)
            alpha = tuple(wide(rng, 0.2, 5.0) for _ in range(n_classes))
            hessian = str(rng.choice(HESSIANS[:2]))

            def loss(
                order: list[int], gamma: Any = gamma, alpha: Any = alpha, hessian: str = hessian
            ) -> BinaryFocalLoss | MulticlassFocalLoss:
                make: Callable[..., Any] = BinaryFocalLoss if len(order) == 2 else MulticlassFocalLoss
                made: BinaryFocalLoss | MulticlassFocalLoss = make(
                    tuple(gamma[k] for k in order), tuple(alpha[k] for k in order), hessian=hessian
                )
                return made

            plain = list(range(n_classes))
            base = margins(library, loss(plain), data)
            name = f"{library}, {n_classes} classes"

            def off(what: str, other: Array, base: Array = base, name: str = name) -> tuple[str, float]:
                if np.ptp(base) == 0.0:
                    return f"{name}: {what}, constant", np.inf
                return f"{name}: {what}", float(np.abs(other - base).max() / np.abs(base).max())

            n = len(data.y)
            yield off("rows permuted", margins(library, loss(plain), same(data, rng.permutation(n))))
            twice = np.repeat(np.arange(n), data.weight.astype(int))
            yield off(
                "rows repeated", margins(library, loss(plain), same(data, twice, np.ones(n, np.float32)))
            )
            kept = rng.random(n) < 0.8
            kept[:36] = True
            without = margins(library, loss(plain), same(data, np.flatnonzero(kept)))
            zero = data._replace(weight=np.where(kept, data.weight, 0).astype(np.float32))
            yield off("weight 0", margins(library, loss(plain), zero), without)
            order = [1, 0] if n_classes == 2 else rng.permutation(n_classes).tolist()
            # Class order[k] becomes class k.
            moved = data._replace(y=np.argsort(order)[data.y.astype(int)].astype(np.float32))
            other = margins(library, loss(order), moved)
            yield off("classes permuted", other, -base if n_classes == 2 else base[:, order])
            if library == "lightgbm":
                objective = "binary" if n_classes == 2 else "multiclass"
            else:
                objective = "binary:logistic" if n_classes == 2 else "multi:softprob"
            zero_gamma: Any = BinaryFocalLoss(0.0)
            if n_classes > 2:
                zero_gamma = MulticlassFocalLoss(0.0, n_classes=n_classes)
            own = margins(library, zero_gamma, data, objective)
            yield off("gamma 0", margins(library, zero_gamma, data), own)


def trainings(repeats: int, seed: int) -> tuple[dict[str, list[float]], list[str]]:
    """Differences by invariant, and those above the limit."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, difference in invariants(rng):
            found.setdefault(name, []).append(difference)
    return found, [f"{name}: {max(values):.1e}" for name, values in found.items() if max(values) > 1e-4]


def main() -> int:
    arguments = parser(__doc__)
    arguments.add_argument("--points", type=int, default=20_000)
    arguments.add_argument("--trainings", type=int, default=20, help="times 20 pairs of trainings")
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    environment = print_environment()
    counts, worst, faults = arithmetic(asked.points, asked.seed)
    rows = [(name, f"{error:.1e}") for name, (error, _) in worst.items()]
    print_table(f"{asked.points} points: {dict(counts)}", ("number", "largest relative error"), rows)
    found, different = trainings(asked.trainings, asked.seed)
    print_table(
        f"{sum(map(len, found.values()))} pairs of trainings",
        ("the same", "largest difference of margins"),
        [(name, f"{max(values):.1e}") for name, values in found.items()],
    )
    for fault in (faults + different)[:20]:
        print(fault)
    results = {"counts": dict(counts), "worst": worst, "trainings": found, "faults": faults + different}
    save(asked.json, environment, results)
    return int(bool(faults or different))


if __name__ == "__main__":
    sys.exit(main())
