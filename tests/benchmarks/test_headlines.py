"""The numbers that README.md, docs/ and benchmarks/README.md print, recomputed from the committed results."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.benchmarks.pages import (
    BENCHMARKS,
    DOCS,
    EVIDENCE,
    README,
    flat,
    rows_of,
    rows_under,
    section,
    text,
)
from tests.benchmarks.scripts import FOLDER, load

for needed in ("xgboost", "lightgbm", "pandas", "pyarrow"):
    pytest.importorskip(needed)

defaults = load("defaults")
starts = load("starts")
with pytest.MonkeyPatch.context() as found_here:
    found_here.setattr(sys, "path", [str(FOLDER / "study"), *sys.path])
    comparisons = load("comparisons")
ranks = comparisons.ranks

ALL, BINARY, SEVERAL = defaults.TASKS, ("binary",), ("multiclass",)
GAMMA_2 = ("gamma 2", "focal loss", "training")
TWO_SETS = ("shuttle_2", "paysim")


FRONT = section(README, "Evidence")
WORTH = section(EVIDENCE, "Tuned: it ranks as log loss does")
PROBABILITIES = section(text(DOCS / "probabilities.md"), "What it costs, measured")
DEFAULTS, STARTS, STUDY = (
    section(BENCHMARKS, name) for name in ("Defaults", "Log loss with its start and step", "Study")
)


# ---------------------------------------------------------------------- results
@pytest.fixture(scope="module")
def results():
    return defaults.Results(defaults.RESULTS)


@pytest.fixture(scope="module")
def frame():
    return starts.load(starts.RESULTS)


@pytest.fixture(scope="module")
def settings(frame):
    return starts.settings(frame)


@pytest.fixture(scope="module")
def study():
    """The binary sets of the study, and means over sets with their intervals."""
    everything = ranks.load(FOLDER / "study" / "results")
    binary = ranks.of_task(everything.main, "binary")

    def apart(one, measure, without=()):
        values = ranks.of_booster(ranks.paired(binary, one, "log loss", measure), "both")
        return values[~values.index.get_level_values("set").isin(without)]

    return SimpleNamespace(all=everything, binary=binary, apart=apart)


def percents(values, digits=0):
    return [f"{100 * np.expm1(value):+.{digits}f}" for value in values]


def bracket(texts):
    middle, low, high = texts
    return f"{middle} % [{low}, {high}]"


# ---------------------------------------------------------------------- defaults.py
def test_summary_of_defaults(results):
    summary = [list(defaults.SUMMARY_HEAD), *defaults.summary(results)]
    assert len(summary) == 9
    for part in (PROBABILITIES, DEFAULTS, text(FOLDER / "results" / "defaults.md")):
        assert rows_under(part, summary[0])[: len(summary)] == summary
    costs = [row[2].split()[0] for row in summary if row[0].endswith("gamma 2")]
    assert "is {} % and {} % beside log loss's".format(*costs) in flat(FRONT)


def test_all_tables_of_defaults(results, capsys):
    defaults.print_tables(results)
    assert capsys.readouterr().out.strip() in text(FOLDER / "results" / "defaults.md")


def test_outcome_of_the_rules(results, frame):
    assert defaults.verdicts(results) == {
        "gamma": "gamma 2",
        "shift": True,
        "start": "best constant",
        "stop": "focal loss",
        "Hessian": "guarded",
        "lambda": "1",
    }
    assert starts.capping_wins(frame) is False
    told = {row[0]: row[3] for row in rows_of(DEFAULTS) if len(row) == 4}
    assert list(told.values())[1:] == [
        "gamma 2, kept",
        "on, new",
        "best constant, kept",
        "focal loss, kept",
        "guarded, kept",
        "1, changed",
        "no parameter",
    ]


def test_evidence_beside_the_rules(results, settings):
    def log_loss(tasks, one, *other, boosters=defaults.BOOSTERS, precision=False):
        parts = []
        for booster in boosters:
            found = results.against(tasks, booster, one, *other)
            ap = f", AP {found.average_precision.text(3)}" if precision else ""
            parts.append(f"{booster}: {defaults.percent(found.log_loss)} %{ap}")
        return "; ".join(parts)

    def other(name, stop="focal loss", shift="training"):
        return name, stop, shift

    untuned = settings["untuned"]
    capped = [
        starts.against(untuned["rows capped at 3"], untuned["max_delta_step 3"], booster).average_precision
        for booster in defaults.BOOSTERS
    ]
    evidence = [row[2] for row in rows_of(DEFAULTS) if len(row) == 4][1:]
    assert evidence == [
        log_loss(ALL, GAMMA_2, precision=True),
        log_loss(ALL, GAMMA_2, other("gamma 2", shift="none")),
        log_loss(BINARY, other("gamma 2 from 0"), GAMMA_2, precision=True),
        log_loss(ALL, other("gamma 2", "log loss"), GAMMA_2),
        log_loss(SEVERAL, other("gamma 2, abs"), GAMMA_2),
        log_loss(SEVERAL, other("gamma 2, lambda 1"), GAMMA_2, boosters=("lightgbm",)),
        "; ".join(
            f"{booster}: AP {found.text(3)}" for booster, found in zip(defaults.BOOSTERS, capped, strict=True)
        ),
    ]


def test_what_speaks_against_gamma_2(results, settings):
    def cost(tasks, booster, one, *other):
        return defaults.percent(results.against(tasks, booster, one, *other).log_loss)

    from_0, ridge = ("log loss from 0", "log loss", "none"), ("log loss, lambda 1", "log loss", "none")
    gamma_1 = ("gamma 1", "focal loss", "training")
    told = flat(DEFAULTS)
    beside = cost(BINARY, "lightgbm", GAMMA_2, from_0)
    classes = cost(SEVERAL, "lightgbm", ("gamma 2, lambda 1", "focal loss", "training"), ridge)
    for expected in (
        f"gamma 1 costs {cost(ALL, 'xgboost', gamma_1)} % and {cost(ALL, 'lightgbm', gamma_1)} %",
        f"gamma 2 has {cost(BINARY, 'xgboost', GAMMA_2, from_0)} % with XGBoost and {beside} % with LightGBM",
        f"{cost(SEVERAL, 'xgboost', GAMMA_2)} % with XGBoost and {cost(SEVERAL, 'lightgbm', GAMMA_2)} % with",
        f"reg_lambda 1 on both sides {classes} %",
        f"lowers log loss's own by {cost(SEVERAL, 'lightgbm', ridge)} %",
    ):
        assert expected in told
    worst = [
        f"+{100 * np.expm1(results.against(ALL, each, GAMMA_2).worst):.0f} %" for each in defaults.BOOSTERS
    ]
    assert f"the worst has {worst[0]} (XGBoost) and {worst[1]} (LightGBM" in told
    expected = f"the worst has {worst[0]} of log loss (XGBoost) and {worst[1]} (LightGBM"
    assert expected in flat(section(EVIDENCE, "Why the defaults are what they are"))
    told = flat(PROBABILITIES)
    assert f"gamma 2 has {beside.replace(' [', ' % [')}" in told
    assert f"`reg_lambda=1` on both sides, {classes.replace(' [', ' % [')}" in told
    random = settings["random"]
    for name, verb in (("gamma 2", "gamma 2 costs XGBoost"), ("gamma 1", "gamma 1")):
        found = starts.against(random[name], random["log loss"], "xgboost")
        value, low, high = found.average_precision
        # A cost: the signs are turned, and the ends with them.
        said = f"{verb} {-value:.3f} [{-high:.3f}, {-low:.3f}]"
        value, low, high = (100 * np.expm1(end) for end in found.log_loss)
        assert said in told
        assert f"{value:.1f} % [{low:.1f}, {high:.1f}]" in told


def test_balanced_weights_cost_a_tenth(results):
    for booster in defaults.BOOSTERS:
        found = results.against(ALL, booster, ("gamma 2, balanced", "focal loss", "training"))
        assert 0.09 < np.expm1(found.log_loss.value) < 0.12
    ratios = [
        results.against(ALL, booster, ("log loss", "log loss", "none")).ratio for booster in defaults.BOOSTERS
    ]
    assert "its mean p / rate is {:.2f} and {:.2f}.".format(*ratios) in flat(PROBABILITIES)


# ---------------------------------------------------------------------- starts.py
def test_summary_of_starts(frame):
    summary = [list(starts.SUMMARY_HEAD), *starts.summary(frame)]
    assert len(summary) == 12
    for part in (STARTS, text(FOLDER / "results" / "starts.md")):
        assert rows_of(part)[: len(summary)] == summary


def test_all_tables_of_starts(frame, capsys):
    starts.print_tables(frame)
    assert capsys.readouterr().out.strip() in text(FOLDER / "results" / "starts.md")


def test_starts_and_steps_in_evidence(frame, settings):
    """The rows of the summary that the page shows, and the numbers that README takes from them."""
    shown = rows_of(section(EVIDENCE, "Not tuned: the start is worth as much"))
    summary = [starts.SUMMARY_HEAD, *starts.summary(frame)]
    kept = [row for row in summary if "capped" not in row[0] and not row[0].startswith("tuned")]
    assert len(kept) == 9
    assert [row[0] for row in shown] == [row[0] for row in kept]
    assert [row[1:] for row in shown[1:]] == [[row[column] for column in (1, 3, 4, 6)] for row in kept[1:]]
    without = sorted(row[5] for row in kept if row[0].startswith("untuned"))
    assert f"they are {without[0]} to {without[-1]}." in flat(EVIDENCE)

    def gains(setting, name):
        contenders = settings[setting]
        found = [starts.against(contenders[name], contenders["log loss"], each) for each in defaults.BOOSTERS]
        return " and ".join(f"{each.average_precision.value:+.3f}" for each in found)

    first, second, third, fourth = (
        gains(setting, name) for setting in ("untuned", "random") for name in ("from 0", "gamma 2")
    )
    told = flat(FRONT)
    assert f"log loss from 0.5 {first}, focal loss {second}." in told
    assert f"With settings drawn at random: {third}, and {fourth}." in told


def test_focal_loss_beside_the_better_baselines(settings):
    def apart(setting, one, other, digits=3):
        found = [
            starts.against(settings[setting][one], settings[setting][other], each)
            for each in defaults.BOOSTERS
        ]
        return " and ".join(each.average_precision.text(digits) for each in found)

    told = flat(STARTS)
    for name in ("gamma 1", "gamma 2"):
        assert f"{name} {apart('untuned', name, 'max_delta_step 3')}" in told
        assert apart("random", name, "from 0") in told
    # Log loss from 0 ranks better than either at random points, with both boosters.
    for name in ("gamma 1", "gamma 2"):
        for booster in defaults.BOOSTERS:
            random = settings["random"]
            assert starts.against(random[name], random["from 0"], booster).average_precision.high < 0
    # Tuned, focal loss is not apart from log loss with start and step.
    for booster in defaults.BOOSTERS:
        tuned = settings["tuned"]
        found = starts.against(tuned["focal loss"], tuned["log loss, start and step"], booster)
        assert found.average_precision.holds_0
        assert found.average_precision.text(3).replace("0.", ".") in told


def test_two_sets_on_which_log_loss_fails_from_the_log_odds(settings):
    told = []
    for arm in ("log loss", "from 0"):
        by = settings["untuned"][arm]["average_precision"].groupby(level=["booster", "set"]).mean()
        told += [f"{by[booster, name]:.3f}" for booster in defaults.BOOSTERS for name in TWO_SETS]
    a, b, c, d, e, f, g, h = (each.removeprefix("0") for each in told)
    expected = f"of {a} and {b} with XGBoost, of {c} and {d} with LightGBM; from 0 it is {e} and {f}, and {g}"
    assert f"{expected} and {h}." in flat(STARTS)


# ---------------------------------------------------------------------- the study
@pytest.mark.parametrize(
    ("contender", "label"),
    [
        ("focal", "focal: gamma, class weights tuned"),
        ("focal 0", "gamma 0, class weights tuned, posterior"),
        ("weighted", "class weights tuned, as they come"),
        ("defaults", "log loss, not tuned"),
    ],
)
def test_main_rows_of_the_study(study, contender, label):
    expected = [label]
    for measure in ("average precision", "log loss", "log loss, Platt", "cost 100:1"):
        found = ranks.mean_interval(study.apart(contender, measure))
        if np.isnan(found[0]):
            expected.append("")
        elif measure == "average precision":
            expected.append("{:+.3f} [{:+.3f}, {:+.3f}]".format(*found))
        else:
            expected.append(bracket(percents(found)))
    assert expected in rows_of(WORTH)


def test_what_single_sets_make(study):
    worth, told = flat(WORTH), flat(STUDY)
    found = ranks.mean_interval(study.apart("focal", "average precision", ("paysim",)))
    assert "without PaySim, {:+.3f} [{:+.3f}, {:+.3f}]".format(*found) in worth
    assert "without paysim {:+.4f} ({:+.4f} to {:+.4f})".format(*found) in told
    found = ranks.mean_interval(study.apart("focal", "log loss", ("shuttle_2",)))
    assert f"without shuttle_2 it is {bracket(percents(found, 1))}" in worth
    found = ranks.mean_interval(study.apart("focal", "log loss, Platt", ("shuttle_2",)))
    assert f"recalibrated {bracket(percents(found, 1))}" in worth
    means = ranks.set_means(ranks.families(study.apart("focal", "log loss, Platt")))
    half = ranks.t.ppf(0.975, len(means) - 1) * means.sem()
    ends = (means.mean() - half, means.mean() + half)
    assert "has [{}, {}] by Student's t".format(*percents(ends)) in worth
    assert "by Student's t {} to {}".format(*percents(ends, 1)) in told


def test_most_of_what_tuning_gains_is_two_sets(study):
    apart = study.apart("defaults", "average precision")
    means = ranks.set_means(ranks.families(apart))
    assert means[list(TWO_SETS)].sum() / means.sum() == pytest.approx(0.75, abs=0.01)
    middle, low, high = (
        -value for value in ranks.mean_interval(study.apart("defaults", "average precision", TWO_SETS))
    )
    assert f"without these {middle:.3f} [{high:.3f}, {low:.3f}]" in flat(WORTH)
    assert f"without which it is {middle:.3f} ({high:.3f} to {low:.3f})" in flat(STUDY)


def test_how_little_one_set_can_show(study):
    found = study.all.differences
    found = found[
        (found["contender"] == "focal")
        & (found["baseline"] == "log loss")
        & (found["measure"] == "average precision")
        & found["booster"].isin(ranks.BOTH)
        & found["set"].isin(ranks.set_names(study.binary))
    ]
    assert len(found) == 46
    assert ((found["low"] <= 0) & (found["high"] >= 0)).all()
    half = ((found["high"] - found["low"]) / 2).median()
    repeats = study.apart("focal", "average precision").unstack("repeat")
    agree = int((np.sign(repeats.iloc[:, 0]) == np.sign(repeats.iloc[:, 1])).sum())
    jobs = study.all.jobs
    jobs = jobs[(jobs["study"] == "main") & jobs["set"].isin(ranks.set_names(study.binary))]
    rare = jobs.drop_duplicates("set")["positives_test"].median()
    for told in (flat(WORTH), flat(STUDY)):
        assert f"half an interval is {half:.3f} in the median" in told
        assert f"the two repeats agree on {agree} of {len(repeats)} sets" in told
    assert f"{rare:.0f} positive ones in the median" in flat(STUDY)


def test_corrected_p_values(study):
    p_values, tested = [], []
    for booster in ("both", *ranks.BOTH):
        for measure in comparisons.measures_of(study.binary):
            values = ranks.of_booster(ranks.paired(study.binary, "focal", "log loss", measure), booster)
            means = ranks.set_means(ranks.families(values))
            if len(means):
                p_values.append(ranks.signed_rank(means))
                tested.append((booster, measure))
    place = tested.index(("both", "log loss, Platt"))
    both = [p for p, (booster, _) in zip(p_values, tested, strict=True) if booster == "both"]
    of_ten, of_all = ranks.holm(both)[place], ranks.holm(p_values)[place]
    assert (len(both), len(p_values)) == (10, 30)
    assert f"p {of_ten:.2f} corrected for ten measures, {of_all:.2f} for all 30 tests" in flat(WORTH)
    assert f"{of_ten:.3f} for the ten measures of both boosters, {of_all:.3f} for all 30 tests" in flat(STUDY)


def test_what_the_posterior_is_worth(study):
    apart = ranks.paired(study.all.ablation, "defaults: raw", "defaults: base", "log loss")
    means = ranks.set_means(ranks.families(ranks.of_booster(apart, "both")))
    mean, median = np.exp([means.mean(), means.median()])
    told = f"without it {mean:.1f} times the log loss on average, {median:.1f} in the median"
    assert told.replace("without it", "has") in flat(WORTH)
    assert f"Without the correction it is {mean:.1f} times as large" in flat(FRONT)


@pytest.mark.parametrize(
    ("task", "n_sets", "words"),
    [
        ("binary", 23, "{} on 23 tables"),
        ("multiclass", 6, "with several classes {} on six"),
        ("multilabel", 3, None),
    ],
)
def test_means_of_each_task(study, task, n_sets, words):
    of_task = ranks.of_task(study.all.main, task)
    assert len(ranks.set_names(of_task)) == n_sets
    values = ranks.of_booster(ranks.paired(of_task, "focal", "log loss", "average precision"), "both")
    found = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*ranks.mean_interval(values))
    if words is not None:
        assert words.format(found) in flat(FRONT)
    assert found in flat(WORTH)
    if task == "binary":
        assert f"ranks as log loss does: average precision {found}." in flat(EVIDENCE)


def test_what_the_start_at_the_log_odds_costs(study):
    """Focal loss from there, beside focal loss from the best constant."""
    counts = []
    for one in ("log-odds", "exact log-odds"):
        for parameters in ("defaults", "tuned"):
            apart = ranks.paired(
                study.all.ablation, f"{parameters}: {one}", f"{parameters}: base", "average precision"
            )
            by = apart.groupby(level=["set", "booster"]).mean()
            counts.append(int((by < -0.1).sum()))
            assert len(by) == 46
    assert f"({counts[0]} and {counts[1]} of 46)" in flat(EVIDENCE)
    assert all(28 <= count <= 34 for count in counts[2:])  # two thirds


# ---------------------------------------------------------------------- when it pays
def test_the_first_sentence():
    claim = "focal loss rank better than log loss that is started well"
    places = "(few trees, label noise, one fraud in thousands, rare labels, sampled rows)"
    told = flat(section(README, "Should I use it?"))
    assert (
        f"In none of 60 comparisons does {claim}: from a probability of 0.5, or with `max_delta_step`" in told
    )
    told = flat(EVIDENCE.split("\n## ")[0])
    assert f"In none of 60 comparisons {places} does {claim}: from 0.5, or with `max_delta_step`." in told
    assert "in none of 60 comparisons does focal loss rank better" in flat(
        section(BENCHMARKS, "When does focal loss pay?")
    )
