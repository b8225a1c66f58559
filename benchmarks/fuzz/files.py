"""Model files, damaged at random: what do the loaders make of them, ours and the boosters' own?

Small models of every kind (binary to multi-label, categories, linear trees, DART, vectors, forests, pruned
trees) are saved as LightGBM text, XGBoost JSON and XGBoost UBJ, and damaged: bits, bytes, cuts and splices
without regard to the format, numbers, names and values with it. A child process loads each file, predicts
(margins, probabilities, leaves, contributions) and writes the model again; it may die or hang. An outcome is

- refused: an error of focalboost's that names the file, or of the booster's own (by the booster);
- same, different: predictions are those before, or other finite numbers: an edit that is a legal model;
- not finite: NaN or infinite predictions; error: any other exception; hang; abort.

    python benchmarks/fuzz/files.py --mutations 3000 --seed 0

makes so many files of each format. `tests/fuzz/test_files.py` does a short run of it. The exit status is 1 if
one of our loaders gave anything but an error in words or finite numbers. `--keep FOLDER` keeps those files.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import xgboost

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import parser, print_environment, print_table, save  # benchmarks/ is no package
from mutations import FORMATS, KINDS, Model, models, mutant, suffix

import focalboost.lightgbm
import focalboost.xgboost

OUTCOMES = ("refused", "by the booster", "same", "different", "not finite", "error", "hang", "abort")
FAULTS = ("not finite", "error", "hang", "abort")
LOADERS = ("focalboost", "booster")
TIMEOUT = 10.0  # seconds for one file, which takes some milliseconds
IMPORTS = 120.0  # seconds until a child is ready
READY = "ready"
MEMORY = 8 * 2**30  # of a child: a size that was damaged may ask for all there is
REFUSALS = (lightgbm.basic.LightGBMError, xgboost.core.XGBoostError)


class Job(NamedTuple):
    """A damaged file."""

    number: int
    form: str
    kind: str
    model: int
    data: bytes


# ---------------------------------------------------------------------- in the child
def load(loader: str, form: str, path: Path) -> Any:
    if form == FORMATS[0]:
        return (
            focalboost.lightgbm.load_model(path)
            if loader == LOADERS[0]
            else lightgbm.Booster(model_file=path)
        )
    return focalboost.xgboost.load_model(path) if loader == LOADERS[0] else xgboost.Booster(model_file=path)


def predictions(booster: Any, rows: Any, form: str) -> list[Any]:
    """Margins and probabilities; what else is asked for may only not die."""
    if form == FORMATS[0]:
        options = {"num_threads": 1}
        found = [booster.predict(rows, raw_score=raw, **options) for raw in (True, False)]
        booster.predict(rows, pred_leaf=True, **options)
        with suppress(lightgbm.basic.LightGBMError):  # linear trees have none
            booster.predict(rows, pred_contrib=True, **options)
        booster.model_to_string()
        return found
    booster.set_param({"nthread": 1})
    found = [booster.predict(rows, output_margin=raw) for raw in (True, False)]
    with suppress(xgboost.core.XGBoostError):  # not all kinds of model have them
        booster.predict(rows, pred_leaf=True)
        booster.predict(rows, pred_contribs=True)
    booster.save_raw("json")
    return found


def judge(loader: str, form: str, path: Path, rows: Any, expected: Sequence[Any]) -> str:
    """One of `OUTCOMES`, with the words of an error after a colon."""
    try:
        found = predictions(load(loader, form, path), rows, form)
    except REFUSALS as error:
        return f"by the booster: {error}"
    except Exception as error:  # noqa: BLE001  # whatever else it is, it is what is looked for
        text = f"{type(error).__name__}: {error}"
        if loader == LOADERS[0] and text.startswith(f"ModelFileError: {path}: "):
            if " refuses the model: " in text:
                return f"by the booster: {text}"
            if ", must " in text:
                return f"refused: {text}"
        return f"error: {text}"
    if not all(np.isfinite(values).all() for values in found):
        return "not finite"
    same = all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))
    return "same" if same else "different"


def run(connection: Any, loader: str, originals: dict[str, list[Model]], jobs: Sequence[Job]) -> None:
    """Judge one file after the other, each outcome sent before the next is begun."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    _limit_memory()
    known: dict[tuple[str, int], list[Any]] = {}
    connection.send(READY)
    with tempfile.TemporaryDirectory() as folder:
        for job in jobs:
            path = Path(folder) / f"model.{suffix(job.form)}"
            _, data, rows = originals[job.form][job.model]
            rows = xgboost.DMatrix(**rows) if isinstance(rows, dict) else rows
            if (job.form, job.model) not in known:
                path.write_bytes(data)
                known[job.form, job.model] = predictions(load(LOADERS[1], job.form, path), rows, job.form)
            path.write_bytes(job.data)
            connection.send(judge(loader, job.form, path, rows, known[job.form, job.model]))
    connection.send(None)


def _limit_memory() -> None:
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


# ---------------------------------------------------------------------- the parent
def jobs_of(originals: dict[str, list[Model]], n_mutations: int, seed: int) -> Iterator[Job]:
    """So many files of each format, the same for the same seed."""
    for form, given in originals.items():
        rng = random.Random(f"{seed} {form}")
        for number in range(n_mutations):
            kind, model = KINDS[number % len(KINDS)], rng.randrange(len(given))
            yield Job(number, form, kind, model, mutant(given[model].data, form, kind, rng))


def outcomes(loader: str, originals: dict[str, list[Model]], jobs: Sequence[Job]) -> Iterator[str]:
    """The outcome of each file; a child that dies or hangs has that outcome, and another goes on."""
    context = _context()
    left = list(jobs)
    while left:
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=run, args=(there, loader, originals, left), daemon=True)
        child.start()
        there.close()
        done = 0
        try:
            limit = IMPORTS
            while here.poll(limit):
                outcome = here.recv()
                limit = TIMEOUT
                if outcome is None:
                    break
                if outcome != READY:
                    done += 1
                    yield outcome
            else:
                yield "hang"
                done += 1
        except EOFError:  # it died
            child.join()
            if child.exitcode == 1:
                raise RuntimeError("a child ended with an exception, which it printed") from None
            yield f"abort: {child.exitcode}"
            done += 1
        child.kill()
        child.join()
        here.close()
        left = left[done:]


def _context() -> Any:
    """Where there is a server that forks, it has imported all before: a child costs milliseconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "focalboost.lightgbm", "focalboost.xgboost"])
    return context


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--mutations", type=int, default=3000, help="of each format")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--format", choices=FORMATS, action="append", help="all, if left out")
    options.add_argument("--loader", choices=LOADERS, action="append", help="both, if left out")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="keep files with a fault there")
    arguments = options.parse_args()
    environment = print_environment()
    originals = {form: models(form) for form in arguments.format or FORMATS}
    jobs = list(jobs_of(originals, arguments.mutations, arguments.seed))
    counts: Counter[tuple[str, str, str, str]] = Counter()
    faults = []
    for loader in arguments.loader or LOADERS:
        for job, outcome in zip(jobs, outcomes(loader, originals, jobs), strict=True):
            name = outcome.partition(":")[0]
            counts[loader, job.form, job.kind, name] += 1
            if name in FAULTS and loader == LOADERS[0]:
                model = originals[job.form][job.model].name
                faults.append(
                    {"format": job.form, "kind": job.kind, "model": model, "outcome": outcome[:1000]}
                )
                if arguments.keep is not None:
                    arguments.keep.mkdir(parents=True, exist_ok=True)
                    name = f"{model}_{job.kind}_{job.number}.{suffix(job.form)}"
                    arguments.keep.joinpath(name).write_bytes(job.data)
        _print_tables(loader, originals, counts, arguments)
    for fault in faults[:20]:
        print(f"\n{fault}")
    found = [[*key, value] for key, value in sorted(counts.items())]
    save(arguments.json, environment, {"counts": found, "faults": faults})
    sys.exit(bool(faults))


def _print_tables(
    loader: str, originals: Any, counts: Counter[tuple[str, str, str, str]], arguments: Any
) -> None:
    rows = []
    for form in originals:
        table = [[counts[loader, form, kind, one] for one in OUTCOMES] for kind in KINDS]
        rows += [[f"{form}, {kind}", *map(str, row)] for kind, row in zip(KINDS, table, strict=True)]
        rows.append([f"**{form}**", *(str(sum(column)) for column in zip(*table, strict=True))])
    title = f"Loaded by {loader}: {arguments.mutations} files of each format, seed {arguments.seed}"
    print_table(title, ["format, damage", *OUTCOMES], rows)


if __name__ == "__main__":
    main()
