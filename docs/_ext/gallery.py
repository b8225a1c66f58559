"""How the scripts of `examples/` run while the site is built: in which order, with what, which not at all."""

# ruff: noqa: ARG001, INP001  # Sphinx hands its handlers more than they need
from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# The first is what most come for. A script that is not named here comes last.
ORDER = (
    "fraud_detection",
    "threshold_for_cost",
    "tune_with_optuna",
    "multiclass",
    "multilabel",
    "explain",
    "serve_without_focalboost",
    "serve_onnx",
    "serve_mlflow",
    "distributed_dask",
)
# Shown, not run, and why: a reader is told.
NOT_RUN = {
    "distributed_dask": "it starts worker processes of its own, and this site is built in one",
    "serve_mlflow": "MLflow needs older versions of what the site is built with",
}
# So that the whole gallery takes less than three minutes on two cores, and leaves no file in `examples/`.
ARGUMENTS = {
    "fraud_detection": ["--trials", "5", "--report", f"{tempfile.gettempdir()}/fraud_detection.html"],
    "tune_with_optuna": ["--trials", "10"],
}


def pattern() -> str:
    """The files that are run."""
    return rf"/(?!(?:{'|'.join(map(re.escape, NOT_RUN))})\.py)[^/]*\.py$"


def order(file: str) -> tuple[int, str]:
    """What the gallery is sorted by."""
    name = Path(file).stem
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """What a script gets on its command line."""
    return ARGUMENTS.get(Path(script_vars["src_file"]).stem, [])


def say(app: Sphinx, docname: str, content: list[str]) -> None:
    """Below the title of an example that is not run, or not with its defaults."""
    folder, _, name = docname.rpartition("/")
    if folder != "gallery":
        return
    if name == "index":  # the pictures have no words of their own
        content[0] = re.sub(
            r":alt:(\n\n  :doc:.*?thumbnail-title\">)(.*?)</div>",
            r":alt: Picture of the example: \2\1\2</div>",
            content[0],
            flags=re.DOTALL,
        )
    notes = []
    if name in NOT_RUN:
        notes.append(f"This example was not run when the site was built: {NOT_RUN[name]}.")
    elif shown := [word for word in ARGUMENTS.get(name, []) if not word.startswith(tempfile.gettempdir())]:
        words = " ".join(word for word in shown if word != "--report")
        notes.append(f"The output below is that of ``python examples/{name}.py {words}``.")
    for note in notes:
        content[0] = re.sub(r"(\n={3,}\n)", rf"\1\n.. note::\n\n   {note}\n", content[0], count=1)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", say)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
