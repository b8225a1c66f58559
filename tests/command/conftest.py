"""The command as a user types it, without training: what `compare_task` finds is made up."""

from copy import copy
from types import SimpleNamespace

import numpy as np
import pytest

for needed in ("optuna", "xgboost", "matplotlib", "rich", "typer", "pandas", "pyarrow", "jinja2"):
    pytest.importorskip(needed)

import optuna  # noqa: E402  # an extra
from typer.testing import CliRunner  # noqa: E402

from focalboost.command._app import app  # noqa: E402
from focalboost.comparison import _compare  # noqa: E402
from focalboost.comparison._types import CONTENDERS  # noqa: E402
from tests.comparison.fakes import fake_comparison  # noqa: E402


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch, tmp_path):
    """Wide, without colours, in a folder of its own; and Optuna as loud as it was."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    verbosity = optuna.logging.get_verbosity()
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.fixture
def cards(tmp_path):
    """A table of 400 rows, dates and amounts."""
    rng = np.random.default_rng(0)
    lines = ["date,customer,amount,hour,is_fraud"]
    for k in range(400):
        day, customer = f"2024-{1 + k // 100:02d}-{1 + k % 28:02d}", rng.integers(30)
        lines.append(f"{day},{customer},{rng.lognormal(3):.2f},{rng.integers(24)},{int(k % 20 == 0)}")
    path = tmp_path / "cards.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def call():
    """Run `focalboost compare` with these words."""
    runner = CliRunner()

    def called(*words, code=0):
        result = runner.invoke(app, ["compare", *map(str, words)])
        assert result.exit_code == code, result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return SimpleNamespace(out=result.stdout, err=result.stderr)

    return called


class FinalModel:
    """Writes a file, as a booster does."""

    def save_model(self, path):
        with open(path, "w") as file:  # noqa: PTH123
            file.write("a model")


@pytest.fixture(scope="session")
def fake():
    """Three seconds of bootstrap."""
    return fake_comparison()


@pytest.fixture
def made_up(monkeypatch, fake):
    """In the place of training; what it was asked is in `asked`."""
    asked = []

    def compare_task(task, settings, progress):
        asked.append((task, settings))
        found = copy(fake)
        progress.split(found.split)
        for contender in CONTENDERS:
            total = settings.trials if contender.tuned else 0
            progress.begin(contender, 0, total)
            for k in range(total):
                progress.trial(contender, k + 1, 0.5)
            progress.end(contender)
        found.final_model = FinalModel
        found.to_html = lambda path: path.write_text('<meta name="generator" content="focalboost 0.1.0">')
        return found

    monkeypatch.setattr(_compare, "compare_task", compare_task)
    return asked
