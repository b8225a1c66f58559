"""Tables and numbers that pages repeat from benchmarks/README.md, whose own tests recompute them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.pages import (
    BENCHMARKS,
    DOCS,
    EVIDENCE,
    EXPERIMENTS,
    README,
    flat,
    rows_of,
    rows_under,
    section,
    text,
)
from tests.benchmarks.scripts import FOLDER

FRONT = section(README, "Evidence")


@pytest.mark.parametrize(
    ("page", "heading", "source"),
    [
        ("evidence", "Where it could have paid", "When does focal loss pay?"),
        ("evidence", "A published benchmark", "Fraud Detection Handbook"),
    ],
)
def test_tables_of_the_benchmarks(page, heading, source):
    """Whose own tests recompute them."""
    shown, there = rows_of(section(text(DOCS / f"{page}.md"), heading)), rows_of(section(BENCHMARKS, source))
    assert len(shown) > 5
    place = there.index(shown[0])
    assert shown == there[place : place + len(shown)]


def bare(words):
    return words.replace("**", "")


@pytest.mark.parametrize(
    ("heading", "source", "pairs"),
    [
        (
            "Why it seems to help",
            "Why focal loss seems to help",
            [
                "37 % (XGBoost) and 44 % (LightGBM)",
                ".064 [.005, .168] and .322 [.127, .530]",
                ".000 [-.004, .005] and .001 [-.009, .011]",
            ],
        ),
        ("Tuned: it ranks as log loss does", "Study", ["lower on 16 of 19 sets (median -0.9 %"]),
        ("A published benchmark", "Fraud Detection Handbook", [".0012"]),
        (
            "Probabilities",
            "A health survey",
            ["from 2.664 ± .085 to .992 ± .032 at gamma 2", "from 2.671 ± .101 to .995 ± .038", "229,474"],
        ),
        (
            "How often the verdict of `focalboost compare` is wrong",
            "The verdict of `focalboost compare`",
            [
                "300 comparisons of contenders that are equal by construction",
                "47 stay with log loss",
                "12 of 60 comparisons of equal contenders go wrong",
            ],
        ),
    ],
)
def test_sentences_of_the_benchmarks(heading, source, pairs):
    """Numbers that the tests of benchmarks/README.md recompute stand here in its words."""
    here, there = (bare(flat(section(*each))) for each in ((EVIDENCE, heading), (BENCHMARKS, source)))
    for words in pairs:
        assert words in here, words
        assert words in there, words


def columns_of(heading, head):
    """Rows of a table in a section of benchmarks/README.md, as dicts."""
    return [
        dict(zip(head, row, strict=True))
        for row in rows_under(section(BENCHMARKS, heading), head)[1:]
        if len(row) == len(head)
    ]


def test_what_searching_gamma_gained():
    part = BENCHMARKS.partition("\n### Tuned focal loss beside tuned log loss\n")[2].partition("\n## ")[0]
    folds = [row for row in rows_of(part.partition("which chose")[2].partition("Held-out")[0]) if row[0]]
    held = rows_of(part.partition("Held-out rows: average precision")[2].partition("\nHeld-out")[0])
    differences = [float(row[5].split()[0]) for row in held if row[0]]
    gains = sorted(float(row[2]) - float(row[1]) for row in folds)
    assert len(differences) == len(gains) == 6
    told = flat(section(EVIDENCE, "What searching gamma gained"))
    # Half of the last digit is rounded away from 0, as it is in -0.0035.
    low, high = (
        f"{np.sign(x) * np.floor(abs(x) * 1e3 + 0.5) / 1e3:+.3f}"
        for x in (min(differences), max(differences))
    )
    assert f"differs from tuned log loss by {low} to {high}." in told
    assert gains[0] == 0
    assert f"in five of six cells (by {gains[1]:.3f} to {gains[-1]:.3f})" in told


def test_speed():
    head = ["case", "1 core", "quartiles", "/ built-in", "best / best", "2 cores", "speed-up"]
    shares = [
        float(row["/ built-in"]) for row in columns_of("Objective", head) if "textbook" not in row["case"]
    ]
    assert len(shares) > 20
    told = flat(section(EVIDENCE, "Exact and fast"))
    assert f"take {min(shares):.2f} to {max(shares):.2f} of the time of XGBoost's own" in told
    rounds = {}
    for title in re.findall(
        r"^(?:xgboost|lightgbm), .*rounds, 2 threads.*$", section(BENCHMARKS, "Training"), re.MULTILINE
    ):
        table = section(BENCHMARKS, "Training").split(title)[1].split("\n\n")[1]
        found = [float(row[2]) for row in rows_of(table) if row[0] in ("gamma 0", "gamma 2")]
        assert len(found) == 2
        rounds.setdefault(title.split(",")[0], []).extend(found)
    ends = {booster: f"{min(found):.2f} to {max(found):.2f}" for booster, found in rounds.items()}
    assert (
        f"takes {ends['lightgbm']} of LightGBM's with its own objective and {ends['xgboost']} of XGBoost's"
        in told
    )
    told = flat(FRONT)
    assert (
        f"takes {ends['lightgbm']} of the time of LightGBM's own log loss, {ends['xgboost']} of XGBoost's"
        in told
    )


def test_peers():
    others = ("log loss, built in", "zeros", "focalboost")
    part = section(BENCHMARKS, "Peers")
    speed = rows_under(part, next(row for row in rows_of(part) if row[2].startswith("ns a row")))[1:]
    nanoseconds = [float(row[2]) for row in speed if row[0] not in others and row[2] != "not exposed"]
    ours = {row[1]: row[2] for row in speed if row[0] == "focalboost"}
    told = flat(section(EVIDENCE, "Beside eight other focal losses"))
    assert f"{min(nanoseconds):.0f} to {max(nanoseconds):.0f} ns" in told
    assert f"{ours['xgboost']} ns (XGBoost), {ours['lightgbm']} (LightGBM)" in told
    behaviour = rows_under(part, next(row for row in rows_of(part) if row[2] == "own call runs"))[1:]
    behaviour = [row for row in behaviour if row[0] in {each[0] for each in speed}][: len(speed)]
    behaviour = [row for row in behaviour if not row[1].endswith("log loss")]
    means = [float(re.search(r"mean ([\d.]+)x", row[5])[1]) for row in behaviour if row[0] not in others]
    assert len({row[0] for row in behaviour} - set(others)) == 8
    assert f"| {min(means):.2f} to {max(means):.2f} | 0.92 |" in told
    assert all("mean 0.92x" in row[5] for row in behaviour if row[0] == "focalboost")
    assert all(not row[4].startswith("yes") for row in behaviour if row[0] not in others)
    honoured = {row[0].split()[0] for row in behaviour if row[0] not in others and row[3].startswith("yes")}
    assert honoured == {"jaxboost", "CatBoost", "ydf"}


def test_the_published_errors():
    """README's one line, the page's first row."""
    first, second = (rows_of(EXPERIMENTS)[number] for number in (1, 2))
    at_half, at_best = (" and ".join(row[2].split(", ")) for row in (first, second))
    expected = (
        f"get {at_half} of 1.3 million payments wrong at 0.5, and {at_best} at each model's best threshold"
    )
    assert expected in flat(FRONT)


def test_numbers_of_the_experiments():
    """Each of three digits or more stands in benchmarks/README.md."""
    source = flat(section(BENCHMARKS, "Source experiments"))
    told = re.sub(r"```.*?```|\]\([^)]*\)|\d[\d.]* million", "", EXPERIMENTS, flags=re.DOTALL)
    found = {word for word in re.findall(r"\d[\d.,]*\d", told) if len(re.sub(r"\D", "", word)) >= 3}
    assert len(found) > 40
    missing = {word for word in found if not re.search(rf"(?<![\d.,]){re.escape(word)}(?![\d])", source)}
    assert not missing


def test_links_into_the_benchmarks():
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in BENCHMARKS.splitlines()
        if line.startswith("#")
    }
    pages = [README, *map(text, sorted(DOCS.glob("*.md")))]
    links = [link for page in pages for link in re.findall(r"/benchmarks/README\.md#([^)]+)\)", page)]
    links += re.findall(r"\]\(#([^)]+)\)", BENCHMARKS)
    assert links
    assert set(links) <= headings
    for path in re.findall(r"\]\((results/[^)]+|\.\./docs/[^)]+)\)", BENCHMARKS):
        assert (Path(FOLDER) / path).is_file(), path


def table_after(part, title):
    return rows_of(part.split(title)[1].split("\n\n")[1])


def test_what_tuning_and_rounds_of_xgboost_cost():
    """The sentences of benchmarks/README.md and docs/tuning.md beside the tables under them."""
    part = section(BENCHMARKS, "Tuning")
    told, page = flat(part), flat(section(text(DOCS / "tuning.md"), "What it costs"))
    found = {}
    for rows in ("30000", "300000"):
        for booster in ("xgboost", "lightgbm"):
            table = {row[0]: row for row in table_after(part, f"\n{booster}: {rows} x 30, ")}
            for name in set(table) & {"both", "by score"}:
                found[booster, rows, name] = [float(table[name][k]) for k in (4, 3)]  # textbook, rebuilt
    few, score = ([found[b, "30000", name] for b in ("xgboost", "lightgbm")] for name in ("both", "by score"))
    many = [found[b, "300000", "both"] for b in ("xgboost", "lightgbm")]
    assert "{:.1f} and {:.1f} times (XGBoost), {:.1f} and {:.1f} times".format(*few[0], *few[1]) in told
    assert f"{score[0][0]:.1f} and {score[1][0]:.1f} times that loop" in told
    assert "{:.1f} and {:.1f} times with 8 trials, LightGBM".format(*many[0]) in told
    assert f"{few[0][1]:.1f} times (XGBoost) and {few[1][1]:.1f} times (LightGBM) the trials" in page
    assert f"{few[0][0]:.1f} and {few[1][0]:.1f} times those of the loop" in page
    assert f"{many[0][0]:.1f} and {many[1][0]:.1f} times." in page

    part = section(BENCHMARKS, "Training")
    rounds = [
        row
        for rows in (50_000, 240_000, 1_000_000)
        for row in table_after(part, f"\nxgboost, binary, depth 6: {rows} rows of 30, ")
        if row[0] in ("gamma 0", "gamma 2")
    ]
    assert len(rounds) == 6
    for column, words in ((2, "{} to {} binary"), (4, "it is at {} to {}, where 1.03 was wanted")):
        values = [float(row[column]) for row in rounds]
        assert words.format(f"{min(values):.2f}", f"{max(values):.2f}") in flat(part)
