"""Names by which the next process knows a metric again."""

import os
import subprocess
import sys
from functools import partial

import numpy as np

from focalboost.metrics import recall_at_alert_rate, recall_at_alert_rate_scorer
from focalboost.tuning._scoring import Scoring


def test_metrics_of_one_name_are_told_apart():
    names = [
        Scoring(scoring, weighted=False).names[0]
        for scoring in (
            partial(recall_at_alert_rate, alert_rate=0.01),
            partial(recall_at_alert_rate, alert_rate=0.5),
            partial(partial(recall_at_alert_rate, alert_rate=0.5), pos_label=1),
            lambda y, s: float(np.mean(s)),
            lambda y, s: float(np.mean(s[y == 1])),
            recall_at_alert_rate_scorer(0.01),
            recall_at_alert_rate_scorer(0.5),
            recall_at_alert_rate,
        )
    ]
    assert len(set(names)) == len(names)
    assert not any(" at 0x" in name for name in names)


NAME = """
from focalboost.tuning._scoring import Scoring
print(Scoring(lambda y, s: float(str(s) in {"alpha", "beta", "gamma", "delta"}), weighted=False).names[0])
"""


def test_a_lambda_has_one_name_in_every_process():
    names = {
        subprocess.run(
            [sys.executable, "-c", NAME],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 4)
    }
    assert len(names) == 1
