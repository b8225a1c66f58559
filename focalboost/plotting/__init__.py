"""Figures of losses and of models for rare classes, with matplotlib (extra `plot`).

`LossCurveDisplay` shows a loss and its derivatives by gamma. The functions take labels and predictions as
plain arrays, one contender by name, and return the matplotlib axes they drew on: made with pyplot where none
are passed.
"""

from focalboost.plotting._cost import plot_cost
from focalboost.plotting._losses import LossCurveDisplay
from focalboost.plotting._ranking import plot_precision_recall
from focalboost.plotting._reliability import plot_reliability
from focalboost.plotting._trials import plot_trials

__all__ = [
    "LossCurveDisplay",
    "plot_cost",
    "plot_precision_recall",
    "plot_reliability",
    "plot_trials",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
