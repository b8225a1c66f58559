"""The files that the command writes: whether it may, before training; then all of them or none."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from focalboost.command._options import REPORT, Options
from focalboost.comparison._files import (
    ONNX,
    check_ending,
    check_place,
    digest,
    replaced,
    write_json,
    write_model,
)

# By their first bytes, what an earlier run wrote.
OURS = {
    "--report": re.compile(rb'<meta name="generator" content="focalboost'),
    "--json": re.compile(rb'^\s*\{\s*"format": \d+,\s*"focalboost":'),
}
HEAD = 4096  # bytes


@dataclass(frozen=True)
class Outputs:
    """What is written, by the option that asked for it."""

    report: Path | None
    models: tuple[Path, ...]
    json: Path | None

    def named(self) -> Iterator[tuple[str, Path]]:
        if self.report is not None:
            yield "--report", self.report
        yield from (("--model", path) for path in self.models)
        if self.json is not None:
            yield "--json", self.json

    def moved_to(self, folder: Path) -> Outputs:
        return Outputs(
            self.report and folder / self.report.name,
            tuple(folder / path.name for path in self.models),
            self.json and folder / self.json.name,
        )


def check_outputs(options: Options, booster: str) -> Outputs:
    """Where to write; an error where that will not work, or something else is there."""
    report = None if options.no_report else options.report or REPORT
    outputs = Outputs(report, options.model, options.json)
    if report is not None and report.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--report == {str(report)!r}, must end in .html: it is a page for a browser.")
    if options.json is not None and options.json.suffix.lower() != ".json":
        raise ValueError(f"--json == {str(options.json)!r}, must end in .json.")
    for path in options.model:
        check_ending(path, booster, "--model")
        if path.suffix.lower() == ONNX:
            import_module("focalboost.onnx")  # says what to install
    taken = {option: _absolute(path) for option, path in (("FILE", options.file),) if path is not None}
    if options.storage is not None and "://" not in options.storage:
        taken["--storage"] = _absolute(Path(options.storage))
    for option, path in outputs.named():
        for other, place in taken.items():
            if place == _absolute(path):
                raise ValueError(f"{option} == {str(path)!r}, must not be the file of {other} too.")
        _check_place(option, path, force=options.force)
        taken[f"{option} {path}" if option == "--model" else option] = _absolute(path)
    return outputs


def _absolute(path: Path) -> Path:
    return path.expanduser().resolve()


def _check_place(option: str, path: Path, *, force: bool) -> None:
    check_place(path, option)
    place = _absolute(path)
    if place.exists() and not force and not _is_ours(option, place):
        what = "a model" if option == "--model" else "something that focalboost compare did not write"
        raise FileExistsError(
            f"{option} == {str(path)!r} is there already, {what}: name another file, or add --force."
        )


def _is_ours(option: str, path: Path) -> bool:
    """Reports and results of an earlier run may be replaced; a model may be in use."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        return True
    return option in OURS and OURS[option].search(head) is not None


# ---------------------------------------------------------------------- writing
def write(comparison: Any, outputs: Outputs, data: Path | None) -> list[tuple[str, Path]]:
    """Write all; where the disk or the folder fails, into a temporary folder instead."""
    try:
        return _write(comparison, outputs, data)
    except OSError as error:
        folder = Path(tempfile.mkdtemp(prefix="focalboost-"))
        written = _write(comparison, outputs.moved_to(folder), data)
        raise NotWrittenError(error, written) from error


class NotWrittenError(OSError):
    """A file could not be written where it was asked for."""

    def __init__(self, reason: OSError, instead: list[tuple[str, Path]]) -> None:
        super().__init__(
            f"the files could not be written ({str(reason).removeprefix('path == ')}); they are in "
            f"{instead[0][1].parent} instead."
        )
        self.instead = instead


def _write(comparison: Any, outputs: Outputs, data: Path | None) -> list[tuple[str, Path]]:
    files: dict[str, Any] = {} if data is None else {"data": digest(data)}
    # The last to be entered takes its place first: a model is there only when all else is.
    with ExitStack() as stack:
        models = [stack.enter_context(replaced(path)) for path in outputs.models]
        for temporary in models:
            write_model(comparison, temporary)
        files["models"] = [
            {**digest(temporary), "path": str(path)}
            for temporary, path in zip(models, outputs.models, strict=True)
        ]
        if outputs.report is not None:
            temporary = stack.enter_context(replaced(outputs.report))
            comparison.to_html(temporary)
            files["report"] = {**digest(temporary), "path": str(outputs.report)}
        if outputs.json is not None:
            write_json(comparison, stack.enter_context(replaced(outputs.json)), files)
    return list(outputs.named())
