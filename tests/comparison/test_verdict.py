"""The rule: log loss, unless another is shown to be better in a primary line and worse in none."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from focalboost.comparison import _judgement
from focalboost.comparison._judgement import judge
from focalboost.comparison._verdict import _compare, decide, signed
from tests.comparison.judged import KEYS, MEASURES, binormal, judgement, settings, split, task, trained


def verdict(*, asked=None, **kwargs):
    return decide(judgement(**kwargs), settings(**(asked or {})))


# ---------------------------------------------------------------------- who is used
def test_equal_contenders_stay_with_log_loss():
    found = verdict(class_weights={}, focal={"average_precision": 0.01})
    assert (found.use, found.beats_log_loss) == ("log_loss", False)
    assert found.sentence == (
        "Stay with log loss: nothing is shown to be better in what decides on the 5,000 held-out rows "
        "(200 positive); focal loss came closest, with average precision 0.510 against 0.500 with log loss "
        f"(+0.010, 90 % interval {interval(found.sentence)})."
    )
    low, high = map(float, interval(found.sentence).split(" to "))
    assert low < 0 < high
    assert "Focal loss: no line is shown to differ from log loss." in found.reasons


def interval(text):
    return re.search(r"interval (\S+ to [-+.\d]+\d)", text)[1]


@pytest.mark.parametrize("key", ["class_weights", "focal"])
@pytest.mark.parametrize(
    ("measure", "change"),
    [("average_precision", 0.05), ("recall_at_alert_rate", 0.05), ("expected_cost", -0.1)],
)
def test_better_in_a_primary_line(key, measure, change):
    other = {"focal": "class_weights", "class_weights": "focal"}[key]
    found = verdict(**{key: {measure: change}, other: {}})
    assert (found.use, found.beats_log_loss) == (key, True)
    name = {"focal": "focal loss", "class_weights": "class weights"}[key]
    assert found.sentence.startswith(
        f"Use {name}: {MEASURES[KEYS.index(measure)].name} on the 5,000 held-out rows"
    )
    assert f"({change:+.3f}, 90 % interval" in found.sentence
    assert found.sentence.endswith("and no line is shown to be worse.")
    low, high = map(float, interval(found.sentence).split(" to "))
    assert low < change < high
    assert low * high > 0


@pytest.mark.parametrize(
    ("changes", "closest"),
    [
        (
            {"average_precision": 0.0001},
            "focal loss came closest, level in average precision 0.500 against 0.500",
        ),
        ({"average_precision": 0.0001}, "with log loss (0.000, 90 % interval -0.2"),
        ({"average_precision": -0.0001}, "focal loss came closest, level in average precision 0.500 against"),
        ({"average_precision": -0.0001}, "with log loss (0.000, 90 % interval -0.2"),
        (
            {"average_precision": -0.01},
            "none is ahead in any of it, and focal loss came closest, with average p",
        ),
    ],
)
def test_the_closest_that_is_not_ahead(changes, closest):
    behind = {"average_precision": -0.2, "recall_at_alert_rate": -0.2, "expected_cost": 0.4}
    # Behind, but not shown to be: all errors are large.
    errors = {"average_precision": 0.1, "recall_at_alert_rate": 0.1, "expected_cost": 0.2}
    found = verdict(errors=errors, focal=behind | changes, class_weights=behind)
    assert found.use == "log_loss"
    assert closest in found.sentence
    assert "-0.000" not in found.sentence


def test_what_rounds_to_zero_has_no_sign():
    assert [signed(value, 0) for value in (-0.3, 0.3, -0.0, 1234.0)] == ["0", "0", "0", "+1,234"]
    assert [signed(value, 2) for value in (-0.004, -0.006)] == ["0.00", "-0.01"]


@pytest.mark.parametrize("measure", ["log_loss", "calibration_slope", "calibration_ratio"])
def test_other_lines_choose_nobody(measure):
    """Such a line is marked in the table, so the reasons tell of it."""
    base = None if measure == "log_loss" else {measure: 0.3}
    better = {"log_loss": -0.02}.get(measure, 0.0)
    made = judgement(focal={measure: better}, class_weights={})
    if base:  # log loss itself is off, the others are not
        k = KEYS.index(measure)
        values, replicates = made.values.copy(), made.replicates.copy()
        values[0, k] += 0.3
        replicates[:, 0, k] += 0.3
        made = dataclasses.replace(made, values=values, replicates=replicates)
    found = decide(made, settings())
    assert found.use == "log_loss"
    assert "nothing is shown to be better in what decides" in found.sentence
    (told,) = [each for each in found.reasons if each.startswith("Focal loss")]
    name = MEASURES[KEYS.index(measure)].name
    assert told.startswith(f"Focal loss, better, but in a line that does not decide: {name} ")


def test_tuned_measure_is_primary():
    changes = {"focal": {"log_loss": -0.02}}
    assert verdict(**changes).use == "log_loss"
    assert verdict(asked={"measure": "neg_log_loss"}, **changes).use == "focal"
    # And average precision then is not.
    changes = {"focal": {"average_precision": 0.1}}
    assert verdict(asked={"measure": "neg_log_loss"}, **changes).use == "log_loss"


@pytest.mark.parametrize(
    ("measure", "change"),
    [
        ("recall_at_alert_rate", -0.06),
        ("expected_cost", 0.2),
        ("log_loss", 0.01),
        ("calibration_ratio", -0.2),
        ("calibration_ratio", 0.2),
        ("calibration_slope", 0.3),
        ("calibration_slope", -0.3),
    ],
)
def test_worse_in_any_line_keeps_log_loss(measure, change):
    found = verdict(focal={"average_precision": 0.05, measure: change})
    assert found.use == "log_loss"
    name = MEASURES[KEYS.index(measure)].name
    start = (
        "Stay with log loss: on the 5,000 held-out rows (200 positive) focal loss improved average precision"
    )
    assert found.sentence.startswith(f"{start}, 0.550 against 0.500 with log loss (+0.050, 90 %")
    assert f"but not without loss: {name} is " in found.sentence
    assert any(each.startswith(f"Focal loss, worse: {name}") for each in found.reasons)
    assert (
        "Focal loss won one line and lost another: where only the first matters, that choice is yours."
        in found.reasons
    )


def test_a_value_that_cannot_be_computed_counts_as_worse():
    made = judgement(focal={"average_precision": 0.05})
    values, replicates = made.values.copy(), made.replicates.copy()
    values[1, KEYS.index("log_loss")] = np.inf
    replicates[:, 1, KEYS.index("log_loss")] = np.nan
    found = decide(dataclasses.replace(made, values=values, replicates=replicates), settings())
    assert found.use == "log_loss"
    assert "log loss of the probabilities is inf against 0.0800 with log loss." in found.sentence
    # Neither has one: the line says nothing.
    values[0, KEYS.index("calibration_slope")] = values[1, KEYS.index("calibration_slope")] = np.nan
    values[1, KEYS.index("log_loss")] = 0.08
    replicates[:, :, KEYS.index("calibration_slope")] = np.nan
    replicates[:, 1, KEYS.index("log_loss")] = made.replicates[:, 1, KEYS.index("log_loss")]
    assert decide(dataclasses.replace(made, values=values, replicates=replicates), settings()).use == "focal"


def test_perfect_scores_have_no_slope_and_win(monkeypatch):
    monkeypatch.setattr(_judgement, "N_REPLICATES", 300)
    y, scores = binormal(2_000, 0.05)
    table = task(y)
    perfect = np.where(y == 1, 4.0, -6.0) + scores["focal"] / 100
    contenders = [trained("log_loss", scores["log_loss"]), trained("focal", perfect)]
    made = judge(table, split(table), settings(), contenders)
    slope = [each.key for each in made.measures].index("calibration_slope")
    assert np.isnan(made.values[1, slope])
    assert decide(made, settings()).use == "focal"


def test_nothing_can_be_computed():
    made = judgement(focal={})
    nothing = dataclasses.replace(
        made, values=np.full_like(made.values, np.nan), replicates=np.full_like(made.replicates, np.nan)
    )
    found = decide(nothing, settings())
    assert found.use == "log_loss"
    assert found.sentence == (
        "Stay with log loss: nothing is shown to be better in what decides on the 5,000 held-out rows "
        "(200 positive)."
    )


def test_differences_that_nobody_would_change_a_model_for():
    tiny = dict.fromkeys(KEYS, 1e-5)
    assert verdict(errors=tiny, focal={"average_precision": 0.001}).use == "log_loss"
    assert verdict(errors=tiny, focal={"average_precision": 0.01}).use == "focal"
    assert verdict(errors=tiny, focal={"expected_cost": -0.005}).use == "log_loss"
    assert verdict(errors=tiny, focal={"expected_cost": -0.02}).use == "focal"
    # Nor does one keep a model for them.
    slight = {"log_loss": 0.0005, "calibration_ratio": 0.01, "calibration_slope": 0.01}
    assert verdict(errors=tiny, focal={"average_precision": 0.01, **slight}).use == "focal"


def test_both_beat_log_loss():
    better = {"average_precision": 0.1}
    found = verdict(class_weights=better, focal=better)
    assert found.use == "class_weights"
    said = (
        "Both beat log loss. Focal loss is not shown to be better than class weights, the simpler of the two."
    )
    assert said in found.reasons
    found = verdict(class_weights=better, focal={"average_precision": 0.2})
    assert found.use == "focal"
    assert any(
        each.startswith("Both beat log loss. Focal loss, the better: average prec") for each in found.reasons
    )
    assert "0.600 against 0.500 with log loss" not in found.sentence
    found = verdict(class_weights={"average_precision": 0.2}, focal=better)
    assert found.use == "class_weights"
    # One of the two loses a line to log loss: the other is used.
    found = verdict(class_weights={"average_precision": 0.1, "log_loss": 0.02}, focal=better)
    assert found.use == "focal"


def test_untuned_log_loss_is_never_used():
    found = verdict(untuned={"average_precision": 0.1}, focal={})
    assert found.use == "log_loss"
    assert any(
        each.startswith("Tuning did not carry over to the held-out rows: average pre")
        for each in found.reasons
    )
    found = verdict(untuned={"average_precision": -0.1})
    assert any(
        each.startswith(
            "Tuning was worth it: average precision 0.500 against 0.400 with log loss, untuned (+0.100"
        )
        for each in found.reasons
    )
    found = verdict(untuned={"average_precision": -0.01})
    assert any(
        each.startswith("Tuning is not shown to have gained anything in what decides: average p")
        for each in found.reasons
    )
    assert not any("uning" in each for each in verdict(focal={}).reasons)


@pytest.mark.parametrize(
    ("untuned", "told"),
    [
        (
            {"log_loss": 0.02},
            ["better, but in a line that does not decide: log loss of the probabilities 0.0800"],
        ),
        (
            {"log_loss": -0.02},
            ["worse, though in a line that does not decide: log loss of the probabilities"],
        ),
        (
            {"average_precision": -0.1, "log_loss": 0.02},
            ["better, but in a line that does not decide: log loss"],
        ),
    ],
)
def test_tuning_is_told_of_lines_that_do_not_decide(untuned, told):
    reasons = verdict(untuned=untuned, focal={}).reasons
    assert [each[: len(told[0]) + 16] for each in reasons if each.startswith("Tuned log loss, ")] == [
        f"Tuned log loss, {told[0]}"
    ]
    decided = "Tuning was worth it: average" if "average_precision" in untuned else "in what decides: average"
    assert sum(decided in each for each in reasons) == 1


def test_tuning_that_won_one_line_and_lost_another():
    reasons = verdict(untuned={"average_precision": -0.1, "recall_at_alert_rate": 0.1}, focal={}).reasons
    assert sum(each.startswith("Tuning was worth it: average precision") for each in reasons) == 1
    assert (
        sum(each.startswith("Tuning did not carry over to the held-out rows: recall") for each in reasons)
        == 1
    )


@pytest.mark.parametrize("seed", range(8))
def test_reasons_tell_each_line_that_the_table_marks(seed):
    """Gains of any size in any line, of all three others."""
    rng = np.random.default_rng(seed)
    size = dict(zip(KEYS, (0.02, 0.02, 0.05, 0.003, 0.02, 0.02), strict=True))
    made = judgement(
        **{
            who: {key: float(rng.normal(0.0, 1.5 * size[key])) for key in KEYS}
            for who in ("untuned", "class_weights", "focal")
        }
    )
    found = decide(made, settings())
    families = _compare(made, settings(), [(key, "log_loss") for key in ("class_weights", "focal")])
    for key, start in (("class_weights", "Class weights"), ("focal", "Focal loss")):
        marked = [(each.measure.name, families[key].mark(each)) for each in families[key].lines]
        for name, word in marked:
            told = [
                each for each in found.reasons if each.startswith(f"{start}, {word}") and f": {name} " in each
            ]
            assert len(told) == (1 if word else 0) or not word
        nothing = f"{start}: no line is shown to differ from log loss." in found.reasons
        assert nothing == (not any(word for _, word in marked))
    untuned = _compare(made, settings(), [("untuned", "log_loss")])["untuned"]
    tuned = [each for each in found.reasons if each.startswith(("Tuning", "Tuned"))]
    for each in untuned.lines:
        if untuned.mark(each) and each not in untuned.primary:
            assert sum(f": {each.measure.name} " in told for told in tuned) == 1
    marks = {untuned.mark(each) for each in untuned.primary}
    assert ("worse" in marks) == any("was worth it" in told for told in tuned)
    assert ("better" in marks) == any("did not carry over" in told for told in tuned)


def test_log_loss_must_be_there():
    made = judgement(focal={})
    with pytest.raises(ValueError, match=r"contenders are \['focal'\], must have 'log_loss'"):
        decide(dataclasses.replace(made, keys=["focal"]), settings())


# ---------------------------------------------------------------------- what is said
def test_smallest_difference_that_the_rows_could_show():
    found = verdict(focal={}, errors={"average_precision": 0.015})
    said = next(each for each in found.reasons if "cannot be told" in each)
    # 0.015 times the quantile of the largest of three normal numbers, 2.12, and 1.01 for 200 positive rows.
    half = float(re.search(r"below about (\S+) cannot", said)[1])
    assert half == pytest.approx(0.015 * 2.12 * 1.01, abs=0.002)
    assert said.startswith(
        "With 200 positive rows held out, differences in average precision below about 0.03"
    )


def test_what_is_nearly_worse_is_said():
    """Two standard errors: shown for a line alone, not for all twelve."""
    found = verdict(focal={"average_precision": 0.1, "log_loss": 0.002}, class_weights={"log_loss": 0.002})
    assert found.use == "focal"
    (said,) = [each for each in found.reasons if "watched" in each]
    line = "log loss of the probabilities 0.0820 against 0.0800 with log loss"
    assert said.startswith(f"To be watched, though not shown with so many lines: {line}")
    assert not any("watched" in each for each in verdict(focal={"log_loss": 0.002}).reasons)


def test_one_positive_row_shows_nothing():
    found = verdict(focal={"average_precision": 0.3}, n_informative=1)
    assert found.use == "log_loss"
    assert "The held-out rows have too few positive ones to show any difference." in found.reasons
    assert "(" not in found.sentence.partition("closest")[2]


def test_rule_names_lines_and_error_rate():
    rule = verdict(focal={}).rule
    for part in (
        "primary line (average precision, recall at 1 % alerts, cost of a row)",
        "at most 5 of 100",
        "90 % interval. That is 5 % on either side",
        "1,000 paired bootstrap draws of 5,000 rows",
    ):
        assert part in rule


def test_lower_is_better_is_said_with_its_sign():
    found = verdict(focal={"expected_cost": -0.2})
    assert "cost of a row on the 5,000 held-out rows (200 positive) is 0.800 against 1.000" in found.sentence
    assert "(-0.200, 90 % interval -0.2" in found.sentence
    found = verdict(focal={"calibration_slope": 0.4})
    assert (
        "Focal loss, worse: calibration slope 1.40 against 1.00 with log loss, where 1 is best."
        in found.reasons
    )


# ---------------------------------------------------------------------- with scores
@pytest.mark.parametrize(
    ("distances", "stretched", "expected"),
    [
        ({"log_loss": 2.0, "class_weights": 2.0, "focal": 2.0}, {}, "log_loss"),
        ({"log_loss": 2.0, "class_weights": 2.0, "focal": 3.0}, {}, "focal"),
        ({"log_loss": 2.0, "class_weights": 1.0, "focal": 1.0}, {}, "log_loss"),
        # Ranks better, but its probabilities are far from right.
        ({"log_loss": 2.0, "class_weights": 2.0, "focal": 3.0}, {"focal": 4.0}, "log_loss"),
    ],
)
def test_scores_whose_truth_is_known(monkeypatch, distances, stretched, expected):
    monkeypatch.setattr(_judgement, "N_REPLICATES", 300)
    y, scores = binormal(3_000, 0.05, distances=distances)
    table = task(y)
    contenders = [trained(key, odds * stretched.get(key, 1.0)) for key, odds in scores.items()]
    found = decide(judge(table, split(table), settings(), contenders), settings())
    assert found.use == expected, found.sentence
