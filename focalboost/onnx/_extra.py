"""What to install where the extra `onnx` is missing."""

from __future__ import annotations

from importlib.util import find_spec


def require(package: str) -> None:
    """Raise where a package of the extra is not installed."""
    try:
        found = find_spec(package) is not None
    except ValueError:  # sys.modules has None in its place
        found = False
    if not found:
        raise ImportError(
            f"focalboost.onnx needs {package}, which is not installed; run: pip install 'focalboost[onnx]'"
        )
