"""How well focal loss's probabilities are calibrated on a health survey: BRFSS 2015, diabetes.

    python benchmarks/brfss.py FOLDER      train what is missing, then print the tables
    python benchmarks/brfss.py --tables    the tables from the committed results

FOLDER holds health_brfss_diabetes.parquet. Johnston et al., "Estimating Calibrated Risks Using Focal Loss and
Gradient-Boosted Trees for Clinical Risk Prediction", Electronics 14(9), 2025, 1838, evaluate the closed form
on this set and on a register of lung transplants. The figures of their abstract, calibration slope 1.579 raw
and .968 by the closed form, are of the register (cancer within ten years), which is not public. As they do
with this set, answers that repeat others are dropped and 30 % of the rows are for testing; a quarter of the
others chooses the rounds. The split is drawn anew `--splits` times.

Depth 6 or 31 leaves, learning rate 0.1, at most 200 rounds, all else untuned, the same for every arm.

raw        sigmoid(margin), which `predict` of a booster trained with focal loss says
posterior  the closed form of the same margins; nothing is fitted

Rounds by three rules, each on the rows that choose them:
own loss   fewest of the loss that is trained, as early stopping in the classifiers does
log loss   fewest log loss of the posterior
all        200 rounds

slope      coefficient of logit p in an unpenalized logistic regression of y on it; above 1: too unsure
intercept  what must be added to logit p for a mean of p that is the rate; below 0: p is too high

Rules, written before the run. The closed form holds here if, with rounds by own loss, its slope is nearer to
1 (as a ratio) than that of the raw confidence with both boosters at every gamma. It is as good as log loss if
the 95 % t-interval of the difference in log loss from the best of three log losses (from the log-odds, from
0.5, with max_delta_step 3; best by its mean, which favours it) holds 0; the interval is over splits and
widened because they share rows.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import arms
import numpy as np
import pandas as pd
from arms import BOOSTERS, HALF, LOG_ODDS, STEP_3, Array, Fitted, Row, focal
from harness import print_table
from posterior import measures
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

NAME = "health_brfss_diabetes"
RESULTS = Path(__file__).parent / "results" / "brfss.csv"
ARMS = (LOG_ODDS, HALF, STEP_3, focal(1), focal(2), focal(4))
LOG_LOSSES = [arm.name for arm in ARMS if arm.gamma is None]
PARAMS = {"XGBoost": {"max_depth": 6}, "LightGBM": {"num_leaves": 31}}
ETA, ROUNDS, SPLITS = 0.1, 200, 4
TEST, CHOOSE = 0.3, 0.25
RULES = ("own loss", "log loss", "all")
JOB = ["split", "booster"]
ROWS_OF_JOB = len(RULES) * (2 * len(ARMS) - len(LOG_LOSSES))
DIGITS = {"slope": 3, "intercept": 3, "mean p / rate": 3, "log loss": 5, "Brier": 5, "AP": 4}
# Johnston et al. 2025, abstract: XGBoost with focal loss, cancer within ten years of a lung transplant.
REGISTER = {"raw": {"slope": 1.579, "Brier": 0.140}, "posterior": {"slope": 0.968, "Brier": 0.128}}


def shift(y: Array, odds: Array) -> float:
    """The intercept of a logistic regression of y with the log-odds as offset."""
    return float(brentq(lambda a: expit(odds + a).mean() - y.mean(), -30, 30))


def after(model: Fitted, X: Array, rounds: list[int]) -> dict[int, Array]:
    """Margins after some numbers of rounds; of a model that ended early those of its last tree."""
    steps = model.steps(model.leaves(X))
    margins = model.start(X) + np.cumsum(steps, axis=1)
    return {number: margins[:, min(number, steps.shape[1]) - 1] for number in rounds}


def choose(model: Fitted, X: Array, y: Array, rounds: int) -> dict[str, int]:
    """Rounds by each rule."""
    margins = after(model, X, list(range(1, rounds + 1)))
    own = [float(model.loss.loss(y, margin).mean()) for margin in margins.values()]
    probability = [arms.log_loss(y, model.log_odds(margin)) for margin in margins.values()]
    return dict(zip(RULES, (int(np.argmin(own)) + 1, int(np.argmin(probability)) + 1, rounds), strict=True))


@lru_cache(maxsize=1)
def load(folder: Path) -> tuple[Array, Array]:
    """Features and labels, each answer once."""
    table = pd.read_parquet(folder / f"{NAME}.parquet").drop_duplicates()
    return table.drop(columns="target").to_numpy(np.float32), table["target"].to_numpy()


def score(folder: Path, split: int, booster: str, rounds: int = ROUNDS) -> list[Row]:
    """All arms of one split."""
    X, y = load(folder)
    X, X_test, y, y_test = train_test_split(X, y, test_size=TEST, stratify=y, random_state=split)
    X, X_choose, y, y_choose = train_test_split(X, y, test_size=CHOOSE, stratify=y, random_state=split)
    found: list[Row] = []
    for arm in ARMS:
        model = arms.train(booster, arm, X, y, {**PARAMS[booster], "learning_rate": ETA}, rounds)
        chosen = choose(model, X_choose, y_choose, rounds)
        margins = after(model, X_test, list(chosen.values()))
        for rule, number in chosen.items():
            margin = margins[number]
            # In the booster's own precision: sums of the same leaves in another order are ties.
            ranking = average_precision_score(y_test, margin.astype(np.float32))
            maps = {"posterior": model.log_odds(margin)} | ({"raw": margin} if arm.gamma is not None else {})
            for kind, odds in maps.items():
                values = measures(y_test, odds, None)
                values |= {"intercept": shift(y_test, odds), "AP": ranking}
                row = {"split": split, "booster": booster, "arm": arm.name, "probability": kind}
                row |= {"rounds by": rule, "rounds": number}
                found.append(row | {name: float(values[name]) for name in DIGITS})
    return found


# ---------------------------------------------------------------------- tables
def half_interval(values: Array) -> float:
    return arms.half_interval(values, shared=TEST / (1 - TEST))


def best_log_loss(frame: pd.DataFrame, booster: str, rule: str) -> str:
    """The arm of log loss with the smallest mean."""
    part = frame[(frame["booster"] == booster) & (frame["rounds by"] == rule)]
    return str(part[part["arm"].isin(LOG_LOSSES)].groupby("arm")["log loss"].mean().idxmin())


def of_arm(frame: pd.DataFrame, booster: str, rule: str, arm: str, kind: str) -> pd.DataFrame:
    """A row a split."""
    chosen = (frame["booster"] == booster) & (frame["rounds by"] == rule) & (frame["arm"] == arm)
    return frame[chosen & (frame["probability"] == kind)].set_index("split").sort_index()


def excess(frame: pd.DataFrame, booster: str, rule: str, arm: str, kind: str) -> tuple[float, float]:
    """Log loss in % of the best log loss's, above it, and half the 95 % interval."""
    best = of_arm(frame, booster, rule, best_log_loss(frame, booster, rule), "posterior")["log loss"]
    values = 100 * (of_arm(frame, booster, rule, arm, kind)["log loss"] - best) / best.mean()
    return float(values.mean()), half_interval(values.to_numpy())


def print_tables(frame: pd.DataFrame) -> None:
    """All tables, from the results alone."""
    n_splits = frame["split"].nunique()
    for booster in BOOSTERS:
        for rule in RULES:
            rows = []
            for arm in ARMS:
                for kind in ("posterior",) if arm.gamma is None else ("raw", "posterior"):
                    part = of_arm(frame, booster, rule, arm.name, kind)
                    cells = [f"{part['rounds'].median():.0f}"]
                    for name, digits in DIGITS.items():
                        half = (
                            f" ± {half_interval(part[name].to_numpy()):.{digits}f}" if name == "slope" else ""
                        )
                        cells.append(f"{part[name].mean():.{digits}f}{half}")
                    best = kind == "posterior" and arm.name == best_log_loss(frame, booster, rule)
                    mean, half_width = excess(frame, booster, rule, arm.name, kind)
                    cells.append("the best" if best else f"{mean:+.2f} ± {half_width:.2f}")
                    rows.append((arm.name + ("" if arm.gamma is None else f", {kind}"), *cells))
            head = ("", "rounds", *DIGITS, "log loss over the best log loss's, %")
            print_table(f"{booster}, rounds by {rule}: means over {n_splits} splits", head, rows)
    rows = [
        ("cancer after lung transplant, as published", "",
         *(f"{REGISTER[kind][name]:.3f}" for name in ("slope", "Brier") for kind in REGISTER))
    ]  # fmt: skip
    for booster in BOOSTERS:
        for arm in (arm for arm in ARMS if arm.gamma is not None):
            kinds = [of_arm(frame, booster, RULES[0], arm.name, kind) for kind in REGISTER]
            cells = [f"{part[name].mean():.3f}" for name in ("slope", "Brier") for part in kinds]
            rows.append((f"diabetes, {booster}", f"{arm.gamma:g}", *cells))
    head = ("", "gamma", "slope, raw", "slope, posterior", "Brier, raw", "Brier, posterior")
    print_table("Beside the published figures, which are of another set; rounds by own loss", head, rows)


def main(argv: list[str] | None = None) -> None:
    """Train what is missing and print the tables."""
    parser = arms.options(__doc__, RESULTS)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args(argv)
    folder = arms.folder_of(parser, arguments, NAME)
    if folder is not None:
        jobs = [(split, booster) for split in range(arguments.splits) for booster in BOOSTERS]
        left = arms.missing(jobs, arms.read(arguments.results, JOB, ROWS_OF_JOB), JOB)
        print(f"{len(left)} of {len(jobs)} jobs to do, of {len(ARMS)} trainings each", file=sys.stderr)
        work = ((folder, *job, arguments.rounds) for job in left)
        arms.run(score, work, arguments.results, arguments.jobs)
    print_tables(arms.read(arguments.results, JOB, ROWS_OF_JOB))


if __name__ == "__main__":
    main()
