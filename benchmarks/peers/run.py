"""Peers side by side: exactness, behaviour and speed of the focal losses for boosted trees that install.

Makes one virtual environment for each peer (`--venvs`), installs the peer and pinned boosters there, and runs
`checks.py` in it as a child process, once for each host and stage; the 50-digit values are computed here
(`reference.py`) and handed over as a file. Results are JSON files in `--results`; what is there is not run
again (`--again`). A peer that cannot be installed or run has the error as its result. Prints the tables of
`tables.py`.

    python benchmarks/peers/run.py --results DIR --stages grid behaviour   # about 5 minutes on two cores
    python benchmarks/peers/run.py --results DIR --stages kernel training  # about 8, on a quiet machine

Environments take 4.6 GB of disk and ten minutes, once.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tables
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import reference  # noqa: E402  # benchmarks/ is no package
from harness import environment  # noqa: E402

Array = NDArray[Any]
BASE = ("numpy==2.4.6", "scipy==1.17.1", "scikit-learn==1.9.1")
XGBOOST, LIGHTGBM = "xgboost-cpu==3.2.0", "lightgbm==4.7.0"
BOTH = ("xgboost", "lightgbm")
STAGES = ("grid", "behaviour", "kernel", "training")


class Peer(NamedTuple):
    """What to install, and on which hosts to run it."""

    requirements: tuple[str, ...]
    hosts: tuple[str, ...]
    # Those that ask for `xgboost`, which brings 480 MB of CUDA; xgboost-cpu is imported by the same name.
    without_dependencies: tuple[str, ...] = ()
    only_grid: tuple[str, ...] = ()


PEERS = {
    "builtin": Peer((*BASE, XGBOOST, LIGHTGBM), BOTH),
    "zeros": Peer((*BASE, XGBOOST, LIGHTGBM), BOTH),
    "focalboost": Peer(
        (*BASE, XGBOOST, LIGHTGBM, "numba==0.68.1", "--editable", str(HERE.parent.parent)),
        BOTH,
        only_grid=("xgboost, exact", "lightgbm, exact"),
    ),
    "imbalance_xgboost": Peer((*BASE, XGBOOST), ("xgboost",), ("imbalance-xgboost==0.8.1",)),
    "bokbokbok": Peer((*BASE, XGBOOST, LIGHTGBM), BOTH, ("bokbokbok==1.0.5",)),
    "imlightgbm": Peer((*BASE, LIGHTGBM), ("lightgbm",), ("imlightgbm==0.1.2",)),
    "gbdtcbl": Peer((*BASE, XGBOOST, LIGHTGBM), BOTH, ("gbdtCBL==0.2.0",)),
    "jaxboost": Peer((*BASE, XGBOOST, LIGHTGBM, "jax==0.10.2"), BOTH, ("jaxboost==0.5.0",)),
    "maxhalford": Peer((*BASE, XGBOOST, LIGHTGBM), BOTH),
    "catboost": Peer((*BASE, "catboost==1.2.10"), ("catboost", "catboost, log loss")),
    "ydf": Peer((*BASE, "ydf==0.16.1"), ("ydf", "ydf, log loss")),
}
# Whose average precision is the goal of "training" on each host.
GOALS = {host: ("builtin", host) for host in BOTH} | {
    host: (host, f"{host}, log loss") for host in ("catboost", "ydf")
}
GAMMAS = (0.0, 0.5, 1.0, 2.0, 5.0)
SIZES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 100.0, 1000.0)
MARGINS = (*(-size for size in reversed(SIZES)), 0.0, *SIZES)  # 19, all of them float32
SIDES = (-40.0, -10.0, -2.0, 0.0, 2.0, 10.0, 40.0)


# ---------------------------------------------------------------------------- what the children are given
def write_reference(path: Path) -> None:
    """The 50-digit values, for alpha = 1: every convention of alpha is a factor of each class."""
    rows = [(a, b, 0.0) for a, b in product(SIDES, SIDES)]
    found: dict[str, list[Any]] = {}

    def keep(prefix: str, values: list[Any]) -> None:
        for name in ("gradient", "exact", "guarded"):
            found.setdefault(f"{prefix}_{name}", []).append(
                [[float(getattr(d, name)) for d in row] for row in values]
            )

    for gamma in GAMMAS:
        pairs = [
            [reference.binary_derivatives(y, x, (gamma, gamma), (1.0, 1.0)) for x in MARGINS] for y in (0, 1)
        ]
        keep("binary", [pairs[0] + pairs[1]])
        keep(
            "softmax",
            [reference.softmax_derivatives(t, z, [gamma] * 3, [1.0] * 3) for t in range(3) for z in rows],
        )
    arrays: dict[str, Array] = {name: np.asarray(value) for name, value in found.items()}
    for name in ("binary_gradient", "binary_exact", "binary_guarded"):
        arrays[name] = arrays[name][:, 0]
    arrays |= {"margins": np.asarray(MARGINS), "gammas": np.asarray(GAMMAS), "rows": np.asarray(rows)}
    np.savez(path, allow_pickle=False, **arrays)


def rows_of(rng: np.random.Generator, n: int, features: int) -> tuple[Array, Array, Array]:
    """Normal features, labels drawn from a known probability of about 3 %."""
    X = rng.standard_normal((n, features), np.float32)
    p = 1 / (1 + np.exp(5.0 - 1.4 * X[:, 0] - X[:, 1] * X[:, 2] - np.sin(2 * X[:, 3]) - 0.5 * X[:, 4]))
    return X, (rng.random(n) < p).astype(np.float32), p


def write_rows(path: Path, sizes: dict[str, int], features: int) -> None:
    rng, arrays = np.random.default_rng(7), {}
    for part, n in sizes.items():
        for name, value in zip("Xyp", rows_of(rng, n, features), strict=True):
            arrays[f"{name}_{part}"] = value
    np.savez(path, allow_pickle=False, **arrays)


# ---------------------------------------------------------------------------- environments
def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {
        # NumPy's own threads do nothing for these formulae but spin; boosters are told their number.
        "OPENBLAS_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
    }


def install(peer: str, folder: Path) -> tuple[Path, str | None]:
    """The environment's Python, and the error if it could not be made."""
    home = folder / peer
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = home / "installed.json"
    wanted = [list(PEERS[peer].requirements), list(PEERS[peer].without_dependencies)]
    if done.exists() and json.loads(done.read_text(encoding="utf-8")) == wanted:
        return python, None
    print(f"{peer}: installing", flush=True)
    venv.create(home, with_pip=True, clear=True)
    for packages, more in ((wanted[0], []), (wanted[1], ["--no-deps"])):
        if packages:
            command = [str(python), "-m", "pip", "install", "--quiet", *more, *packages]
            child = subprocess.run(
                command, check=False, capture_output=True, text=True, env=clean_environment()
            )
            if child.returncode:
                lines = [line for line in child.stderr.splitlines() if line.startswith("ERROR")]
                return python, (lines or ["pip failed"])[0].removeprefix("ERROR: ")
    done.write_text(json.dumps(wanted), encoding="utf-8")
    return python, None


# ---------------------------------------------------------------------------- stages
def child(python: Path, arguments: list[str], out: Path, limit: float) -> dict[str, Any]:
    """Run `checks.py`; what it wrote, or how it ended."""
    command = [str(python), str(HERE / "checks.py"), *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=limit, env=clean_environment()
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no end within {limit:.0f} s"}
    if not out.exists():
        lines = done.stderr.strip().splitlines() or ["no message"]
        return {"error": f"exit {done.returncode}: {lines[-1]}"[:200]}
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


def goal_of(host: str, results: Path) -> float | None:
    peer, goal_host = GOALS.get(host, ("", ""))
    path = results / f"{peer}-{goal_host.replace(', ', '_').replace(' ', '_')}-training.json"
    if not path.exists():
        return None
    value: float | None = json.loads(path.read_text(encoding="utf-8")).get("reach", {}).get("target")
    return value


def jobs_of(stage: str, arguments: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """File suffix and options of each child of a stage."""
    if stage == "kernel":
        options = ["--rows", str(arguments.rows), "--repeats", str(arguments.repeats)]
        return [(f"kernel-{cores}", ["--cores", str(cores), *options]) for cores in (1, 2)]
    if stage == "training":
        return [("training", ["--cores", "2", "--rounds", str(arguments.rounds)])]
    return [(stage, [])]


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(tempfile.gettempdir()) / "focalboost-peers"
    options.add_argument("--venvs", type=Path, default=default / "venvs", metavar="DIR")
    options.add_argument("--results", type=Path, default=default / "results", metavar="DIR")
    options.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    options.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    options.add_argument("--again", action="store_true", help="run what has a result too")
    options.add_argument("--rows", type=int, default=1_000_000, help="of a kernel call")
    options.add_argument("--repeats", type=int, default=15, help="kernel calls")
    options.add_argument("--train-rows", type=int, default=200_000)
    options.add_argument("--rounds", type=int, default=50)
    options.add_argument("--limit", type=float, default=600.0, help="seconds that one child may take")
    arguments = options.parse_args()
    results: Path = arguments.results
    results.mkdir(parents=True, exist_ok=True)
    inputs = results / "inputs"
    inputs.mkdir(exist_ok=True)
    write_reference(inputs / "reference.npz")
    write_rows(inputs / "rows.npz", {"train": 20_000, "valid": 10_000, "test": 20_000}, 8)
    if "training" in arguments.stages:
        write_rows(inputs / "speed.npz", {"train": arguments.train_rows, "valid": 50_000}, 20)
    (results / "environment.json").write_text(json.dumps(environment(), indent=1) + "\n", encoding="utf-8")

    # The log-loss models first: the others are measured against their average precision.
    order = sorted(arguments.peers, key=lambda name: name != "builtin")
    for peer in order:
        python, broken = install(peer, arguments.venvs)
        for stage in arguments.stages:
            hosts = PEERS[peer].hosts
            if stage == "grid":
                hosts = tuple(host for host in hosts if "log loss" not in host) + PEERS[peer].only_grid
            if stage == "training":
                hosts = tuple(sorted(hosts, key=lambda host: "log loss" not in host))
            for host, (suffix, more) in product(hosts, jobs_of(stage, arguments)):
                out = results / f"{peer}-{host.replace(', ', '_').replace(' ', '_')}-{suffix}.json"
                if out.exists() and not arguments.again:
                    continue
                out.unlink(missing_ok=True)
                goal = goal_of(host, results) if stage == "training" else None
                extra = [] if goal is None else ["--target", repr(goal)]
                start = time.perf_counter()
                if broken is None:
                    found = child(
                        python,
                        [stage, peer, host, str(inputs), str(out), *more, *extra],
                        out,
                        arguments.limit,
                    )
                else:
                    found = {"error": broken}
                found |= {"peer": peer, "host": host, "stage": suffix}
                out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
                trouble = f"  {found['error']}" if "error" in found else ""
                print(f"{peer}, {host}, {suffix}: {time.perf_counter() - start:.1f} s{trouble}", flush=True)
    print(tables.markdown(results))


if __name__ == "__main__":
    main()
