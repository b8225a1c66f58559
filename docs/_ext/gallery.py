"""How the scripts of `examples/` run while the site is built: in which order, with what, which not at all."""

# ruff: noqa: ARG001, INP001  # Sphinx hands its handlers more than they need
from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# XGBoost's idle threads spin, which slows what runs beside them tenfold.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

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
# What these draw is taken from matplotlib, into the page; the file is not used.
ARGUMENTS = {
    name: ["--figure", f"{tempfile.gettempdir()}/focalboost_{name}.png"]
    for name in (
        *("fraud_detection", "threshold_for_cost", "tune_with_optuna"),
        *("multiclass", "multilabel", "explain", "serve_onnx"),
    )
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
    """Below the title of an example that is not run."""
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
    if name in NOT_RUN:
        note = f"This example was not run when the site was built: {NOT_RUN[name]}."
        content[0] = re.sub(r"(\n={3,}\n)", rf"\1\n.. note::\n\n   {note}\n", content[0], count=1)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", say)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
