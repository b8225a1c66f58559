"""What a comparison found: verdict, table, figures, page, models."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from focalboost.comparison import _figures
from focalboost.comparison._bootstrap import intervals
from focalboost.comparison._extra import load_pandas
from focalboost.comparison._files import minus_log_loss, write_json, write_model, write_text
from focalboost.comparison._types import (
    Judgement,
    Settings,
    Split,
    Task,
    Threshold,
    Trained,
    Verdict,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    verdict : Verdict
        `sentence` says what to use, `use` is its key among `models`, `reasons` and `rule` say why.
    models : dict
        For "untuned", "log_loss", "class_weights" and "focal" the classifier fitted on the training rows.
    thresholds : list of Threshold
        From which probability, or margin of `final_model()`, a row is an alert.
    judgement : Judgement
        Measures on the held-out rows and on bootstrap draws of them.
    trained : list of Trained
        The contenders, with their parameters, rounds and Optuna studies.
    task, split, settings : Task, Split, Settings
        The table, which rows were held out, and what was asked.
    versions : dict
        Of Python and of the libraries.
    seconds : float
        That it took.
    command : str or None
        The command that repeats it, if a command ran it.
    """

    task: Task
    split: Split
    settings: Settings
    trained: list[Trained]
    judgement: Judgement
    verdict: Verdict
    thresholds: list[Threshold]
    final: Any
    versions: dict[str, str]
    seconds: float
    command: str | None = None

    def __repr__(self) -> str:
        return f"<Comparison of {self.task.source}: {self.verdict.sentence}>"

    @property
    def models(self) -> dict[str, Any]:
        """The fitted classifiers by key."""
        return {item.contender.key: item.model for item in self.trained}

    @property
    def chosen(self) -> Trained:
        """The contender of the verdict."""
        return next(item for item in self.trained if item.contender.key == self.verdict.use)

    def final_model(self) -> Any:
        """The model to use: the verdict's, with the same parameters and rounds, trained on all rows.

        Returns
        -------
        XGBClassifier, LGBMClassifier, FocalXGBClassifier or FocalLGBMClassifier, fitted
            On the features as numbers, in the order of `task.feature_names` and by these names (brackets,
            quotes, commas, colons, < and white space as "_"): categories as the codes of `task.categories`,
            what is missing or was not among them as NaN.
        """
        return self.final

    @property
    def table(self) -> pd.DataFrame:
        """One row for each contender and measure.

        Returns
        -------
        DataFrame
            Indexed by contender and measure; columns "value", "difference" from tuned log loss, and "low"
            and "high", the 95 % bootstrap interval of the difference, of that line alone. Those of the page,
            by which the verdict is decided, are of 90 %, 5 % on either side, and allow for the number of
            lines.
        """
        judgement = self.judgement
        differences = minus_log_loss(judgement)
        low, high = intervals(differences)
        names = {str(item.contender.key): item.contender.name for item in self.trained}
        rows = [
            {
                "contender": names[key],
                "measure": measure.name,
                "value": judgement.values[c, m],
                "difference": differences.values[c, m],
                "low": low[c, m],
                "high": high[c, m],
            }
            for c, key in enumerate(judgement.keys)
            for m, measure in enumerate(judgement.measures)
        ]
        frame: pd.DataFrame = load_pandas().DataFrame(rows).set_index(["contender", "measure"])
        return frame

    # ------------------------------------------------------------------ figures
    def plot_precision_recall(self, ax: Axes | None = None) -> Axes:
        """Precision over recall of the contenders on the held-out rows, with the budget marked.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw on.

        Returns
        -------
        matplotlib axes
        """
        return _figures.precision_recall(self, ax)

    def plot_reliability(self, ax: Axes | None = None) -> Axes:
        """Frequency over predicted probability on the held-out rows.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw on.

        Returns
        -------
        matplotlib axes
        """
        return _figures.reliability(self, ax)

    def plot_cost(self, ax: Axes | None = None) -> Axes:
        """Expected cost over the threshold, with the one that the costs name.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw on.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        ValueError
            If no costs were stated.
        """
        return _figures.cost(self, ax)

    def plot_tuning(self, ax: Axes | None = None) -> Axes:
        """The best score on the folds so far, trial by trial.

        Parameters
        ----------
        ax : matplotlib axes, optional
            To draw on.

        Returns
        -------
        matplotlib axes
        """
        return _figures.tuning(self, ax)

    # ------------------------------------------------------------------ files
    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write the page: one HTML file that needs no network.

        Parameters
        ----------
        path : path
            Of the file, which is replaced.
        """
        from focalboost.comparison._page import render  # noqa: PLC0415  # Jinja2 and matplotlib are extras

        write_text(path, render(self))

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write all numbers as JSON.

        Parameters
        ----------
        path : path
            Of the file, which is replaced.
        """
        write_json(self, path)

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Write `final_model()` in the booster's own format, of focal loss with its loss, or as ONNX.

        Parameters
        ----------
        path : path
            .ubj or .json of XGBoost, .txt of LightGBM, .onnx of both.
        """
        write_model(self, path)


def versions(booster: str) -> dict[str, str]:
    """Of what a number may depend on; XGBoost is found under either of its names."""
    # The package is above this wing, and loaded before it.
    found = {"python": platform.python_version(), "focalboost": sys.modules["focalboost"].__version__}
    for package in (booster, "optuna", "scikit-learn", "numpy", "scipy", "numba"):
        for name in (package, f"{package}-cpu"):
            try:
                found[package] = version(name)
                break
            except PackageNotFoundError:
                continue
    return found
