"""README's Python runs, and its error texts are those that users see."""

import re
from pathlib import Path

import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def start_alone():
    xgb = pytest.importorskip("xgboost")
    loss = BinaryFocalLoss(2.0).for_labels([0, 1])
    xgb.train({}, xgb.DMatrix([[0.0], [1.0]], [0, 1]), 1, callbacks=[loss.start()])


@pytest.mark.parametrize("code", BLOCKS, ids=[block.splitlines()[0][:40] for block in BLOCKS])
def test_readme_code_runs(code, tmp_path, monkeypatch):
    pytest.importorskip("xgboost")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})


def test_readme_pictures_exist():
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file(), picture


@pytest.mark.parametrize(
    "fail",
    [
        lambda: BinaryFocalLoss(gamma=-1),
        lambda: BinaryFocalLoss(2, alpha=4),
        lambda: BinaryFocalLoss().start(),
        lambda: BinaryFocalLoss().loss([0, 1], [[0.0, 1.0, 2.0]] * 2),
        lambda: MulticlassFocalLoss().loss([0, 1], [0.0, 1.0]),
        lambda: BinaryFocalLoss().loss([0, 1], [0.0, float("nan")]),
        lambda: start_alone(),
    ],
)
def test_readme_quotes_errors_word_for_word(fail):
    with pytest.raises((ValueError, RuntimeError), match=r"must be|needs the labels") as caught:
        fail()
    # README leaves out what follows the cure for most users: the version of XGBoost.
    assert str(caught.value).partition(" If you did, XGBoost")[0] in re.sub(r"\s+", " ", README)
