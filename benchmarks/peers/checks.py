"""What runs in a peer's own environment: `checks.py STAGE PEER HOST INPUTS OUT [--cores N] [--target AP]`.

Needs NumPy, SciPy, scikit-learn, the peer and its host. The 50-digit values come from `run.py`, in INPUTS.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from adapters.interface import (
    CONVENTIONS,
    NEUTRAL,
    Adapter,
    Fitted,
    Job,
    NotOfferedError,
    focal_loss,
    sigmoid,
)
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, log_loss

Array = NDArray[Any]
ALPHA = 0.25  # of the grid
NEAR = 10.0  # margins that a model reaches
# Below the smallest normal float32 no booster can keep a gradient.
SMALLEST = float(np.finfo(np.float32).tiny)
# From 1e-8 on a wrong value can move a leaf; the tolerances leave float32 and float64 four and ten digits.
COUNTS, TOLERANCE = 1e-8, {"float32": 1e-3, "float64": 1e-6}
DEAD = 1e-3  # a gradient of this size that comes out as less than half of itself


# ---------------------------------------------------------------------------- the grid
def as_called(adapter: Adapter, objective: Any, raw: Array, y: Array) -> tuple[Array, Array, str]:
    """What the objective returns when the host calls it with these margins, and their dtype."""
    seen: dict[str, Any] = {}
    X, n_classes = np.arange(float(len(y)))[:, None], raw.shape[1] if raw.ndim == 2 else 2
    more = {"num_class": n_classes} if raw.ndim == 2 else {}

    def recorder(margin: Array, data: Any) -> tuple[Array, Array]:
        seen["dtype"] = str(margin.dtype)
        if not np.array_equal(margin, raw):
            raise AssertionError("the host changed the margins")
        with np.errstate(all="ignore"):
            seen["pair"] = objective(margin, data)
        return np.zeros_like(margin), np.ones_like(margin)

    if adapter.host == "xgboost":
        import xgboost as xgb  # noqa: PLC0415  # one host for each process

        xgb.train({"verbosity": 0, **more}, xgb.DMatrix(X, y, base_margin=raw), 1, obj=recorder)
    else:
        import lightgbm as lgb  # noqa: PLC0415

        data = lgb.Dataset(X, y, init_score=raw)
        lgb.train({"objective": recorder, "verbosity": -1, "min_data_in_leaf": 1, **more}, data, 1)
    gradient, hessian = (np.asarray(part, float) for part in seen["pair"])
    if gradient.ndim == 1 and raw.ndim == 2:
        shape = (n_classes, -1) if adapter.host == "lightgbm" else (-1, n_classes)
        gradient, hessian = (part.reshape(shape) for part in (gradient, hessian))
        if adapter.host == "lightgbm":
            gradient, hessian = gradient.T, hessian.T
    return gradient.reshape(raw.shape), hessian.reshape(raw.shape), seen["dtype"]


def compare(found: Array, true: Array, tolerance: float, near: Array) -> dict[str, Any]:
    """Largest relative errors, and the points that are not finite or plainly wrong."""
    finite, keeps = np.isfinite(found), np.abs(true) >= SMALLEST
    error = np.abs(np.where(finite, found, 0.0) - true) / np.where(keeps, np.abs(true), 1.0)
    known = finite & keeps

    def largest(where: Array) -> float:
        return float(error[where].max(initial=0.0))

    return {
        "near": largest(known & near),
        "everywhere": largest(known),
        "not_finite": int((~finite).sum()),
        "wrong": int((known & (np.abs(true) >= COUNTS) & (error > tolerance)).sum()),
        "points": found.size,
    }


def verdict(
    pairs: list[tuple[Array, Array]], true: Any, weight: Array, factor: float, dtype: str, near: Array
) -> Any:
    gradient, hessian = (np.stack([pair[i] for pair in pairs]) for i in (0, 1))
    slope, curve = true["gradient"] * weight, true["hessian"] * weight * factor
    shares = gradient / np.where(slope == 0, 1.0, slope)
    alive = np.abs(slope) > DEAD
    near = np.broadcast_to(near, gradient.shape)
    return {
        "dtype": dtype,
        "gradient": compare(gradient, slope, TOLERANCE[dtype], near),
        "hessian": compare(hessian, curve, TOLERANCE[dtype], near),
        "dead": int((alive & ~(shares >= 0.5)).sum()),
        "alive": int(alive.sum()),
        "not_positive": int((near & ~(hessian > 0)).sum()),
        "near_points": int(near.sum()),
    }


def grid(adapter: Adapter, inputs: Path) -> dict[str, Any]:
    """Gradient and Hessian against 50 digits: 19 margins, 5 gammas, 2 labels; 49 rows of K = 3, 3 labels."""
    with np.load(inputs / "reference.npz") as stored:
        reference = dict(stored)
    margins, gammas, rows = reference["margins"], reference["gammas"], reference["rows"]
    result: dict[str, Any] = {"convention": adapter.convention, "hessian": adapter.hessian}

    def binary() -> Any:
        raw, y = np.tile(margins, 2), np.repeat([0.0, 1.0], len(margins))
        found = [as_called(adapter, adapter.objective(float(g), ALPHA), raw, y) for g in gammas]
        true = {
            name: reference[f"binary_{key}"]
            for name, key in (("gradient", "gradient"), ("hessian", adapter.hessian))
        }
        weight = np.asarray(CONVENTIONS[adapter.convention](ALPHA))[y.astype(int)]
        return verdict([part[:2] for part in found], true, weight, 1.0, found[0][2], np.abs(raw) <= NEAR)

    def softmax() -> Any:
        if not adapter.multiclass:
            raise NotOfferedError("binary only")
        raw, y = np.tile(rows, (3, 1)), np.repeat([0.0, 1.0, 2.0], len(rows))
        found = [as_called(adapter, adapter.objective(float(g), ALPHA, 3), raw, y) for g in gammas]
        true = {
            name: reference[f"softmax_{key}"]
            for name, key in (("gradient", "gradient"), ("hessian", adapter.hessian))
        }
        near = (np.ptp(raw, axis=1) <= NEAR)[:, None]
        return verdict(
            [part[:2] for part in found], true, np.ones(1), adapter.multiclass_factor(3), found[0][2], near
        )

    return {**result, "binary": attempt(binary), "softmax": attempt(softmax)}


# ---------------------------------------------------------------------------- behaviour
def attempt(check: Callable[[], Any]) -> Any:
    """The result of a check, or what it raised."""
    try:
        return check()
    except NotOfferedError as error:
        return {"not_offered": str(error)}
    except Exception as error:  # noqa: BLE001  # whatever a peer raises is its result
        return {
            "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"[
                :200
            ]
        }


def ranked(y: Array, margin: Array) -> float:
    """Average precision; NaN if a margin is."""
    return float(average_precision_score(y, margin)) if np.isfinite(margin).all() else float("nan")


def weights_honoured(adapter: Adapter, data: dict[str, Array]) -> Any:
    """Positives of weight 3 against positives that are there three times."""
    X, y = np.round(data["X_train"][:4000], 1), data["y_train"][:4000]  # few values: both ways the same bins
    weight = np.where(y > 0, 3.0, 1.0).astype(np.float32)
    times = weight.astype(int)
    settings: dict[str, Any] = {"rounds": 10, "one_row_leaves": True, "eta": 0.3}
    plain = adapter.fit(Job(X, y, **settings)).margins(X, None)
    repeated = adapter.fit(Job(X.repeat(times, 0), y.repeat(times), **settings)).margins(X, None)
    weighted = adapter.fit(Job(X, y, weight=weight, **settings)).margins(X, None)
    moved, missed = (float(np.abs(repeated - other).mean()) for other in (plain, weighted))
    if not moved > 1e-6:
        return {"yes": None, "detail": "repeated rows change nothing either"}
    return {"yes": missed < 0.1 * moved, "detail": f"{1 - missed / moved:.0%} of the way"}


def log_odds_start(adapter: Adapter, data: dict[str, Array]) -> Any:
    """Average precision from a start at the log-odds and from the library's own start."""
    X, y = data["X_train"], data["y_train"]
    start = float(np.log(y.mean() / (1 - y.mean())))
    scores = []
    for margin in (None, start):
        fitted = adapter.fit(Job(X, y, start=margin))
        scores.append(ranked(data["y_test"], fitted.margins(data["X_test"], None)))
    own, moved = scores
    rate = float(data["y_test"].mean())  # which is what constant margins score
    learns = moved >= 0.9 * own and moved > 2 * rate
    if not np.isfinite(scores).all():
        return {"yes": False, "detail": "a margin is NaN", "ap": scores}
    return {"yes": learns, "detail": f"AP {moved:.3f}, own start {own:.3f}", "ap": scores}


def calibrated(adapter: Adapter, data: dict[str, Array]) -> Any:
    """Mean probability and excess log loss against the probabilities that the rows were drawn from."""
    fitted = adapter.fit(Job(data["X_train"], data["y_train"]))
    p, true = np.asarray(fitted.probability(data["X_test"]), float), data["p_test"]
    ratio = float(p.mean() / true.mean())

    def excess(guess: Array) -> float:
        both = np.r_[np.ones(len(true)), np.zeros(len(true))]
        shares = np.r_[true, 1 - true]
        return float(
            log_loss(both, np.r_[guess, guess], sample_weight=shares)
            - log_loss(both, np.r_[true, true], sample_weight=shares)
        )

    share = excess(p) / excess(np.full(len(true), data["y_train"].mean()))
    detail = f"mean {ratio:.2f}x, excess {share:.2f}"
    return {"yes": 0.8 <= ratio <= 1.25 and share < 0.5, "detail": detail, "ratio": ratio, "excess": share}


def pickles(adapter: Adapter, data: dict[str, Array]) -> Any:
    """What a user keeps, the fitted estimator or the objective, through pickle."""
    kept = adapter.fit(Job(data["X_train"][:2000], data["y_train"][:2000], rounds=3)).keep
    text = pickle.dumps(kept)
    again = pickle.loads(text)
    if hasattr(kept, "predict_proba"):
        same = np.array_equal(
            kept.predict_proba(data["X_test"][:100]), again.predict_proba(data["X_test"][:100])
        )
        return {"yes": bool(same), "detail": "fitted estimator"}
    return {"yes": True, "detail": "objective" if callable(kept) else "model"}


def usable_alone(adapter: Adapter, data: dict[str, Array]) -> Any:
    """The saved file in a process that never imports the peer: does predict give the peer's probability?"""
    fitted = adapter.fit(Job(data["X_train"], data["y_train"], rounds=20))
    X = data["X_test"][:1000]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        suffix = {"xgboost": ".json", "lightgbm": ".txt"}.get(adapter.host, ".model")
        model, rows, out = folder / f"saved{suffix}", folder / "X.npy", folder / "out.npz"
        fitted.save(model)
        np.save(rows, X)
        command = [sys.executable, Path(__file__).with_name("alone.py"), adapter.host, model, rows, out]
        done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
        with np.load(out) as stored:
            found, margin = stored["found"], stored["margin"]
    ours = fitted.margins(X, None)
    for text, expected in (
        ("probability", fitted.probability(X)),
        ("focal confidence", sigmoid(ours)),
        ("margin only", ours),
    ):
        if np.allclose(found, expected, rtol=1e-4, atol=1e-6):
            return {"yes": True if text == "probability" else "partly", "detail": text}
    if np.allclose(margin, ours, rtol=1e-4, atol=1e-5):
        return {"yes": "partly", "detail": "margin only"}
    off = margin - ours
    constant = float(np.ptp(off)) < 1e-4
    return {"yes": False, "detail": f"margins off by {'' if constant else 'up to '}{np.abs(off).max():.2f}"}


def early_stopping(adapter: Adapter, data: dict[str, Array]) -> Any:
    """The metric's trace against the loss that it is named after, from the same model's own margins."""
    X, y = data["X_valid"], data["y_valid"]
    job = Job(data["X_train"][:5000], data["y_train"][:5000], rounds=300, eta=0.3, valid=(X, y), patience=10)
    fitted = adapter.fit(job)
    trace = np.asarray(fitted.trace, float)
    log = fitted.traced == "log loss"
    gamma, weights = (
        (0.0, (1.0, 1.0))
        if log
        else (job.gamma, CONVENTIONS[adapter.convention](NEUTRAL[adapter.convention]))
    )
    last = len(trace)
    steps = np.unique(np.r_[1, np.linspace(1, last, 8).astype(int), fitted.best or last])
    if not adapter.host.startswith("ydf"):  # which has to be trained again for each
        steps = np.arange(1, last + 1)
    steps = steps[steps <= last]
    # Some libraries cut the model at the best round; the same training without a stop has them all. The same
    # in the number of rounds too, from which CatBoost derives other settings.
    full = adapter.fit(replace(job, patience=None))
    true = np.asarray([focal_loss(y, full.margins(X, int(r)), gamma, weights) for r in steps])
    told = trace[steps - 1]
    best, kept = int(steps[true.argmin()]), fitted.best or last
    # Up to the round that is kept: later on a broken Hessian makes margins that a clipped metric cannot tell.
    off = float(np.abs((told / told[0]) / (true / true[0]) - 1)[steps <= kept].max())
    near = true[np.searchsorted(steps, kept)] <= 1.001 * true.min() if kept in steps else False
    detail = f"{fitted.traced}: keeps {kept} rounds, best {best}; metric off by {off:.1e}"
    return {"yes": bool(near) and off < 1e-2, "detail": detail}


def own_call(adapter: Adapter, data: dict[str, Array]) -> Any:
    """The call that the peer's documentation shows."""
    adapter.own_call(Job(data["X_train"][:2000], data["y_train"][:2000], rounds=3))
    return {"yes": True, "detail": ""}


BEHAVIOUR = {
    "own call runs": own_call,
    "weights honoured": weights_honoured,
    "learns from log-odds": log_odds_start,
    "calibrated": calibrated,
    "pickles": pickles,
    "usable alone": usable_alone,
    "early stopping right": early_stopping,
}


def behaviour(adapter: Adapter, inputs: Path) -> dict[str, Any]:
    with np.load(inputs / "rows.npz") as stored:
        data = dict(stored)
    return {name: attempt(partial(check, adapter, data)) for name, check in BEHAVIOUR.items()}


# ---------------------------------------------------------------------------- speed
def kernel(adapter: Adapter, n: int, repeats: int) -> dict[str, Any]:
    """ns a row of gradient and Hessian, median of calls after the first two; gamma 2."""
    rng = np.random.default_rng(0)
    margin = rng.normal(-2.0, 2.0, n)
    y = (rng.random(n) < 0.03).astype(np.float32)

    def measure() -> Any:
        objective = adapter.objective(2.0, ALPHA)
        X = np.zeros((n, 1), np.float32)
        X[::2] = 1.0
        data: Any
        raw: Array
        if adapter.host == "xgboost":
            import xgboost as xgb  # noqa: PLC0415

            data, raw = xgb.DMatrix(X, y), margin.astype(np.float32)
        else:
            import lightgbm as lgb  # noqa: PLC0415

            data, raw = lgb.Dataset(X, y, params={"verbosity": -1}).construct(), margin
        times = []
        for _ in range(repeats + 2):  # the first compiles, the second allocates
            start = time.perf_counter()
            objective(raw, data)
            times.append(1e9 * (time.perf_counter() - start) / n)
        return {"ns_per_row": median(times[2:]), "low": min(times[2:]), "high": max(times[2:]), "rows": n}

    return {"kernel": attempt(measure)}


def training(
    adapter: Adapter, inputs: Path, rounds: int, target: float | None, threads: int
) -> dict[str, Any]:
    """Seconds of a whole training, and the rounds and seconds that reach the log-loss model's AP."""
    with np.load(inputs / "speed.npz") as stored:
        data = dict(stored)
    job = Job(data["X_train"], data["y_train"], rounds=rounds, depth=6, threads=threads)

    def whole() -> Any:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            adapter.fit(job)
            seconds.append(time.perf_counter() - start)
        # The first one also compiles: what a user waits for, once.
        return {"first": seconds[0], "again": min(seconds[1:]), "rounds": rounds, "rows": len(job.y)}

    def reach() -> Any:
        longer = Job(data["X_train"], data["y_train"], rounds=2 * rounds, depth=6, threads=threads)
        start = time.perf_counter()
        fitted: Fitted = adapter.fit(longer)
        a_round = (time.perf_counter() - start) / longer.rounds
        step = longer.rounds // 4 if adapter.host.startswith("ydf") else 2
        curve = {}
        for r in range(step, longer.rounds + 1, step):
            curve[r] = ranked(data["y_valid"], fitted.margins(data["X_valid"], r))
        goal = curve[rounds] if target is None else target

        def first(share: float) -> int | None:
            return next((r for r, value in curve.items() if value >= share * goal), None)

        reached, nearly = first(1.0), first(0.99)
        return {
            "ap_curve": curve, "ap": curve[rounds], "best": max(curve.values()), "target": goal,
            "rounds": reached, "seconds": None if reached is None else reached * a_round,
            "rounds_99": nearly, "seconds_99": None if nearly is None else nearly * a_round,
        }  # fmt: skip

    return {"training": attempt(whole), "reach": attempt(reach)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("stage", choices=("grid", "behaviour", "kernel", "training"))
    options.add_argument("peer")
    options.add_argument("host")
    options.add_argument("inputs", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--cores", type=int, default=1)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--repeats", type=int, default=15)
    options.add_argument("--rounds", type=int, default=50)
    options.add_argument("--target", type=float)
    arguments = options.parse_args()
    if hasattr(os, "sched_setaffinity"):
        # Before a library starts its threads: whatever a peer does for itself, it has these cores.
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    # Messages of peers about themselves; what they do is measured.
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    started = time.perf_counter()

    def run() -> Any:
        adapter = import_module(f"adapters.{arguments.peer}").adapter(arguments.host)
        if arguments.stage == "grid":
            return grid(adapter, arguments.inputs)
        if arguments.stage == "behaviour":
            return behaviour(adapter, arguments.inputs)
        if arguments.stage == "kernel":
            return kernel(adapter, arguments.rows, arguments.repeats)
        return training(adapter, arguments.inputs, arguments.rounds, arguments.target, arguments.cores)

    result = attempt(run)
    result["wall_seconds"] = time.perf_counter() - started
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
