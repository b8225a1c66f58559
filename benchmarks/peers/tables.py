"""Markdown tables of the JSON files that `run.py` collected: `tables.py RESULTS`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

NAMES = {
    "builtin": "log loss, built in",
    "zeros": "zeros",
    "focalboost": "focalboost",
    "imbalance_xgboost": "imbalance-xgboost 0.8.1",
    "bokbokbok": "bokbokbok 1.0.5",
    "imlightgbm": "imlightgbm 0.1.2",
    "gbdtcbl": "gbdtCBL 0.2.0",
    "jaxboost": "jaxboost 0.5.0",
    "maxhalford": "MaxHalford, blog 2020",
    "catboost": "CatBoost 1.2.10",
    "ydf": "ydf 0.16.1",
}
BEHAVIOUR = (
    "own call runs",
    "weights honoured",
    "learns from log-odds",
    "calibrated",
    "pickles",
    "usable alone",
    "early stopping right",
)
Result = dict[str, Any]


def load(results: Path) -> dict[str, list[Result]]:
    """Results by stage, in the order of NAMES."""
    found: dict[str, list[Result]] = {}
    for path in sorted(results.glob("*-*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(result["stage"], []).append(result)
    order = list(NAMES)
    return {
        stage: sorted(rows, key=lambda row: (order.index(row["peer"]), row["host"]))
        for stage, rows in found.items()
    }


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:" if title.startswith(("Grid", "Speed")) else "---"] * (len(head) - 1)]
    lines = [list(head), rule, *(list(row) for row in rows)]
    return f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def label(result: Result) -> list[str]:
    return [NAMES[result["peer"]], result["host"]]


def trouble(part: Any) -> str | None:
    """What stands in place of a number: an error of the peer, or what it does not offer."""
    if not isinstance(part, dict):
        return "not run"
    if "error" in part:
        text = str(part["error"]).replace("|", "\\|").replace("`", "'")
        return f"error: {text}"
    return part.get("not_offered")


def grid(rows: list[Result], kind: str) -> str:
    head = [
        "peer", "host", "alpha", "Hessian", "dtype", "g, near", "h, near", "g, all", "h, all",
        "NaN or inf g / h", "wrong g / h", "dead g", "h <= 0, near",
    ]  # fmt: skip
    lines = []
    left_out: dict[str, list[str]] = {}
    for result in rows:
        part = result.get(kind, result)
        bad = trouble(part)
        if bad is not None and not bad.startswith("error"):
            left_out.setdefault(bad, []).append(", ".join(label(result)))
            continue
        if bad is not None:
            lines.append([*label(result), result.get("convention", ""), bad, *[""] * 9])
            continue
        g, h = part["gradient"], part["hessian"]
        lines.append([
            *label(result), result["convention"] if kind == "binary" else "none",
            result["hessian"], part["dtype"],
            *(f"{x:.0e}" for x in (g["near"], h["near"], g["everywhere"], h["everywhere"])),
            f"{g['not_finite']} / {h['not_finite']}", f"{g['wrong']} / {h['wrong']}",
            f"{part['dead']} of {part['alive']}", f"{part['not_positive']} of {part['near_points']}",
        ])  # fmt: skip
    points = "190 points" if kind == "binary" else "K = 3, 735 rows, 2205 entries"
    notes = [f"\n\n{why[:1].upper()}{why[1:]}: {'; '.join(who)}." for why, who in left_out.items()]
    return table(f"Grid: {kind}, {points}", head, lines) + "".join(notes)


def cell(part: Any) -> str:
    bad = trouble(part)
    if bad is not None:
        return bad if bad.startswith("error") else f"- ({bad})"
    word = {True: "yes", False: "**no**", None: "?", "partly": "partly"}[part["yes"]]
    detail = part.get("detail", "")
    return f"{word} ({detail})" if detail else word


def behaviour(rows: list[Result]) -> str:
    lines = [
        [
            *label(result),
            *(cell(result.get(name, result if "error" in result else None)) for name in BEHAVIOUR),
        ]
        for result in rows
    ]
    return table("Behaviour", ["peer", "host", *BEHAVIOUR], lines)


def value(result: Result | None, part: str, write: Callable[[Result], str]) -> str:
    if result is None:
        return "not run"
    found = result.get(part, result if "error" in result else None)
    bad = trouble(found)
    return write(found) if bad is None and isinstance(found, dict) else str(bad)


def speed(stages: dict[str, list[Result]]) -> str:
    def by_key(stage: str) -> dict[tuple[str, str], Result]:
        return {(row["peer"], row["host"]): row for row in stages.get(stage, [])}

    one, two, train = by_key("kernel-1"), by_key("kernel-2"), by_key("training")
    keys = list(dict.fromkeys([*one, *two, *train]))

    def reached(part: Result, share: str) -> str:
        rounds, seconds = part[f"rounds{share}"], part[f"seconds{share}"]
        return "never" if rounds is None else f"{rounds} / {seconds:.2f}"

    lines = [[
        NAMES[key[0]], key[1],
        *(value(part.get(key), "kernel", lambda p: f"{p['ns_per_row']:.1f}") for part in (one, two)),
        value(train.get(key), "training", lambda p: f"{p['again']:.2f}"),
        value(train.get(key), "training", lambda p: f"{p['first']:.2f}"),
        value(train.get(key), "reach", lambda p: f"{p['ap']:.4f}"),
        value(train.get(key), "reach", lambda p: reached(p, "_99")),
        value(train.get(key), "reach", lambda p: reached(p, "")),
    ] for key in keys]  # fmt: skip
    head = [
        "peer", "host", "ns a row, 1 core", "2 cores", "training, s", "first one, s", "AP",
        "99 % of log loss's AP, rounds / s", "100 %, rounds / s",
    ]  # fmt: skip
    return table("Speed", head, lines)


def markdown(results: Path) -> str:
    """All tables of the stages that ran."""
    stages = load(results)
    parts = [grid(stages["grid"], kind) for kind in ("binary", "softmax") if "grid" in stages]
    if "behaviour" in stages:
        parts.append(behaviour(stages["behaviour"]))
    if {"kernel-1", "kernel-2", "training"} & stages.keys():
        parts.append(speed(stages))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(markdown(Path(sys.argv[1])))
