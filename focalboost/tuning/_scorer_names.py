"""By which name the next process knows a metric or a scorer again."""

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from types import CodeType
from typing import Any


def scorer_name(scoring: Any) -> str:
    """By which the next process knows the scoring again."""
    if isinstance(scoring, str):
        return scoring
    if isinstance(scoring, partial):
        options = [
            *map(repr, scoring.args),
            *(f"{name}={value!r}" for name, value in scoring.keywords.items()),
        ]
        return f"partial({', '.join([scorer_name(scoring.func), *options])})"
    if inspect.isroutine(scoring):
        name = f"{scoring.__module__}.{scoring.__qualname__}"
        code = getattr(scoring, "__code__", None)
        if "<" in name and code is not None:
            # Of lambdas and inner functions several have one name.
            function = inspect.unwrap(scoring)
            defaults = [getattr(function, name, None) for name in ("__defaults__", "__kwdefaults__")]
            parts = repr((_code(code), defaults, _held(function)))
            name += f" {hashlib.sha256(parts.encode()).hexdigest()[:8]}"
        return name
    text = repr(scoring)
    function = getattr(scoring, "_score_func", None)
    if "<" in text and inspect.isroutine(function):
        text = f"{text} of {scorer_name(function)}"
    # An address would make the same scorer another one in the next process.
    return text if " at 0x" not in text else f"{type(scoring).__module__}.{type(scoring).__qualname__}"


def _code(code: CodeType) -> tuple[Any, ...]:
    """What a function does, equal in every process: a set of constants has an order that differs."""
    constants = [
        _code(c) if inspect.iscode(c) else sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c)
        for c in code.co_consts
    ]
    return code.co_code.hex(), code.co_names, constants


def _held(function: Any) -> list[str]:
    """The values of a closure, without those that only an address tells apart."""
    texts = [repr(cell.cell_contents) for cell in getattr(function, "__closure__", None) or ()]
    return [text for text in texts if " at 0x" not in text]
