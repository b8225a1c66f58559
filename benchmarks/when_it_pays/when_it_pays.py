"""When does focal loss pay? Five places where it could, beside log loss that is started as well as can be.

    python benchmarks/when_it_pays/when_it_pays.py FOLDER     train what is missing, then print the tables
    python benchmarks/when_it_pays/when_it_pays.py --tables   the tables from the committed results

1. few trees       3, 5, 10, 20 or 40 trees of depth 2, 3 or 4, for scoring in a few microseconds; learning
                   rate .1, .3, .6, 1 or 1.5. 15 real sets and the Fraud Detection Handbook's simulated one.
2. label noise     in the rows to train on and to choose by: negatives called positive, or positives missed.
                   Judged on clean labels. The 15 real sets; depth 4, learning rate .2, 5 to 60 trees.
3. easy negatives  1 : 1,000 and 1 : 5,000; depth, rate and trees as in 2. `make_transactions` (200,000 rows a
                   log, no label noise, 6 logs), and the sample of PaySim with its frauds thinned out (39 or 8
                   to train on, 12 draws).
4. labels          several labels a row, some of them rare: three sets, 5 splits; depth 3, rate .1 or .3, 5 to
                   60 rounds. XGBoost; LightGBM has no log loss for them.
5. sampling        LightGBM's GOSS and XGBoost's gradient_based sampling, which draw rows by their gradients:
                   30, 15 or 5 % of them each round; depth 4, rate .3, 5 to 60 trees. XGBoost does this on a
                   CPU from 3.2; with an older one its jobs are left out. Work is counted in passes over all
                   training rows, not in seconds.

Both sides have the same budget: three ways to train, the same learning rates, depths and numbers of rounds,
the best of these by average precision on validation rows, which are 30 % of the rows left to train on.

log loss    the booster's own objective from the log-odds of the rate; from 0.5; with max_delta_step 3
focal loss  focalboost's `train` with gamma 0.5, 1 or 2, without class weights

"default" is log loss from the log-odds, its learning rate and rounds chosen likewise: what both boosters do
for those who set nothing else. It has a third of the candidates, and shows what the start is worth.

The rule, written before the run. A unit is a set (parts 1, 2 and 5: the mean of its splits), a draw (part 3)
or a label (part 4: the mean of its splits); differences are paired. Focal loss pays where its mean average
precision is higher than log loss's by more than .005 and p, of Student's t test over the units, is below .05
after Holm's correction for all comparisons of all parts. It costs where the same holds the other way. Work at
equal average precision: each side takes the least work whose validation rows have an average precision of at
most .005 less than log loss on all rows has; focal loss pays where the geometric mean of its work is below
90 % of log loss's, with p as above, and its average precision on the test rows is not lower by .005 or more.
Intervals in the tables are 95 % of Student's t without correction. Means are given again without the unit
that is farthest from 0.

Rows: at most 20,000 to train on, 20,000 to choose by and 60,000 to judge by. A job is a part, set, booster
and repeat (2 splits where nothing else is said); a killed run goes on with the same command. 25 minutes of
one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "study")]
# One thread a process.
os.environ.update(OMP_NUM_THREADS="1", FOCALBOOST_NUM_THREADS="1")

import sets  # noqa: E402  # after the threads are set
from harness import pack, read_rows, run_jobs  # noqa: E402
from pays_arms import samples_by_gradient  # noqa: E402
from pays_jobs import (  # noqa: E402
    BINARY,
    DRAWS,
    FEW_TREES,
    FIELDS,
    LABELS,
    NOISE,
    PAYSIM,
    RARE,
    REAL,
    SAMPLING,
    SEVERAL,
    SIMULATED_ROWS,
    SIMULATOR,
    Job,
    run,
)  # fmt: skip
from pays_tables import draw, print_tables, read  # noqa: E402

RESULTS = HERE.parent / "results" / "when_it_pays.parquet"
BOOSTERS = ("xgboost", "lightgbm")
SETS = {
    FEW_TREES: BINARY, NOISE: REAL, RARE: (SIMULATOR, PAYSIM), LABELS: SEVERAL, SAMPLING: BINARY
}  # fmt: skip
REPEATS = {FEW_TREES: 2, NOISE: 2, RARE: max(DRAWS.values()), LABELS: 5, SAMPLING: 2}


def there(folder: Path, name: str) -> bool:
    """Whether the rows can be had."""
    if name == SIMULATOR:
        return True
    return (folder / f"{PAYSIM}.parquet").exists() if name == PAYSIM else sets.available(folder, name)


def jobs(settings: argparse.Namespace) -> Iterator[Job]:
    """All of them, repeat by repeat: stopped early, a run is smaller, not lopsided."""
    wanted = {part: [name for name in SETS[part] if name in settings.sets] for part in settings.parts}
    for name in dict.fromkeys(name for names in wanted.values() for name in names):
        if not there(settings.folder, name):
            print(f"{name}: left out, its file is not in {settings.folder}")
    boosters = {part: BOOSTERS if part != LABELS else BOOSTERS[:1] for part in settings.parts}
    if SAMPLING in settings.parts and not samples_by_gradient():
        print("sampling with XGBoost: left out, this version draws rows by their gradients on a GPU only")
        boosters[SAMPLING] = BOOSTERS[1:]
    for repeat, part in product(range(settings.repeats), settings.parts):
        for name, booster in product(wanted[part], boosters[part]):
            if repeat < DRAWS.get(name, REPEATS[part]) and there(settings.folder, name):
                yield Job(part, name, booster, repeat, settings.folder, settings.rows)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(name for part in SETS.values() for name in part))
    parser.add_argument("folder", type=Path, nargs="?", help="holds the Parquet files")
    parser.add_argument(
        "--tables", action="store_true", help="print the tables from the results, train nothing"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the differences there")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="Parquet file")
    parser.add_argument("--parts", nargs="+", choices=list(SETS), default=list(SETS), metavar="PART")
    parser.add_argument("--sets", nargs="+", choices=names, default=names, metavar="SET")
    parser.add_argument("--repeats", type=int, default=max(REPEATS.values()), help=f"at most {REPEATS}")
    parser.add_argument("--rows", type=int, default=SIMULATED_ROWS, help="of a simulated log")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    settings = parser.parse_args(argv)
    if not settings.tables and (settings.folder is None or not settings.folder.is_dir()):
        parser.error(
            f"folder == {settings.folder and str(settings.folder)!r}, must be a folder with Parquet files, "
            "or give --tables."
        )
    return settings


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, print the tables."""
    settings = arguments(argv)
    if not settings.tables:
        done = {tuple(row[name] for name in FIELDS[:4]) for row in read_rows(settings.results)}
        todo = [job for job in jobs(settings) if job.key not in done]
        run_jobs(run, todo, settings.jobs, settings.results, FIELDS)
        pack(settings.results)
    results = read(settings.results)
    print_tables(results)
    if settings.figure is not None:
        draw(results, settings.figure)


if __name__ == "__main__":
    main()
