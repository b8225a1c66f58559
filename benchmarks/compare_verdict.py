"""How often the verdict of `focalboost compare` is wrong, where the truth is known.

    python benchmarks/compare_verdict.py                simulated scores, nothing is trained; 6 min of a core
    python benchmarks/compare_verdict.py --trainings    50 comparisons with trained boosters; 20 min of a core
    python benchmarks/compare_verdict.py --tables       the tables of both, from the committed results

Scores. Each contender has evidence of a row, normal with unit variance, `distance` apart between the classes,
which it shares with the others up to a tenth of its variance; its log-odds are the right ones for that
evidence. So contenders of one distance are equally good in every measure, and differ on the rows at hand. In
one scenario the log-odds are stretched: the ranking is better, the probabilities are too bold. In the last
two, 17 positive rows of 850 have amounts of which a few are most of the money (lognormal, sigma 2); in the
very last, log-odds of class weights are too low by 0.4 and those of focal loss too high, so that both cost
more than log loss. Judged with the default budget of 1 %, an amount for each row and a missed positive row
that costs its amount. The rule promises that another loss than log loss is recommended in at most 5 % of
comparisons whose contenders are equal.

Trainings. Tables of 5,000 rows from the designs below, half of them held out, compared with 8 trials of at
most 100 rounds; 100,000 fresh rows say what is true of the very models. They are judged in four ways, so that
the others truly tie, win and lose: "as compared"; "poor log loss", where log loss of five small trees is what
the others are compared with; "poor challengers", where these have the five small trees; "raw", where focal
loss and class weights hand over the booster's own number as the probability, which ranks as before and is far
from right. A recommendation is wrong if neither the average precision nor the recall at the budget nor the
cost of fresh rows is better. No design was found on which focal loss or class weights rank much better than
log loss: of six designs at four untuned settings, four tables each, their largest gain in average precision
was 0.016, and depth 2 instead of 6 gained log loss more there. So wins are made by a poor log loss.

Intervals of shares are Clopper and Pearson's, 95 %.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from harness import parser, partial, print_environment, print_table, read_rows, run_jobs
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score
from xgboost import XGBClassifier

from focalboost.comparison import compare
from focalboost.comparison._contenders import predict
from focalboost.comparison._judgement import judge
from focalboost.comparison._task import task_from_arrays
from focalboost.comparison._types import CONTENDERS, Settings, Split, Task, Trained
from focalboost.comparison._verdict import decide
from focalboost.metrics import expected_cost, recall_at_alert_rate
from focalboost.xgboost import FocalXGBClassifier

Array = NDArray[Any]
RESULTS = Path(__file__).parent / "results"
SCORES, TRAININGS = RESULTS / "compare_verdict.csv", RESULTS / "compare_verdict_trainings.csv"
Key = Literal["untuned", "log_loss", "class_weights", "focal"]
BY_KEY = {each.key: each for each in CONTENDERS}
COST_ALARM = 10.0
COSTS = {"cost_alarm": COST_ALARM, "cost_missed": "amount"}
SEEDS_OF_JOB = 10


# ---------------------------------------------------------------------- scores
@dataclass(frozen=True)
class Scenario:
    """Rows, how far apart the classes are for each contender, and what is right."""

    name: str
    right: tuple[Key, ...]  # verdicts
    n: int = 2_000
    rate: float = 0.03
    distances: Mapping[Key, float] = field(default_factory=lambda: distances(2.0, 2.0, 2.0))
    stretch: float = 1.0  # of focal loss's log-odds
    together: int = 1  # rows of a customer or day, whose label (customers) and noise are largely one
    shared: float = 0.9  # of the variance of the evidence
    spread: float = 1.0  # of the logarithm of amounts
    off: float = 0.0  # log-odds of class weights are too low by this, those of focal loss too high
    told: str = ""  # what the comparison is told of that: "customers", "days"
    repeats: int = 60


def distances(log_loss: float, class_weights: float, focal: float) -> dict[Key, float]:
    return {"log_loss": log_loss, "class_weights": class_weights, "focal": focal}


EQUAL: tuple[Key, ...] = ("log_loss",)
BETTER: tuple[Key, ...] = ("focal",)
SCENARIOS = (
    Scenario("equal", EQUAL, repeats=300),
    Scenario("equal, 20 positive rows", EQUAL, n=1_000, rate=0.02),
    Scenario("equal, 200 positive rows", EQUAL, n=4_000, rate=0.05),
    Scenario("equal, customers of five rows", EQUAL, rate=0.1, together=5, told="customers"),
    Scenario("equal, customers of five rows, not told", EQUAL, rate=0.1, together=5),
    Scenario("equal, 40 days", EQUAL, together=50, told="days"),
    Scenario("focal better", BETTER, distances=distances(2.0, 2.0, 2.4), repeats=40),
    Scenario("focal much better", BETTER, distances=distances(2.0, 2.0, 3.0), repeats=40),
    Scenario("both better", ("class_weights", "focal"), distances=distances(2.0, 2.6, 2.6), repeats=40),
    Scenario("both worse", EQUAL, distances=distances(2.0, 1.6, 1.6), repeats=40),
    Scenario(
        "focal ranks better, too bold", EQUAL, distances=distances(2.0, 2.0, 2.4), stretch=2.5, repeats=40
    ),
    Scenario("equal, 17 positive rows, few large amounts", EQUAL, n=850, rate=0.02, spread=2.0, repeats=100),
    Scenario(
        "equal ranking, 17 positive rows, few large amounts, probabilities off",
        EQUAL,
        n=850,
        rate=0.02,
        spread=2.0,
        shared=0.99,
        off=0.4,
        repeats=100,
    ),
)
BY_NAME = {each.name: each for each in SCENARIOS}


def draw(scenario: Scenario, seed: int) -> tuple[Task, list[Trained]]:
    """A table, and contenders made of scores."""
    rng = np.random.default_rng([seed, list(BY_NAME).index(scenario.name)])
    n, size = scenario.n, scenario.together
    cluster = np.arange(n) // size
    label = rng.random(n) < scenario.rate
    if scenario.told == "customers" or (size > 1 and not scenario.told):
        label = label[cluster * size]

    def noise() -> Array:
        own = rng.standard_normal(n)
        if size == 1:
            return own
        common = rng.standard_normal(n)[cluster]
        return np.asarray(np.sqrt(0.7) * common + np.sqrt(0.3) * own)

    shared = noise()
    trained = []
    for key, distance in scenario.distances.items():
        evidence = (
            distance * label + np.sqrt(scenario.shared) * shared + np.sqrt(1.0 - scenario.shared) * noise()
        )
        log_odds = logit(scenario.rate) + distance * evidence - distance**2 / 2.0
        log_odds *= scenario.stretch if key == "focal" else 1.0
        log_odds += {"class_weights": -scenario.off, "focal": scenario.off}.get(key, 0.0)
        trained.append(made(BY_KEY[key], log_odds, expit(log_odds)))
    known: dict[str, Any] = {"amount": rng.lognormal(4.0, scenario.spread, n)}
    if scenario.told == "customers":
        known["groups"] = cluster
    if scenario.told == "days":
        known["time"] = np.datetime64("2026-01-01") + cluster.astype("timedelta64[D]")
    table = task_from_arrays(rng.random((n, 1)), label.astype(int), positive=1, **known)
    return table, trained


def made(contender: Any, log_odds: Array, probability: Array) -> Trained:
    return Trained(contender, None, {}, 0, None, None, log_odds, probability, probability, 0.0)


def decide_on_scores(job: tuple[str, Sequence[int]]) -> list[dict[str, Any]]:
    """The verdicts of some seeds."""
    name, seeds = job
    rows = []
    for seed in seeds:
        table, trained = draw(BY_NAME[name], seed)
        n = len(table.y)
        split = Split("stratified", np.arange(0), np.arange(n), np.arange(0), [], [])
        settings = Settings(seed=seed, **COSTS)  # type: ignore[arg-type]  # a number and a word
        use = decide(judge(table, split, settings, trained), settings).use
        rows.append({"scenario": name, "seed": seed, "positive": int(table.y.sum()), "use": use})
    return rows


HEAD = (
    "scenario",
    "comparisons",
    "right verdict",
    "log loss",
    "class weights",
    "focal loss",
    "right",
    "interval",
)


def score_table(rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """For each scenario the share of each verdict, and of the right ones."""
    used: dict[str, Counter[str]] = {name: Counter() for name in BY_NAME}
    for row in rows:
        used[row["scenario"]][row["use"]] += 1
    table = []
    for scenario in SCENARIOS:
        counts = used[scenario.name]
        n = counts.total()
        if not n:
            continue
        right = sum(counts[key] for key in scenario.right)
        names = " or ".join(BY_KEY[key].name for key in scenario.right)
        shares = [percent(counts[key], n) for key in ("log_loss", "class_weights", "focal")]
        table.append([scenario.name, str(n), names, *shares, percent(right, n), interval(right, n)])
    return table


def percent(count: int, n: int) -> str:
    return f"{100.0 * count / n:.1f} %"


def interval(count: int, n: int) -> str:
    low, high = binomtest(count, n).proportion_ci()
    return f"{100.0 * low:.1f} to {100.0 * high:.1f} %"


# ---------------------------------------------------------------------- trainings
N_ROWS, N_FRESH, N_FEATURES = 5_000, 100_000, 8
DATA_SETS = 50
BUDGET = {
    "test_size": 0.5, "trials": 8, "num_boost_round": 100, "early_stopping_rounds": 20, "n_jobs": 1,
}  # fmt: skip
MEASURES = ("average_precision", "recall", "cost", "log_loss")
FIELDS = ("design", "seed", "judged", "use", "challenger", *MEASURES)
# Five trees, whose steps are a tenth of what they need.
HELD_BACK: dict[str, Any] = {"n_estimators": 5, "max_depth": 3, "max_delta_step": 1.0, "n_jobs": 1}


def smooth(X: Array) -> Array:
    """Log-odds: additive effects and an interaction."""
    return np.asarray(-4.6 + 1.2 * X[:, 0] + np.sin(2 * X[:, 1]) + X[:, 1] * X[:, 2] + 0.5 * np.abs(X[:, 4]))


def corner(X: Array) -> Array:
    """Log-odds: nearly all of the positive rows are beyond a slanted line."""
    return np.where(X[:, 0] + X[:, 1] > 2.5, 2.0, -6.0)


def shell(X: Array) -> Array:
    """Log-odds: far from the middle in three features, on one side of a fourth."""
    return np.where((np.sqrt((X[:, :3] ** 2).sum(axis=1)) > 2.6) & (X[:, 3] > 0.0), 1.0, -5.0)


def pockets(X: Array) -> Array:
    """Log-odds: a pocket in which more than a third are positive."""
    return np.where((X[:, 0] > 1.0) & (X[:, 1] > 0.0), -0.5, -5.0)


def steps(X: Array) -> Array:
    """Log-odds: additive steps."""
    return np.asarray(-6.0 + 2.0 * (X[:, 0] > 0.5) + 2.0 * (X[:, 1] > 1.0) + 1.5 * (X[:, 2] > 0.0))


DESIGNS = {"smooth": smooth, "corner": corner, "shell": shell, "pockets": pockets, "steps": steps}


def simulate(design: str, n: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Features, labels, amounts."""
    X = rng.standard_normal((n, N_FEATURES))
    y = (rng.random(n) < expit(DESIGNS[design](X))).astype(int)
    return X.astype(np.float32), y, rng.lognormal(4.0, 1.0, n)


def compare_trained(job: tuple[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Comparisons of some seeds."""
    return [row for seed in job[1] for row in compare_one(job[0], seed)]


def compare_one(design: str, seed: int) -> list[dict[str, Any]]:
    """One comparison, judged in the ways of `JUDGED`, and what fresh rows say of its models."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rng = np.random.default_rng([seed, list(DESIGNS).index(design)])
    X, y, amount = simulate(design, N_ROWS, rng)
    found = compare(X, y, amount=amount, positive=1, seed=seed, **BUDGET, **COSTS)  # type: ignore[arg-type]
    X_fresh, y_fresh, amount_fresh = simulate(design, N_FRESH, rng)
    X_held, (X_train, y_train) = X[found.split.test], (X[found.split.train], y[found.split.train])
    own = found.trained[0]
    held: dict[str, Trained] = {each.contender.key: each for each in found.trained}
    held |= {
        key: after(replace(own, contender=BY_KEY[name], model=model.fit(X_train, y_train)), X_held)
        for key, name, model in held_back(seed)
    }
    fresh = {key: after(each, X_fresh) for key, each in held.items()}
    rows = []
    for judged, change in JUDGED.items():
        use = decide(judge(found.task, found.split, found.settings, change(held)), found.settings).use
        base, *others = (truth(each, y_fresh, amount_fresh) for each in change(fresh))
        for key, other in zip(("class_weights", "focal"), others, strict=True):
            row = {"design": design, "seed": seed, "judged": judged, "use": use, "challenger": key}
            rows.append(row | dict(zip(MEASURES, (other - base).round(5).tolist(), strict=True)))
    return rows


def after(trained: Trained, X: Array) -> Trained:
    """The same model on other rows."""
    log_odds, confidence = predict(trained.model, X)
    return replace(trained, log_odds=log_odds, probability=expit(log_odds), confidence=confidence)


def held_back(seed: int) -> list[tuple[str, Key, Any]]:
    """Models of five small trees: a log loss that anything beats, and challengers that lose to anything."""
    weighted: dict[str, Any] = {"random_state": seed, "focal_alpha": "balanced"} | HELD_BACK
    return [
        ("poor log loss", "log_loss", XGBClassifier(random_state=seed, **HELD_BACK)),
        ("poor class weights", "class_weights", FocalXGBClassifier(focal_gamma=0.0, **weighted)),
        ("poor focal", "focal", FocalXGBClassifier(focal_gamma=2.0, **weighted)),
    ]


def raw(trained: Trained) -> Trained:
    odds = logit(np.clip(trained.confidence, 1e-15, 1.0 - 1e-15))
    return replace(trained, probability=trained.confidence, log_odds=odds)


Models = Mapping[str, Trained]
# Each way of judging: from all models those that stand for the three contenders.
JUDGED: dict[str, Callable[[Models], list[Trained]]] = {
    "as compared": lambda models: [models["log_loss"], models["class_weights"], models["focal"]],
    "poor log loss": lambda models: [models["poor log loss"], models["class_weights"], models["focal"]],
    "poor challengers": lambda models: [
        models["log_loss"],
        models["poor class weights"],
        models["poor focal"],
    ],
    "raw": lambda models: [models["log_loss"], raw(models["class_weights"]), raw(models["focal"])],
}


def truth(trained: Trained, y: Array, amount: Array) -> Array:
    """`MEASURES`, each with the sign that makes more better."""
    odds, p = trained.log_odds, trained.probability
    cost = expected_cost(y, p, cost_alarm=COST_ALARM, cost_missed=amount)
    loss = np.logaddexp(0.0, np.where(y == 1, -odds, odds)).mean()
    return np.array([average_precision_score(y, odds), recall_at_alert_rate(y, odds), -cost, -loss])


TRAININGS_HEAD = (
    "design", "judged", "comparisons", "log loss", "class weights", "focal loss", "wrong", "interval",
    "AP of class weights", "AP of focal loss",
)  # fmt: skip


def training_table(rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """For each design and way of judging: verdicts, wrong recommendations, mean true gains."""
    by_way: dict[tuple[str, str], dict[str, dict[str, Mapping[str, Any]]]] = {}
    for row in rows:
        for design in (row["design"], "all"):
            place = by_way.setdefault((design, row["judged"]), {})
            place.setdefault(f"{row['design']} {row['seed']}", {})[row["challenger"]] = row
    order = {name: number for number, name in enumerate([*DESIGNS, "all"])}
    table = []
    for (design, judged), sets in sorted(
        by_way.items(), key=lambda item: (order[item[0][0]], list(JUDGED).index(item[0][1]))
    ):
        n = len(sets)
        uses = Counter(each["focal"]["use"] for each in sets.values())
        wrong = sum(not recommended_rightly(each) for each in sets.values())
        gains = [
            mean_gain([float(each[key]["average_precision"]) for each in sets.values()])
            for key in ("class_weights", "focal")
        ]
        counts = [str(uses[key]) for key in ("log_loss", "class_weights", "focal")]
        table.append([design, judged, str(n), *counts, str(wrong), interval(wrong, n), *gains])
    return table


def recommended_rightly(rows: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether what is recommended is better on fresh rows; to stay with log loss claims nothing."""
    use = next(iter(rows.values()))["use"]
    return use not in rows or any(float(rows[use][measure]) > 0.0 for measure in MEASURES[:3])


def mean_gain(values: list[float]) -> str:
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):+.3f} +- {error:.3f}"


# ---------------------------------------------------------------------- the command
def main(argv: list[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("--trainings", action="store_true", help="train boosters")
    options.add_argument("--tables", action="store_true", help="print the tables of finished runs")
    options.add_argument("--results", type=Path, help="default: the committed file")
    options.add_argument("--repeats", type=int, help="of each scenario or design")
    options.add_argument("--only", nargs="+", help="these scenarios or designs")
    options.add_argument("--jobs", type=int, default=1, help="processes")
    asked = options.parse_args(argv)
    if not asked.tables:
        print_environment()
        path = asked.results or (TRAININGS if asked.trainings else SCORES)
        run(path, trainings=asked.trainings, repeats=asked.repeats, only=asked.only, processes=asked.jobs)
    if asked.tables or not asked.trainings:
        path = asked.results or SCORES
        print_table("Verdicts on scores whose truth is known", HEAD, score_table(read(path)))
    if asked.trainings or (asked.tables and asked.results is None and TRAININGS.exists()):
        path = asked.results or TRAININGS
        print_table("Verdicts on trained models", TRAININGS_HEAD, training_table(read(path)))


def run(path: Path, *, trainings: bool, repeats: int | None, only: list[str] | None, processes: int) -> None:
    """Do what is missing, and write it sorted."""
    if trainings:
        each = DATA_SETS // len(DESIGNS) if repeats is None else repeats
        jobs = [(name, seed) for name in DESIGNS for seed in range(each)]
        name_of, task, fields = "design", compare_trained, list(FIELDS)
    else:
        jobs = [(one.name, seed) for one in SCENARIOS for seed in range(repeats or one.repeats)]
        name_of, task, fields = "scenario", decide_on_scores, ["scenario", "seed", "positive", "use"]
    jobs = [job for job in jobs if only is None or job[0] in only]
    done = {(row[name_of], int(row["seed"])) for row in read_rows(path)}
    todo: dict[tuple[str, int], list[int]] = {}
    for name, seed in jobs:
        if (name, seed) not in done:
            todo.setdefault((name, seed // SEEDS_OF_JOB), []).append(seed)
    run_jobs(task, [(name, seeds) for (name, _), seeds in todo.items()], processes, path, fields)
    order = {job: number for number, job in enumerate(jobs)}
    rows = [row for row in read_rows(path) if (row[name_of], int(row["seed"])) in order]
    rows.sort(key=lambda row: order[row[name_of], int(row["seed"])])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial(path).unlink()


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
