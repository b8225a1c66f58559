"""Which rows are trained on and which judge: later rows, rows of other groups, or rows drawn at random.

With a time column the last rows in time are held out and folds go forward in time; rows of one time stay on
one side. Groups are never on both sides. Where there are both, a group with rows on both sides of a border
loses those on one of them: its earlier rows, where that costs little of what is trained on; else half of such
groups, drawn at random, keep their earlier rows, and the others their later ones. Rows that are held out are
then always later rows of groups that were not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from focalboost.comparison._types import Floats, Integers, Split, Task

FEW = 0.1  # of the rows, and of the positive ones: what groups on both sides may cost the training
FEWEST_HELD_OUT = 20  # positive rows: with fewer, an interval of any measure is as wide as its range
FEWEST_IN_FOLD = 5
MOST_GROUPS = 1000  # that scikit-learn is given: it takes half a millisecond for each
UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"), (1.0, "second"))
DAYS_OF_UTC = "days are those of UTC"  # how the report's note on time zones ends
LONGER = "Give a larger table, fewer folds"


class Apart(NamedTuple):
    """Two parts without a common group, as row numbers."""

    train: Integers
    test: Integers
    n_groups: int  # that had rows in both
    divided: bool  # at random; else their training rows were left out


def split_rows(task: Task, *, folds: int, test_size: float = 0.25, gap: float = 0.0, seed: int = 0) -> Split:
    """Rows to tune and train on, and rows to judge by.

    Parameters
    ----------
    task : Task
        Its `when` and `groups` decide the kind of split.
    folds : int
        Folds of the training rows, at least 1. In time these are divided into folds + 1 blocks, and fold k
        trains on blocks 0 to k and is validated on block k + 1. Blocks have equally many rows but for ties,
        the first has those of one `gap` more.
    test_size : float in (0, 1)
        Share of the rows to hold out; with groups and no time as the nearest fraction of tenths or less.
    gap : float
        In the unit of `task.when`: rows that lie less than this before the first row of a validation part,
        or of the held-out part, are not trained on.
    seed : int
        Of everything that is drawn at random.

    Returns
    -------
    Split
        Rows in rising order. `train`, `test` and `left_out` are all rows.

    Raises
    ------
    ValueError
        If a part is empty or lacks a class, with the counts.
    """
    rows = np.arange(task.y.size)
    if task.when is None:
        train, test = _at_random(task, rows, test_size, seed)
        parts = _folds_at_random(task, train, folds, seed)
        split = _in_words(task, train, test, parts)
    else:
        split = _in_time(task, rows, folds, test_size, gap, seed)
    _check(task, split, folds, gap)
    split.warnings.extend(_warnings(task, split))
    return split


# ---------------------------------------------------------------------- in time
def _in_time(task: Task, rows: Integers, folds: int, test_size: float, gap: float, seed: int) -> Split:
    assert task.when is not None
    (start,) = _starts(task, task.when, [rows.size - round(rows.size * test_size)], "the held-out rows")
    apart, in_gap = _before_and_after(task, rows, start, gap, seed)
    train, test = apart.train, apart.test
    _check_rows_left(task, apart, start, gap)
    # The first fold trains on a block too, before the gap.
    first = int((task.when[train] < task.when[train].min() + gap).sum())
    targets = [first + (train.size - first) * k // (folds + 1) for k in range(1, folds + 1)]
    starts = _starts(task, task.when[train], targets, _number(folds, "fold"))
    parts = []
    for k, begin in enumerate(starts):
        end = starts[k + 1] if k + 1 < folds else np.inf
        some, _ = _before_and_after(task, train[task.when[train] < end], begin, gap, seed + k + 1)
        parts.append((np.searchsorted(train, some.train), np.searchsorted(train, some.test)))
    left_out = np.setdiff1d(rows, np.concatenate([train, test]))
    sentences = [_trained_in_time(task, apart)]
    if in_gap.size:
        sentences.append(
            f"{_counts(task, in_gap)} less than {_gap(task, gap)} before the held-out ones were left out: "
            "their labels would not be known when a model for those is trained."
        )
    warnings = []
    if task.groups is not None:
        gone = np.setdiff1d(left_out, in_gap)
        sentences.append(_groups_in_words(task, apart, gone))
        if gone.size > 0.25 * rows.size:
            warnings.append(
                f"Keeping groups{_owner(task)} apart left out {gone.size / rows.size:.0%} of the rows: many "
                "groups come back. If the model will score the groups that it was trained on, do without "
                "the group column: later rows are judges enough."
            )
    kept = [what for what, so in (("the gap", gap > 0), ("groups apart", task.groups is not None)) if so]
    pairs = [f"{_counts(task, train[a])} and after them {_counts(task, train[b])}" for a, b in parts]
    sentences.append(
        f"Tuned on {_number(folds, 'fold')} in time{', with ' * bool(kept)}{' and '.join(kept)}: trained on "
        f"and validated on {'; '.join(pairs)}."
    )
    return Split(
        kind="time" if task.groups is None else "time and groups",
        train=train,
        test=test,
        left_out=left_out,
        folds=parts,
        sentences=sentences,
        warnings=warnings,
    )


def _check_rows_left(task: Task, apart: Apart, start: float, gap: float) -> None:
    """Whether the gap, and keeping groups apart, left rows to train on and rows to judge by."""
    if apart.train.size and apart.test.size:
        return
    assert task.when is not None
    if not np.any(task.when <= start - gap):
        raise ValueError(
            f"gap == {_gap(task, gap)}, must leave rows to train on before the {_counts(task, apart.test)} "
            "that are held out; none is early enough. Give a shorter gap."
        )
    assert task.groups is not None
    number, part = np.unique(task.groups).size, "trained on" if apart.train.size == 0 else "held out"
    raise ValueError(
        f"group == {task.group_name!r}, must leave rows to train on and to hold out once groups are kept "
        f"apart; of {_number(number, 'group')} none is left to be {part}. Name a column with more groups, or "
        "do without groups."
    )


def _starts(task: Task, when: Floats, targets: Sequence[int], of: str) -> list[float]:
    """Times at which parts begin: those nearest to the wanted numbers of rows, as no time is divided."""
    times, count = np.unique(when, return_counts=True)
    border = np.cumsum(count)[:-1]  # rows before times[1], times[2], ...
    if border.size < len(targets):
        cure = LONGER if len(targets) > 1 else "Give a larger table"
        raise ValueError(
            f"time == {task.time_name!r}, must have more than {len(targets)} different times for {of}; among "
            f"{when.size:,} rows it has {times.size:,}. {cure}, or do without the time column."
        )
    chosen: list[int] = []
    for k, target in enumerate(targets):
        low = chosen[-1] + 1 if chosen else 0
        high = border.size - (len(targets) - k - 1)  # leaves one for each that follows
        chosen.append(low + int(np.argmin(np.abs(border[low:high] - target))))
    return [float(times[k + 1]) for k in chosen]


def _before_and_after(
    task: Task, rows: Integers, start: float, gap: float, seed: int
) -> tuple[Apart, Integers]:
    """Parts before and from `start` on, without common groups, and the rows of the gap."""
    assert task.when is not None
    when = task.when[rows]
    early = (when < start) & (when <= start - gap)
    apart = _apart(task, rows[early], rows[when >= start], seed)
    return apart, rows[(when < start) & ~early]


def _apart(task: Task, train: Integers, test: Integers, seed: int) -> Apart:
    if task.groups is None:
        return Apart(train, test, 0, divided=False)
    of_train, of_test = task.groups[train], task.groups[test]
    both = np.intersect1d(of_train, of_test)
    if both.size == 0:
        return Apart(train, test, 0, divided=False)
    costly = np.isin(of_train, both)
    positive = task.y[train] == 1
    if costly.sum() <= FEW * train.size and (costly & positive).sum() <= FEW * positive.sum():
        return Apart(train[~costly], test, both.size, divided=False)
    # Of the groups with positive earlier rows half go to each side, and so of the others. Labels of later
    # rows must not be looked at: they would decide what is trained on.
    has_positive = np.isin(both, of_train[positive])
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([rng.permutation(both[has_positive]), rng.permutation(both[~has_positive])])
    trained_on, judged_by = drawn[0::2], drawn[1::2]
    return Apart(
        train[~np.isin(of_train, judged_by)], test[~np.isin(of_test, trained_on)], both.size, divided=True
    )


# ---------------------------------------------------------------------- at random
def _at_random(task: Task, rows: Integers, test_size: float, seed: int) -> tuple[Integers, Integers]:
    if np.bincount(task.y, minlength=2).min() < 2 or not 2 <= round(rows.size * test_size) <= rows.size - 2:
        raise ValueError(
            f"target == {task.target_name!r}, must have rows of each class to train on and to hold out; it "
            f"has {_counts(task, rows)}. Give a larger table."
        )
    if task.groups is None:
        train, test = train_test_split(rows, test_size=test_size, stratify=task.y, random_state=seed)
        return np.sort(train), np.sort(test)
    share = Fraction(test_size).limit_denominator(10)
    share = min(max(share, Fraction(1, 10)), Fraction(9, 10))
    chosen = _group_folds(task, rows, share.denominator, seed)
    test = np.sort(np.concatenate([part for _, part in chosen[: share.numerator]]))
    return np.setdiff1d(rows, test), test


def _folds_at_random(task: Task, train: Integers, folds: int, seed: int) -> list[tuple[Integers, Integers]]:
    n_splits = folds if folds > 1 else 4  # a single fold is validated on a quarter
    if task.groups is not None:
        return _group_folds(task, train, n_splits, seed + 1)[:folds]
    if np.bincount(task.y[train], minlength=2).min() < n_splits:
        raise ValueError(
            f"folds == {folds}, must leave both classes in every part; trained on are "
            f"{_counts(task, train)}. {LONGER}."
        )
    made = StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(train, task.y[train])
    return [(np.asarray(a, np.int64), np.asarray(b, np.int64)) for a, b in made][:folds]


def _group_folds(task: Task, rows: Integers, n_splits: int, seed: int) -> list[tuple[Integers, Integers]]:
    assert task.groups is not None
    groups, y = task.groups[rows], task.y[rows]
    fewest = min(np.unique(groups[y == label]).size for label in (0, 1))
    if fewest < n_splits:
        raise ValueError(
            f"group == {task.group_name!r}, must have rows of each class in {n_splits} groups or more; of "
            f"{_number(np.unique(groups).size, 'group')}, {fewest:,} have rows of the rarer one. {LONGER}, "
            "or do without groups."
        )
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    made = splitter.split(rows, y, _bundled(groups, y, seed))
    return [(np.asarray(a, np.int64), np.asarray(b, np.int64)) for a, b in made]


def _bundled(groups: Integers, y: NDArray[np.int8], seed: int) -> Integers:
    """At most `MOST_GROUPS` bundles of groups, alike in rows and positive rows."""
    code = np.unique(groups, return_inverse=True)[1]
    size, positive = np.bincount(code), np.bincount(code, y)
    drawn = np.random.default_rng(seed).random(size.size)
    place = np.empty(size.size, np.int64)
    place[np.lexsort([drawn, size, positive])] = np.arange(size.size) % MOST_GROUPS
    return place[code]


def _in_words(task: Task, train: Integers, test: Integers, parts: list[tuple[Integers, Integers]]) -> Split:
    """Of rows that were drawn at random."""
    drawn = f"Trained on {_counts(task, train)}, drawn at random; held out: the other {_counts(task, test)}."
    if task.groups is not None:
        n_train, n_test = (np.unique(task.groups[part]).size for part in (train, test))
        drawn = (
            f"Trained on {_counts(task, train)} of {_number(n_train, 'group')}{_owner(task)}, drawn at random"
            f"; held out: the {_counts(task, test)} of the other {n_test:,}."
        )
    pairs = "; ".join(f"{_counts(task, train[a])} and {_counts(task, train[b])}" for a, b in parts)
    apart = ", with groups apart" if task.groups is not None else ""
    tuned = (
        f"Tuned on {_number(len(parts), 'fold')}, drawn at random{apart}: trained and validated on {pairs}."
    )
    return Split(
        kind="stratified" if task.groups is None else "groups",
        train=train,
        test=test,
        left_out=np.empty(0, np.int64),
        folds=parts,
        sentences=[drawn, tuned],
    )


# ---------------------------------------------------------------------- what is wrong
def _check(task: Task, split: Split, folds: int, gap: float) -> None:
    parts = [("trained on", split.train), ("held out", split.test)]
    for k, (train, valid) in enumerate(split.folds):
        parts.append((f"trained on in fold {k + 1}", split.train[train]))
        parts.append((f"validated on in fold {k + 1}", split.train[valid]))
    for what, rows in parts:
        missing = [label for label in (0, 1) if not np.any(task.y[rows] == label)]
        if missing:
            in_fold = "fold" in what
            cures = ["a larger table"]
            cures += ["fewer folds"] * (in_fold and folds > 1)
            cures += ["a shorter gap"] * (gap > 0)
            without = ["the time column"] * (task.when is not None)
            without += ["groups"] * (task.groups is not None)
            end = f", or do without {' or '.join(without)}" if without else ""
            raise ValueError(
                f"{f'folds == {folds},' if in_fold else 'the split'} must leave rows of both classes in "
                f"every part; {what} are {_counts(task, rows)}. Give {_any_of(cures)}{end}."
            )


def _warnings(task: Task, split: Split) -> list[str]:
    found = []
    held_out = min(int(task.y[split.test].sum()), int((1 - task.y[split.test]).sum()))
    if held_out < FEWEST_HELD_OUT:
        found.append(
            f"Only {_number(held_out, 'row')} of the rarer class held out: too few to tell the losses apart. "
            "Intervals are wide, and the verdict will rarely be other than that nothing is better."
        )
    few = min(int(task.y[split.train[valid]].sum()) for _, valid in split.folds)
    if few < FEWEST_IN_FOLD:
        found.append(
            f"A fold is validated on {_number(few, 'positive row')}: what is tuned on so few is luck. Use "
            "fewer folds."
        )
    copies = split.test[np.isin(_hashes(task.X[split.test]), _hashes(task.X[split.train]))]
    if copies.size:
        found.append(
            f"On both sides of the split: {_counts(task, copies)} of the {split.test.size:,} held out, with "
            "the features of a row that is trained on. If they are copies, a model is judged by what it has "
            "seen: remove them, or name whose they are as the group."
        )
    return found


def _hashes(X: NDArray[np.float32]) -> NDArray[np.uint64]:
    """64 bits of each row, by random multipliers: equal rows have equal ones, and hardly any others."""
    bits = np.where(np.isnan(X), np.float32(np.nan), X + np.float32(0.0)).astype(np.float32).view(np.uint32)
    total: NDArray[np.uint64] = np.zeros(len(X), np.uint64)
    for column, factor in zip(
        bits.T, np.random.default_rng(0).integers(2**63, 2**64, X.shape[1], np.uint64), strict=True
    ):
        # Modulo 2**64. Products are odd multiples, and the shift lets high bits reach low ones.
        total = (total ^ (total >> np.uint64(29)) ^ column) * (factor | np.uint64(1))
    return total


# ---------------------------------------------------------------------- in words
def _any_of(cures: Sequence[str]) -> str:
    return cures[0] if len(cures) == 1 else f"{', '.join(cures[:-1])} or {cures[-1]}"


def _counts(task: Task, rows: Integers) -> str:
    return f"{_number(rows.size, 'row')} ({int(task.y[rows].sum()):,} positive)"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _trained_in_time(task: Task, apart: Apart) -> str:
    assert task.when is not None
    first, last = _span(task, task.when[apart.train]), _span(task, task.when[apart.test])
    named = "" if task.when_is_date else f"{task.time_name} "
    return (
        f"Trained on {_counts(task, apart.train)} from {named}{first[0]} to {first[1]}; held out: the "
        f"{_counts(task, apart.test)} after that, from {named}{last[0]} to {last[1]}{_zone(task)}."
    )


def _zone(task: Task) -> str:
    """Where times had zones: they need not be those of the reader's clock."""
    notes = next((column.notes for column in task.report.columns if column.used_as == "time"), ())
    return " (times and days of UTC)" if any(note.endswith(DAYS_OF_UTC) for note in notes) else ""


def _span(task: Task, when: Floats) -> tuple[str, str]:
    if when.size == 0:
        return "none", "none"
    ends = float(when.min()), float(when.max())
    if not task.when_is_date:
        return f"{ends[0]:.12g}", f"{ends[1]:.12g}"
    texts = [str(np.datetime64(int(np.floor(end)), "s")).replace("T", " ")[:16] for end in ends]
    assert task.when is not None
    if not np.any(task.when % 86_400):
        texts = [text[:10] for text in texts]  # of days
    return texts[0], texts[1]


def _gap(task: Task, gap: float) -> str:
    if not task.when_is_date:
        return f"{gap:g} (in {task.time_name})"
    size, name = next(unit for unit in UNITS if gap % unit[0] == 0 or unit[0] == 1.0)
    return f"{gap / size:g} {name}{'' if gap == size else 's'}"


def _owner(task: Task) -> str:
    return f" ({task.group_name})" if task.group_name else ""


def _groups_in_words(task: Task, apart: Apart, gone: Integers) -> str:
    if apart.n_groups == 0:
        return f"No group{_owner(task)} has rows on both sides."
    what = f"{_number(apart.n_groups, 'group')}{_owner(task)} had rows before and after the border"
    if apart.divided:
        return (
            f"{what}: of half of them, drawn at random, the earlier rows are trained on, of the others the "
            f"later ones held out; left out were {_counts(task, gone)}."
        )
    return f"{what}: their earlier ones, {_counts(task, gone)}, were left out, so that none is on both sides."
