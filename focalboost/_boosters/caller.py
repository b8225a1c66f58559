"""Which Booster is calling the objective, which loss it goes on with, and where its trees are.

A booster tells an objective neither its parameters nor itself. Where training has the callback of `start`,
the callback enters each round here: the Booster, and the loss that it goes on with. Without the callback the
Booster is looked for among the callers on the stack.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary, ref

Library = Literal["xgboost", "lightgbm"]
LIBRARIES: tuple[Library, ...] = ("xgboost", "lightgbm")
# Between the loss and Booster.update 3 to 5 frames were seen, on Dask and Spark too; the rest is for wrappers
# that users put around a loss.
MOST_FRAMES = 24


class Update(NamedTuple):
    """Who is calling."""

    library: Library
    booster: Any
    matrix: Any  # what XGBoost trains on, None where it is not known
    loss: Any = None  # the loss that this training goes on with, where a callback has said so


@dataclass
class _Round:
    """One round of one booster, as a callback entered it."""

    library: Library
    booster: ref[Any]
    matrix: Any  # None until it is known
    asked: Any  # the loss that the user named
    loss: Any

    def update(self) -> Update:
        return Update(self.library, self.booster(), self.matrix, self.loss)


class _State(threading.local):
    def __init__(self) -> None:
        self.calls = 0
        self.rounds: list[_Round] = []


_state = _State()
# What each booster trains on, once it is known; a model does not keep its data alive.
_matrices: WeakKeyDictionary[Any, ref[Any]] = WeakKeyDictionary()


def count_call() -> None:
    """Called by every gradient, so that a callback can tell whether its training uses the loss at all."""
    _state.calls += 1


def calls_counted() -> int:
    """Gradients computed for this thread so far."""
    return _state.calls


# ---------------------------------------------------------------------- rounds that a callback entered
def enter(library: Library, booster: Any, asked: Any, loss: Any, matrix: Any = None) -> None:
    """Note that a round of `booster` begins in this thread."""
    # Of a training that ended in an error nothing but its booster's death tells.
    _state.rounds = [item for item in _state.rounds if item.booster() not in (None, booster)]
    known = _matrices.get(booster)
    matrix = known() if matrix is None and known is not None else matrix
    _state.rounds.append(_Round(library, ref(booster), matrix, asked, loss))


def trained_on(booster: Any) -> Any:
    """What XGBoost trains a booster on, where an objective was called for it; None where it is not known."""
    known = _matrices.get(booster)
    return None if known is None else known()


def leave(booster: Any) -> None:
    """The round is over."""
    _state.rounds = [known for known in _state.rounds if known.booster() not in (None, booster)]


@contextmanager
def entered(library: Library, booster: Any, asked: Any, loss: Any) -> Iterator[None]:
    """Around one round."""
    enter(library, booster, asked, loss)
    try:
        yield
    finally:
        leave(booster)


def announced(booster: Any) -> Any:
    """The loss that a callback was given for the round that a booster is in; None without one."""
    for item in _state.rounds:
        if item.booster() is booster:
            return item.asked
    return None


def calling_update(asked: Any = None, dataset: Any = None) -> Update | None:
    """The Booster that is calling the loss `asked`; None for a user's own call."""
    # Equal losses: on Dask and Spark objective and callback are two copies of one.
    entered = [item for item in _state.rounds if item.booster() is not None and item.asked == asked]
    for item in reversed(entered):
        if dataset is not None and item.matrix is dataset:
            return item.update()
    # What a booster trains on is not known before its first call, a metric is called with other data sets
    # too, and of arrays a user's own call has the same.
    found = _on_the_stack()
    if found is None:
        # Only a booster calls with a data set: its frames are hidden.
        return entered[-1].update() if entered and dataset is not None else None
    for item in entered:
        if item.booster() is found.booster:
            if found.matrix is not None:
                item.matrix, _matrices[found.booster] = found.matrix, ref(found.matrix)
            return item.update()
    return found


# ---------------------------------------------------------------------- the stack
def _on_the_stack() -> Update | None:
    classes = {library: getattr(sys.modules.get(library), "Booster", None) for library in LIBRARIES}
    frame: FrameType | None = sys._getframe(1)
    # Where a callback entered a round, the booster is there, however many wrappers are around the loss.
    most = sys.getrecursionlimit() if _state.rounds else MOST_FRAMES
    for _ in range(most):
        if frame is None:
            break
        # Only the libraries' own frames are opened: f_locals of a user's frame would keep its arrays alive.
        module = str(frame.f_globals.get("__name__"))
        for library, cls in classes.items():
            if cls is not None and module.startswith(library):
                booster = frame.f_locals.get("self")
                if isinstance(booster, cls):
                    return Update(library, booster, frame.f_locals.get("dtrain"))
        frame = frame.f_back
    return None


_devices: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def cuda_ordinal(booster: Any) -> int | None:
    """Number of the GPU that an XGBoost booster is on, None for the CPU; read from its configuration once.

    A booster that moves in the middle of its training is not followed: it reads gradients from wherever they
    are.
    """
    device = _devices.get(booster)
    if device is None:
        learner = json.loads(booster.save_config())["learner"]
        device = _devices[booster] = str(learner["generic_param"]["device"])
    kind, _, number = device.partition(":")
    # "gpu" is a name of the years before "cuda".
    return int(number or 0) if kind in ("cuda", "gpu") else None
