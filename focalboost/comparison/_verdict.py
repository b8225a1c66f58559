"""What to use, decided by a rule that says in advance how often it is wrong.

The family-wise error rate is that of one claim: "another loss than log loss is better". Where no contender
is, the claim is made in at most `ERROR_RATE` of comparisons. Corrected by the quantile of the largest of all
differences (Hothorn, Bretz and Westfall, "Simultaneous Inference in General Parametric Models", Biometrical
Journal 50, 2008) with the correlations of the bootstrap: the lines are measured on the same rows and rise and
fall together, which Holm's correction knows nothing of. Claims of "better" are made of the primary lines
only, so that only these are paid for; claims of "worse", which can only speak for log loss, of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import ndtri

from focalboost.comparison._differences import Line, line, multiplier
from focalboost.comparison._judgement import TUNED
from focalboost.comparison._types import CONTENDERS, Judgement, Measure, Settings, Verdict

ERROR_RATE = 0.05
LEVEL = 100.0 * (1.0 - 2.0 * ERROR_RATE)  # of the intervals, whose either side has the error rate
BASE, UNTUNED = "log_loss", "untuned"
# From the simplest on: of two that do not differ the first is taken.
CHALLENGERS = ("class_weights", "focal")
PRIMARY = ("expected_cost", "value_recall", "recall")
# A gain that nobody would change a model for, though many rows can show it: shares and distances ...
NEGLIGIBLE = 0.002
NEGLIGIBLE_CALIBRATION = 0.02
# ... and the share of a loss or cost.
NEGLIGIBLE_SHARE = 0.01
_ASIDE = {
    "better": "better, but in a line that does not decide",
    "worse": "worse, though in a line that does not decide",
}
NAMES: dict[str, str] = {each.key: each.name for each in CONTENDERS}


@dataclass(frozen=True)
class _Compared:
    """A contender beside another: the lines that speak for it and those that speak against."""

    lines: list[Line]
    primary: list[Line]
    better_by: float  # standard errors
    worse_by: float

    @property
    def better(self) -> list[Line]:
        found = [each for each in self.primary if _shown(each, self.better_by)]
        return sorted(found, key=_distance, reverse=True)

    @property
    def worse(self) -> list[Line]:
        found = [each for each in self.lines if _shown(each, self.worse_by, sign=-1.0) or _lost(each)]
        return sorted(found, key=lambda each: _distance(each) if each.known else -np.inf)

    @property
    def aside(self) -> list[Line]:
        """Better in what decides nothing."""
        found = [each for each in self.lines if self.mark(each) == "better" and each not in self.primary]
        return sorted(found, key=_distance, reverse=True)

    def mark(self, one: Line) -> Literal["better", "worse", ""]:
        """What is shown of one of the lines: what the table marks, and the reasons tell."""
        if _shown(one, self.times(one)):
            return "better"
        return "worse" if one in self.worse else ""

    def times(self, one: Line) -> float:
        """Half the interval, in standard errors: a gain in what decides has a family of its own."""
        return self.better_by if one in self.primary and one.gain > 0.0 else self.worse_by

    @property
    def watched(self) -> list[Line]:
        """Worse if each were the only line: too little to speak against a contender, and to be known of."""
        alone = float(ndtri(1.0 - ERROR_RATE))
        worse = self.worse
        return [each for each in self.lines if _shown(each, alone, sign=-1.0) and each not in worse]


def _shown(one: Line, times: float, sign: float = 1.0) -> bool:
    return one.known and sign * one.gain > max(times * one.error, _negligible(one))


def _lost(one: Line) -> bool:
    """A contender without a value where the other has one. Perfect scores have no slope: that is no loss."""
    if one.measure.key == "calibration_slope":
        return False
    return not np.isfinite(one.value) and bool(np.isfinite(one.other_value))


def _negligible(one: Line) -> float:
    if one.measure.key.startswith("calibration"):
        return NEGLIGIBLE_CALIBRATION
    if one.measure.higher_is_better:
        return NEGLIGIBLE
    return NEGLIGIBLE_SHARE * abs(one.other_value)


def is_primary(measure: Measure, settings: Settings) -> bool:
    """Whether a contender may be chosen for this line: measure tuned, recall at the budget, value, cost."""
    return measure.key == TUNED.get(settings.measure) or measure.key.split("_at_")[0] in PRIMARY


def decide(judgement: Judgement, settings: Settings) -> Verdict:
    """Log loss, unless another contender is shown to be better in a primary line and worse in none."""
    if BASE not in judgement.keys:
        raise ValueError(
            f"contenders are {judgement.keys}, must have {BASE!r}: the others are compared with it."
        )
    challengers = [key for key in CHALLENGERS if key in judgement.keys]
    compared = _compare(judgement, settings, [(key, BASE) for key in challengers])
    able = [key for key in challengers if compared[key].better and not compared[key].worse]
    use, between = _choose(judgement, settings, able)
    reasons: list[str] = []
    for key in challengers:
        reasons += _reasons(key, compared[key])
    reasons += between
    if use != BASE:
        reasons += [
            f"To be watched, though not shown with so many lines: {_told(each, compared[use].worse_by)}."
            for each in compared[use].watched
        ]
    if challengers:
        reasons.append(_power(judgement, settings, compared))
    reasons += _worth_tuning(judgement, settings)
    sentence = _stay(judgement, compared) if use == BASE else _take(judgement, use, compared[use])
    return Verdict(
        use=use,
        sentence=sentence,
        reasons=[each for each in reasons if each],
        rule=_rule(judgement, settings),
        beats_log_loss=use != BASE,
    )


def _compare(judgement: Judgement, settings: Settings, pairs: list[tuple[str, str]]) -> dict[str, _Compared]:
    """Pairs of one family, by the first key."""
    lines = {
        one: [line(judgement, one, other, k) for k in range(len(judgement.measures))] for one, other in pairs
    }
    primary = {
        key: [each for each in those if is_primary(each.measure, settings)] for key, those in lines.items()
    }
    better_by, worse_by = (
        multiplier([each for those in family.values() for each in those], judgement.n_informative, ERROR_RATE)
        for family in (primary, lines)
    )
    return {key: _Compared(lines[key], primary[key], better_by, worse_by) for key in lines}


def _choose(judgement: Judgement, settings: Settings, able: list[str]) -> tuple[str, list[str]]:
    """The contender to use, and what was said between two that are both able."""
    if len(able) < 2:
        return (able or [BASE])[0], []
    simpler, other = able
    beside = _compare(judgement, settings, [(other, simpler)])[other]
    if beside.better and not beside.worse:
        best = beside.better[0]
        said = f"Both beat log loss. {_capital(NAMES[other])}, the better: {_told(best, beside.better_by)}."
        return other, [said]
    said = f"Both beat log loss. {_capital(NAMES[other])} is not shown to be better than {NAMES[simpler]}"
    return simpler, [f"{said}, the simpler of the two."]


# ---------------------------------------------------------------------- sentences
def _take(judgement: Judgement, use: str, compared: _Compared) -> str:
    best = compared.better[0]
    return (
        f"Use {NAMES[use]}: {best.measure.name} on {_rows(judgement)} is "
        f"{_numbers(best, compared.better_by)}, and no line is shown to be worse."
    )


def _stay(judgement: Judgement, compared: dict[str, _Compared]) -> str:
    rows = _rows(judgement)
    ahead = [key for key, each in compared.items() if each.better]
    if ahead:
        key = max(ahead, key=lambda key: _distance(compared[key].better[0]))
        one = compared[key]
        better, worse = one.better[0], one.worse[0]
        return (
            f"Stay with log loss: on {rows} {NAMES[key]} improved {better.measure.name}, "
            f"{_numbers(better, one.better_by)}, but not without loss: {worse.measure.name} is "
            f"{_numbers(worse, one.worse_by)}."
        )
    lines = [(each, one.better_by) for one in compared.values() for each in one.primary if each.known]
    start = f"Stay with log loss: nothing is shown to be better in what decides on {rows}"
    if not lines:
        return f"{start}."
    closest, times = max(lines, key=lambda pair: _distance(pair[0]))
    name, measure = NAMES[closest.one], closest.measure
    if _is_zero(closest.gain, measure.digits):
        return f"{start}; {name} came closest, level in {_told(closest, times)}."
    if closest.gain > 0.0:
        return f"{start}; {name} came closest, with {_told(closest, times)}."
    return f"{start}; none is ahead in any of it, and {name} came closest, with {_told(closest, times)}."


def _distance(one: Line) -> float:
    """In standard errors."""
    return one.gain / one.error


def _rows(judgement: Judgement) -> str:
    return f"the {judgement.n_rows:,} held-out rows ({judgement.n_positive:,} positive)"


def _numbers(one: Line, times: float) -> str:
    """As in "0.512 against 0.476 with log loss (+0.036, 90 % interval +0.008 to +0.064)"."""
    measure, digits = one.measure, one.measure.digits
    said = f"{one.value:,.{digits}f} against {one.other_value:,.{digits}f} with {NAMES[one.other]}"
    if not one.known or not np.isfinite(times):
        return said
    if measure.target is not None:
        # A distance from the best value: there is no more or less of it.
        return f"{said}, where {measure.target:g} is best"
    # As the table shows it: of a cost or loss, less is better.
    gain = one.gain if measure.higher_is_better else -one.gain
    half = times * one.error
    shown, low, high = (signed(each, digits) for each in (gain, gain - half, gain + half))
    return f"{said} ({shown}, {LEVEL:.0f} % interval {low} to {high})"


def signed(value: float, digits: int) -> str:
    """With its sign; what rounds to 0 has none."""
    return f"{0.0:.{digits}f}" if _is_zero(value, digits) else f"{value:+,.{digits}f}"


def _is_zero(value: float, digits: int) -> bool:
    return float(f"{value:.{digits}f}") == 0.0


def _told(one: Line, times: float) -> str:
    return f"{one.measure.name} {_numbers(one, times)}"


def _reasons(key: str, compared: _Compared) -> list[str]:
    name = _capital(NAMES[key])
    said = [f"{name}, better: {_told(each, compared.better_by)}." for each in compared.better]
    said += [f"{name}, worse: {_told(each, compared.worse_by)}." for each in compared.worse]
    said += [f"{name}, {_ASIDE['better']}: {_told(each, compared.worse_by)}." for each in compared.aside]
    if not said:
        said.append(f"{name}: no line is shown to differ from log loss.")
    elif compared.better and compared.worse:
        said.append(
            f"{name} won one line and lost another: where only the first matters, that choice is yours."
        )
    return said


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _power(judgement: Judgement, settings: Settings, compared: dict[str, _Compared]) -> str:
    """The smallest difference that these rows could show, in the measure tuned."""
    tuned = TUNED.get(settings.measure)
    known = [
        (each, one.better_by)
        for one in compared.values()
        for each in one.primary
        if each.measure.key == tuned and each.known
    ]
    if not known:
        return ""
    half = max(times * each.error for each, times in known)
    measure = known[0][0].measure
    if not np.isfinite(half):
        return "The held-out rows have too few positive ones to show any difference."
    return (
        f"With {judgement.n_positive:,} positive rows held out, differences in {measure.name} below about "
        f"{half:.{measure.digits}f} cannot be told from chance."
    )


def _worth_tuning(judgement: Judgement, settings: Settings) -> list[str]:
    """Whether log loss gained from its trials, a question of its own."""
    if UNTUNED not in judgement.keys:
        return []
    # The lines of the table, where untuned log loss stands beside log loss; told the other way round.
    untuned = _compare(judgement, settings, [(UNTUNED, BASE)])[UNTUNED]
    decides = [each for each in untuned.worse if each in untuned.primary]
    said = []
    if decides:
        said.append(f"Tuning was worth it: {_of_tuned(decides[0], untuned)}.")
    if untuned.better:
        said.append(
            f"Tuning did not carry over to the held-out rows: {_of_tuned(untuned.better[0], untuned)}."
        )
    if not said:
        tuned = [each for each in untuned.primary if each.measure.key == TUNED.get(settings.measure)]
        shown = f": {_of_tuned(tuned[0], untuned)}" if tuned and tuned[0].known else ""
        said.append(f"Tuning is not shown to have gained anything in what decides{shown}.")
    said += [
        f"Tuned log loss, {_ASIDE[word]}: {_of_tuned(each, untuned)}."
        for word, lines in (
            ("better", [each for each in untuned.worse if each not in untuned.primary]),
            ("worse", untuned.aside),
        )
        for each in lines
    ]
    return said


def _of_tuned(one: Line, untuned: _Compared) -> str:
    """Log loss beside untuned log loss, from the line of untuned log loss beside log loss."""
    turned = replace(
        one, one=one.other, other=one.one, value=one.other_value, other_value=one.value, gain=-one.gain
    )
    return _told(turned, untuned.times(one))


def _rule(judgement: Judgement, settings: Settings) -> str:
    primary = [each.name for each in judgement.measures if is_primary(each, settings)]
    of_cost = (
        " Those of costs are at least as wide as the probabilities make them: of the rows that one contender "
        "alerts and the other lets pass few may be positive by chance, and one may cost more than all others."
        if any(each.key == "expected_cost" for each in judgement.measures)
        else ""
    )
    return (
        "Log loss is used unless another contender is shown to be better than tuned log loss in at least one "
        f"primary line ({', '.join(primary)}) and is shown to be worse in no line of the table. Shown means: "
        f"larger than {NEGLIGIBLE:g} (calibration {NEGLIGIBLE_CALIBRATION:g}; losses and costs "
        f"{100 * NEGLIGIBLE_SHARE:g} %), and 0 is outside its {LEVEL:.0f} % interval. That is "
        f"{100 * ERROR_RATE:g} % on either side, as better and worse are asked apart. Its width allows for "
        "all primary lines of all contenders together (for all lines, where it speaks against). So if no "
        "contender were better than log loss, another would be recommended in at most "
        f"{100 * ERROR_RATE:g} of 100 comparisons. Intervals come from {len(judgement.replicates):,} paired "
        f"bootstrap draws of {judgement.n_resampled:,} {judgement.resampled}.{of_cost} They are about "
        "these models on later rows of the same kind, not about training them anew. Of two contenders that "
        "beat log loss the better is used, or class weights where they do not differ."
    )
