"""Which Booster is calling the objective, how often it did, and where its trees are."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

Library = Literal["xgboost", "lightgbm"]
LIBRARIES: tuple[Library, ...] = ("xgboost", "lightgbm")
# Between the loss and Booster.update 3 to 5 frames were seen, on Dask and Spark too; the rest is for wrappers
# that users put around a loss.
MOST_FRAMES = 24


class _Calls(threading.local):
    count = 0


_calls = _Calls()


def count_call() -> None:
    """Called by every gradient, so that a callback can tell whether its training uses the loss at all."""
    _calls.count += 1


def calls_counted() -> int:
    """Gradients computed for this thread so far."""
    return _calls.count


class Update(NamedTuple):
    """Who is calling."""

    library: Library
    booster: Any
    matrix: Any  # what XGBoost trains on, None where it is not named dtrain


def calling_update() -> Update | None:
    """The Booster one of whose methods is calling, found on the stack; None elsewhere.

    An objective is not told the parameters of its booster, and both libraries drop some of them without a
    word when the objective is a callable. Only the stack of callers shows the booster.
    """
    classes = {library: getattr(sys.modules.get(library), "Booster", None) for library in LIBRARIES}
    frame = sys._getframe(1)
    for _ in range(MOST_FRAMES):
        # Only the libraries' own frames are opened: f_locals of a user's frame would keep its arrays alive.
        module = str(frame.f_globals.get("__name__"))
        for library, cls in classes.items():
            if cls is not None and module.startswith(library):
                booster = frame.f_locals.get("self")
                if isinstance(booster, cls):
                    return Update(library, booster, frame.f_locals.get("dtrain"))
        if frame.f_back is None:
            return None
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
