"""Is focal loss worth it on your data? Log loss, class weights and focal loss under the same budget.

    found = compare(X, y, time="date", groups="customer", amount="amount")
    print(found.verdict.sentence)
    found.to_html("report.html")

`focalboost compare FILE` is the same as a command. Needs the extra: `pip install 'focalboost[compare]'`.
"""

from focalboost.comparison._compare import compare
from focalboost.comparison._result import Comparison
from focalboost.comparison._types import (
    Contender,
    Judgement,
    Measure,
    Progress,
    Settings,
    Split,
    Task,
    Threshold,
    Trained,
    Verdict,
)

__all__ = [
    "Comparison",
    "Contender",
    "Judgement",
    "Measure",
    "Progress",
    "Settings",
    "Split",
    "Task",
    "Threshold",
    "Trained",
    "Verdict",
    "compare",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
