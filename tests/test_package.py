"""What importing costs, which way imports point, and what missing extras say."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import focalboost

PACKAGE = Path(focalboost.__file__).parent
# Left may import right, never the other way.
FLOORS = [
    ["tuning"],
    ["_objective"],
    ["_xgboost_folds", "_lightgbm_folds"],
    ["_folds", "_scoring"],
    ["_fold_data", "_search_space", "_study", "metrics"],
    ["xgboost", "lightgbm"],
    ["_xgboost_training", "_lightgbm_training"],
    ["_estimator", "_lightgbm_native", "_xgboost_native"],
    ["_model_text"],
    ["_record", "_target"],
    ["losses"],
    ["_binary", "_multilabel", "_multiclass"],
    ["_sigmoid"],
    ["_loss"],
    ["_backend"],
    ["calibration", "_interop", "_statistics"],
    ["_cpu", "_cuda"],
    ["_labels", "_cuda_memory"],
    ["_buffers"],
    ["_validation"],
    ["_sigmoid_kernels", "_softmax_kernels", "_cuda_kernels", "_digest"],
    ["_rows", "_threads"],
    ["_dask", "_flags", "_kernel_inputs"],
    ["_pointwise"],
    ["_elementary"],
    ["_jit"],
]


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_import_loads_no_booster_and_no_extra():
    extras = ["xgboost", "lightgbm", "optuna", "dask", "cupy", "matplotlib", "pandas", "numba.cuda", "cuda"]
    code = f"import sys, focalboost; print([m for m in {extras!r} if m in sys.modules])"
    result = run(code)
    assert result.stdout.strip() == "[]", result.stderr


def test_imports_point_one_way():
    floor = {name: i for i, names in enumerate(FLOORS) for name in names}
    for path in PACKAGE.glob("*.py"):
        if path.stem not in floor:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("focalboost"):
                continue
            module = node.module.removeprefix("focalboost").lstrip(".")
            targets = [module] if module else [alias.name for alias in node.names]
            for target in targets:
                lazy = path.stem == "_loss" and target == "xgboost"  # inside start(), when it is called
                assert lazy or floor.get(target, 99) > floor[path.stem], f"{path.stem} imports {target}"


@pytest.mark.parametrize("call", ["loss.start()", "__import__('focalboost.xgboost')"])
def test_a_missing_booster_names_the_extra(call):
    code = (
        "import sys; sys.modules['xgboost'] = None\n"
        "from focalboost import BinaryFocalLoss\n"
        "loss = BinaryFocalLoss().for_labels([0, 1, 1])\n"
        f"{call}"
    )
    result = run(code)
    assert "needs XGBoost: pip install 'focalboost[xgboost]'" in result.stderr


def test_old_versions_are_refused():
    from focalboost._interop import check_version

    with pytest.raises(RuntimeError, match=r"xgboost.__version__ == '3.0.5', must be >= 3.1: pip install"):
        check_version("xgboost", "3.0.5")
    with pytest.raises(RuntimeError, match=r"lightgbm.__version__ == '4.3.0', must be >= 4.4"):
        check_version("lightgbm", "4.3.0")
    check_version("xgboost", "3.4.1")
    check_version("xgboost", "4.0.0rc1")


def test_the_package_is_typed_and_has_a_version():
    assert (PACKAGE / "py.typed").exists()
    assert focalboost.__version__[0].isdigit()
    assert set(focalboost.__all__) <= set(dir(focalboost))
