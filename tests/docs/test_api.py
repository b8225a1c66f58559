"""The reference: a page for each public wing, each name of its `__all__`, in sections that numpydoc knows."""

import inspect
import re
from importlib import import_module

import pytest

from tests.docs.pages import DOCS, ROOT

# `losses` is at the top of the package, `command` a page of its own.
WINGS = sorted(
    path.parent.name
    for path in (ROOT / "focalboost").glob("*/__init__.py")
    if not path.parent.name.startswith("_") and path.parent.name not in ("losses", "command")
)
MODULES = ["focalboost", *(f"focalboost.{wing}" for wing in WINGS)]
PAGES = {
    module: path
    for path in sorted((DOCS / "api").glob("*.rst"))
    for module in re.findall(r"^\.\. wing:: (\S+)$", path.read_text("utf-8"), re.MULTILINE)
}
NEEDS = {"focalboost.xgboost": "xgboost", "focalboost.lightgbm": "lightgbm", "focalboost.onnx": "skl2onnx"}


def test_every_public_wing_has_a_page_and_no_private_one():
    assert sorted(PAGES) == sorted(MODULES)
    listed = re.findall(r"^[a-z]+$", (DOCS / "api" / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (DOCS / "api").glob("*.rst"))


@pytest.mark.parametrize("module", MODULES)
def test_what_a_wing_offers_is_public_and_documented(module):
    pytest.importorskip(NEEDS.get(module, "numpy"))
    wing = import_module(module)
    by_hand = set(re.findall(r"^\.\. py:data:: (\S+)$", PAGES[module].read_text("utf-8"), re.MULTILINE))
    for name in wing.__all__:
        value = getattr(wing, name)
        if not (inspect.isclass(value) or inspect.isroutine(value)):
            assert name in by_hand, name
            continue
        assert not name.startswith("_")
        assert value.__module__ == module, name
        assert (inspect.getdoc(value) or "").strip(), name


def test_losses_are_at_the_top():
    top, losses = import_module("focalboost"), import_module("focalboost.losses")
    assert set(losses.__all__) <= set(top.__all__)
