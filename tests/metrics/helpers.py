"""Rows of both classes with many ties, and slow definitions."""

from itertools import permutations

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

TIED = [0.0, 0.1, 0.5, 0.9, 1.0]


def rows_of_both_classes(most, elements=None):
    """Labels 0 and 1 of up to `most` rows, and scores, few of them different."""
    return st.integers(2, most).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.int64, n, elements=st.integers(0, 1)).filter(lambda y: 0 < y.sum() < y.size),
            hnp.arrays(np.float64, n, elements=elements or st.sampled_from(TIED)),
        )
    )


def found_over_orders(worth, score, room):
    """What the first `room` rows are worth, mean over all orders that respect the scores."""
    whole, part = int(room), room - int(room)
    totals = []
    for order in permutations(range(len(score))):
        order = sorted(order, key=lambda i: -score[i])  # stable: ties stay as permuted
        cut = part * worth[order[whole]] if whole < len(order) else 0.0
        totals.append(sum(worth[i] for i in order[:whole]) + cut)
    return np.mean(totals)
