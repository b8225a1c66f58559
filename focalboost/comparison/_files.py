"""A comparison as files: the model to use, and what programs may read. Each is whole or not there."""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focalboost import _validation
from focalboost.comparison._bootstrap import intervals
from focalboost.comparison._contenders import spent
from focalboost.comparison._figures import in_order
from focalboost.comparison._page import table
from focalboost.comparison._verdict import BASE

if TYPE_CHECKING:
    from focalboost.comparison._types import Judgement, Task, Trained

FORMAT = 1
# Of a model in the booster's own format, by which other programs read it too.
ENDINGS = {"xgboost": (".ubj", ".json"), "lightgbm": (".txt",)}
ONNX = ".onnx"
INTERVALS = (
    "95 %, of each line alone; what is shown to be better or worse is decided by those of the page, 90 %, "
    "5 % on either side, which allow for the number of lines"
)


# ---------------------------------------------------------------------- whole or not there
@contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A new file beside `path` that takes its place once the block is done, and is gone if it fails.

    It has the ending of `path`: by that boosters choose the format.
    """
    check_place(path)
    target = Path(path).expanduser().resolve()  # a link stays one
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # or a power failure leaves an empty file under the right name
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path: str | os.PathLike[str], name: str = "path") -> None:
    """Whether a file can be made or replaced there."""
    given, place = f"{name} == {str(path)!r}", Path(path).expanduser().resolve()
    if place.is_dir():
        raise IsADirectoryError(f"{given}, must be a file: it is a folder. Add a name.")
    if not place.parent.is_dir():
        raise FileNotFoundError(
            f"{given}, must be in a folder that exists: there is no {place.parent}. Create it, or correct "
            "the path."
        )
    if not os.access(place.parent, os.W_OK):
        raise PermissionError(f"{given}, must be in a folder where files can be made: {place.parent} is not.")
    if place.exists() and not place.is_file():
        raise ValueError(f"{given}, must be a regular file: it is a device or a pipe.")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """UTF-8, the same bytes on every system."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def digest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a file is known again by."""
    with Path(path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(path), "bytes": Path(path).stat().st_size, "sha256": sha256}


# ---------------------------------------------------------------------- the model
def check_ending(path: str | os.PathLike[str], booster: str, name: str = "path") -> None:
    """Whether a model of `booster` can be written under this name."""
    endings = (*ENDINGS[booster], ONNX)
    if Path(path).suffix.lower() not in endings:
        own = " or ".join(ENDINGS[booster])
        raise ValueError(
            f"{name} == {_validation.show(str(path))}, must end in {own} for a model of {booster}, or in "
            f"{ONNX}."
        )


def write_model(comparison: Any, path: str | os.PathLike[str]) -> None:
    """The winner, trained on all rows: in the booster's own format, by the ending, or as ONNX.

    The booster's own format is read by the booster itself and by `focalboost.<booster>.load_model`; of focal
    loss and class weights it keeps the loss, with which `stored_loss` makes probabilities of margins.

    Parameters
    ----------
    comparison : Comparison
        With its `final_model()`.
    path : path
        .ubj or .json of XGBoost, .txt of LightGBM, .onnx of both.

    Raises
    ------
    ValueError
        If the ending is not one of the booster's.
    FileNotFoundError, IsADirectoryError, PermissionError
        If no file can be made there.
    ImportError
        If ONNX is asked for and what comes with the extra `onnx` is not installed.
    """
    booster = comparison.settings.booster
    check_ending(path, booster)
    check_place(path)
    model = comparison.final_model()
    with replaced(path) as temporary:
        if temporary.suffix.lower() == ONNX:
            from focalboost.onnx import log_loss_to_onnx, to_onnx  # noqa: PLC0415  # an extra

            # The boosters' own classifiers have no stored loss.
            convert = to_onnx if hasattr(model, "loss_") else log_loss_to_onnx
            temporary.write_bytes(convert(model).SerializeToString())
        elif hasattr(model, "save_model"):
            model.save_model(temporary)
        else:  # LightGBM's own classifier has no method for it
            model.booster_.save_model(str(temporary))


# ---------------------------------------------------------------------- for other programs
def write_json(comparison: Any, path: str | os.PathLike[str], files: Mapping[str, Any] | None = None) -> None:
    """`result_dict` as strict JSON, what is no number as null.

    Parameters
    ----------
    comparison : Comparison
        Which is written.
    path : path
        Of the file.
    files : dict, optional
        What else was read and written, such as {"model": digest(path)}; under "files" in the result.
    """
    result = result_dict(comparison)
    if files:
        result["files"] = files
    write_text(path, json.dumps(_plain(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def result_dict(comparison: Any) -> dict[str, Any]:
    """All that a comparison found, as plain values that JSON can hold."""
    verdict, judgement, split = comparison.verdict, comparison.judgement, comparison.split
    names = {trained.contender.key: trained.contender.name for trained in comparison.trained}
    result: dict[str, Any] = {
        "format": FORMAT,
        "focalboost": comparison.versions.get("focalboost"),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": comparison.command,
        "verdict": {
            "use": verdict.use,
            "name": names[verdict.use],
            "sentence": verdict.sentence,
            "reasons": verdict.reasons,
            "rule": verdict.rule,
            "beats_log_loss": verdict.beats_log_loss,
        },
        "thresholds": [vars(threshold) for threshold in comparison.thresholds],
        "measures": _measures(comparison),
        "bootstrap": {
            "intervals": INTERVALS,
            "resampled": judgement.resampled,
            "n_resampled": judgement.n_resampled,
            "n_replicates": len(judgement.replicates),
            "sentences": judgement.sentences,
        },
        "contenders": {
            trained.contender.key: _contender(trained, comparison.settings.trials)
            for trained in comparison.trained
        },
        "data": _data(comparison.task),
        "split": {
            "kind": split.kind,
            "n_train": len(split.train),
            "n_test": len(split.test),
            "n_left_out": len(split.left_out),
            "n_positive_train": int(comparison.task.y[split.train].sum()),
            "n_positive_test": int(comparison.task.y[split.test].sum()),
            "folds": [{"n_train": len(train), "n_test": len(test)} for train, test in split.folds],
            "sentences": split.sentences,
            "warnings": split.warnings,
        },
        "settings": vars(comparison.settings),
        "versions": comparison.versions,
        "seconds": comparison.seconds,
    }
    plain: dict[str, Any] = _plain(result)
    return plain


def _measures(comparison: Any) -> list[dict[str, Any]]:
    judgement: Judgement = comparison.judgement
    keys: list[str] = [trained.contender.key for trained in in_order(comparison)]
    words = {row.measure.key: dict(zip(keys, row.cells, strict=True)) for row in table(comparison)}
    differences = minus_log_loss(judgement)
    values, of_differences = _with_intervals(judgement), _with_intervals(differences)
    lines = []
    for place, measure in enumerate(judgement.measures):
        line = {name: value for name, value in vars(measure).items() if name != "digits"}
        line["values"] = {key: values[k][place] for k, key in enumerate(judgement.keys)}
        line["minus_log_loss"] = {
            key: {**of_differences[k][place], "shown": words[measure.key][key].word}
            for k, key in enumerate(judgement.keys)
            if key != BASE
        }
        lines.append(line)
    return lines


def _with_intervals(judgement: Judgement) -> list[list[dict[str, Any]]]:
    """Of each contender, of each measure."""
    low, high = intervals(judgement)
    return [
        [{"value": v, "low": lo, "high": hi} for v, lo, hi in zip(*rows, strict=True)]
        for rows in zip(judgement.values, low, high, strict=True)
    ]


def minus_log_loss(judgement: Judgement) -> Judgement:
    """The differences from tuned log loss, in each replicate too."""
    base = judgement.keys.index(BASE)
    return replace(
        judgement,
        values=judgement.values - judgement.values[base],
        replicates=judgement.replicates - judgement.replicates[:, [base]],
    )


def _contender(trained: Trained, trials: int) -> dict[str, Any]:
    return {
        "name": trained.contender.name,
        "says": trained.contender.says,
        "tuned": trained.contender.tuned,
        "params": trained.params,
        "rounds": trained.rounds,
        "fold_scores": trained.fold_scores,
        "study": None if trained.study is None else trained.study.study_name,
        # A storage may have more of them, or some that another run was killed in.
        "n_trials": 0 if trained.study is None else len(spent(trained.study)[:trials]),
        "seconds": trained.seconds,
    }


def _data(task: Task) -> dict[str, Any]:
    rows = hashlib.sha256(np.ascontiguousarray(task.X).tobytes())
    rows.update(task.y.tobytes())
    return {
        "source": task.source,
        "n_rows": len(task.y),
        "n_positive": int(task.y.sum()),
        "sha256_of_rows": rows.hexdigest(),
        "target": task.target_name,
        "classes": list(task.target_names),
        "time": task.time_name,
        "group": task.group_name,
        "amount": task.amount_name,
        "features": task.feature_names,
        "categories": task.categories,
        "columns": [vars(column) for column in task.report.columns],
        "warnings": [*task.report.warnings, *task.warnings],
    }


def _plain(value: Any) -> Any:
    """As JSON holds it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)  # a category that is a date, a callable among parameters
