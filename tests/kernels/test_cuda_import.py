"""Numba's CUDA where NumPy has no row_stack, and where it is not numba-cuda's: processes of their own."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba_cuda")

# NumPy 2.5 has no such function; older ones lose it here.
WITHOUT_ROW_STACK = (
    "import numpy as np; vars(np).pop('row_stack', None); assert not hasattr(np, 'row_stack')\n"
)


def run(code):
    # Warnings are errors: numba-cuda's own must be caught.
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numba-cuda asks NumPy 2 only")
def test_numba_cuda_still_needs_row_stack():
    """Fails when a new numba-cuda does without: then `cuda_import` can too."""
    code = "import warnings; warnings.simplefilter('ignore'); import numba.cuda.np.arrayobj"
    assert "has no attribute 'row_stack'" in run(WITHOUT_ROW_STACK + code).stderr


def test_row_stack_is_lent_for_the_import_only():
    code = (
        "from focalboost._kernels import cuda_kernels\n"
        "import sys; print('numba.cuda.np.arrayobj' in sys.modules, hasattr(np, 'row_stack'))"
    )
    result = run(WITHOUT_ROW_STACK + code)
    assert result.stdout.strip() == "True False", result.stderr


def test_a_row_stack_that_is_there_stays():
    code = (
        "import numpy as np; before = vars(np).setdefault('row_stack', np.vstack)\n"
        "from focalboost._kernels import cuda_kernels; print(np.row_stack is before)"
    )
    result = run(code)
    assert result.stdout.strip() == "True", result.stderr


def test_an_older_numba_cuda_in_numba_is_refused():
    """Installed with --target, numba-cuda is found, but `numba.cuda` is what Numba itself once brought."""
    code = (
        "import sys, types, numba\n"
        "sys.modules['numba.cuda'] = numba.cuda = types.ModuleType('numba.cuda')\n"
        "from focalboost._kernels.cuda import problem; print(problem())"
    )
    result = run(code)
    assert "numba.cuda is not that of numba-cuda, whose .pth file was not read" in result.stdout, (
        result.stderr
    )


def test_it_is_imported_in_one_place():
    """Any other import would come without what is lent, and with the warning."""
    root = Path(__file__).parents[2]
    files = [*root.glob("focalboost/**/*.py"), *root.glob("benchmarks/*.py"), *root.glob("tests/**/*.py")]
    found = re.compile(r"^\s*(from numba import .*\bcuda\b|(from|import) numba\.cuda\b)", re.MULTILINE)
    named = {path.name for path in files if found.search(path.read_text(encoding="utf-8"))}
    assert named == {"cuda_import.py"}
