"""matplotlib is an extra, and looks that differ for everyone."""

import re
import subprocess
import sys

import numpy as np
import pytest

from focalboost.plotting._style import STYLES, share_text, styles


def test_matplotlib_is_imported_when_it_is_needed_and_the_error_names_the_extra():
    code = (
        "import sys, focalboost.plotting; print('matplotlib' in sys.modules)\n"
        "sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None\n"
        "try: focalboost.plotting.plot_trials({'a': [1.0]})\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported, error = done.stdout.splitlines()
    assert imported == "False"
    assert re.search(r"plot_trials needs matplotlib.*pip install 'focalboost\[plot\]'", error)


def test_looks_differ_by_more_than_colour():
    for part in range(3):
        assert len({str(style[part]) for style in STYLES}) == len(STYLES)


def test_colours_are_those_of_okabe_and_ito():
    assert {style.color for style in STYLES} == {"#0072B2", "#E69F00", "#009E73", "#D55E00", "black"}


def test_shares_as_text():
    assert [share_text(value) for value in np.array([1.0, 0.005, 1e-5])] == [
        "100\u00a0%",
        "0.5\u00a0%",
        "0.001\u00a0%",
    ]


def test_a_contender_looks_the_same_beside_others():
    everyone = styles(["log loss", "class weights", "focal loss"])
    assert styles(["focal loss"], list(everyone))["focal loss"] == everyone["focal loss"]
    assert len(styles([str(k) for k in range(7)])) == 7
    with pytest.raises(
        ValueError, match=r"order has no 'focal loss', must have each contender that is drawn"
    ):
        styles(["focal loss"], ["log loss"])
