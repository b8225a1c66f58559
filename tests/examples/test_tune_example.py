"""examples/tune_with_optuna.py as a user runs it: once, again, and by workers of which one is killed."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from focalboost.datasets import make_transactions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

for needed in ("optuna", "xgboost", "matplotlib", "rich", "pandas", "pyarrow"):
    pytest.importorskip(needed)

import optuna  # noqa: E402  # an extra
from optuna.trial import TrialState  # noqa: E402

EXAMPLE = Path(__file__).parents[2] / "examples" / "tune_with_optuna.py"
SMALL = ["--rows", "8000", "--rounds", "15", "--patience", "5"]
SERVER = "FOCALBOOST_TEST_POSTGRESQL"
WAIT = 600  # seconds until a worker that hangs fails the test; they take five, on a busy machine sixty


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("tune_with_optuna", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    verbosity = optuna.logging.get_verbosity()
    spec.loader.exec_module(module)
    module.N_REPLICATES = 20
    yield module
    optuna.logging.set_verbosity(verbosity)


def journal(path: Path) -> optuna.storages.JournalStorage:
    return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))


def finished(study: optuna.Study) -> dict[int, Any]:
    done = [trial for trial in study.get_trials() if trial.state in {TrialState.COMPLETE, TrialState.PRUNED}]
    return {trial.number: (trial.state, trial.value, trial.params) for trial in done}


def check_report(text: str) -> None:
    for row in ("average precision", "recall at 1 % alerts"):
        (line,) = re.findall(rf"^│ held out: {row} .*$", text, re.MULTILINE)
        first, best, change, low, high = map(float, re.findall(r"[-+]?\d\.\d+", line))
        assert 0 <= first <= 1
        assert change == pytest.approx(best - first, abs=0.0011)
        assert low <= high
    verdict = r"^(Tuning paid|Tuning did harm|These held-out rows cannot show|No trial beat log loss)"
    assert len(re.findall(verdict, text, re.MULTILINE)) == 1


# ---------------------------------------------------------------------- one process
@pytest.mark.parametrize("booster", ["xgboost", "lightgbm"])
def test_a_study_is_reported_and_resumed(
    example: ModuleType, booster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip(booster)
    storage = tmp_path / "study.log"
    call = [*SMALL, "--booster", booster, "--storage", str(storage), "--output", str(tmp_path / "plots")]
    example.main([*call, "--trials", "3"])
    text = capsys.readouterr().out
    check_report(text)
    for name in ("history", "slice", "contour", "tuning"):
        assert (tmp_path / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    (name,) = optuna.get_all_study_names(journal(storage))
    study = optuna.load_study(study_name=name, storage=journal(storage))
    first = finished(study)
    assert len(first) == 3
    assert study.trials[0].params["focal_gamma"] == 0.0

    example.main([*call, "--trials", "4", "--figure", str(tmp_path / "all.png")])
    check_report(capsys.readouterr().out)
    assert (tmp_path / "all.png").exists()
    second = finished(study)
    assert len(second) == 4
    assert {number: second[number] for number in first} == first

    example.main([*call, "--trials", "4"])  # nothing left to run
    check_report(capsys.readouterr().out)
    assert len(study.get_trials()) == 4


def test_a_table_of_ones_own_without_a_time(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = make_transactions(4_000, imbalance_ratio=19, random_state=0, as_frame=True).frame
    frame[["type", "amount", "oldbalanceOrg", "isFraud"]].to_parquet(tmp_path / "log.parquet")
    output = ["--output", str(tmp_path)]
    storage = ["--storage", f"sqlite:///{tmp_path}/study.db", "--study-name", "mine"]
    table = ["--data", str(tmp_path / "log.parquet"), "--target", "isFraud"]
    # The baseline alone: nothing to plot.
    example.main([*table, *output, *storage, "--trials", "1", "--rounds", "10"])
    text = capsys.readouterr().out
    check_report(text)
    assert "no plots: they take two complete trials" in text
    example.main([*table, *output, *storage, "--trials", "3", "--rounds", "10"])
    text = capsys.readouterr().out
    check_report(text)
    assert "plots: " in text
    assert re.search(r"^held out +1,000 rows, +50 frauds$", text, re.MULTILINE)
    assert re.search(r"^study mine: ", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere.csv"], r"path == 'nowhere\.csv', must be a file"),
        (["--target", "fraud"], r"--target, --time, --positive and --drop are about --data FILE"),
        (["--trials", "-1"], r"--trials must be 0 or more"),
        (["--trials", "0"], r"for a study in a --storage, which is missing"),
        (["--worker"], r"for a study in a --storage, which is missing"),
        (["--worker", "--storage", "sqlite:///study.db"], r"SQLite may give one trial to two workers"),
    ],
)
def test_errors_are_a_line_and_no_traceback(
    example: ModuleType, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        example.main(arguments)
    assert re.search(rf"error: .*{message}", capsys.readouterr().err)


def test_no_row_of_the_folds_is_later_than_a_held_out_one(example: ModuleType) -> None:
    log = make_transactions(20_000, imbalance_ratio=99, random_state=0)
    tuned, held_out, folds = example.split(log, 0)
    np.testing.assert_array_equal(np.concatenate([tuned, held_out]), np.arange(20_000))
    assert log.step[tuned].max() < log.step[held_out].min()
    assert held_out.size == pytest.approx(5_000, abs=200)
    assert len(folds) == example.N_FOLDS
    for train, valid in folds:
        assert log.step[tuned][train].max() < log.step[tuned][valid].min()


def test_the_verdict_follows_the_held_out_interval(example: ModuleType) -> None:
    y = np.repeat([0, 1], [900, 100])
    noise = np.random.default_rng(0).normal(size=y.size)

    def model(signal: float) -> Any:
        margin = noise + signal * y
        posterior = np.stack([1 - 1 / (1 + np.exp(-margin)), 1 / (1 + np.exp(-margin))], axis=1)
        return SimpleNamespace(decision_function=lambda _: margin, predict_proba=lambda _: posterior)

    trials = [SimpleNamespace(number=0, value=0.5), SimpleNamespace(number=7, value=0.6)]
    for before, after, begin in (
        (1.0, 3.0, "Tuning paid"),
        (3.0, 1.0, "Tuning did harm"),
        (2.0, 2.0, "These held-out rows cannot show"),
    ):
        values, replicates = example.evaluate(y, [model(before), model(after)], y, seed=0)
        assert values[1, 0] == pytest.approx(average_precision_score(y, noise + after * y))
        assert example.verdict(trials, values, replicates).startswith(begin)
    assert example.verdict([trials[0]] * 2, values, replicates).startswith("No trial beat log loss")


# ---------------------------------------------------------------------- several processes
Start = "Callable[..., subprocess.Popen[str]]"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts workers with one thread each, and leaves none behind."""
    workers = []

    def start_one(*arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error::UserWarning"}
        command = [sys.executable, str(EXAMPLE), *arguments]
        workers.append(
            subprocess.Popen(
                command,
                cwd=tmp_path,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return workers[-1]

    yield start_one
    for worker in workers:
        worker.kill()
        worker.communicate(timeout=WAIT)


def stop(pid: int) -> None:
    """A process has stopped when all its threads have, not when it was told: one may be at the lock."""
    os.kill(pid, signal.SIGSTOP)
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def kill_one_in_a_trial(study: optuna.Study, workers: list[Any], lock: Path | None) -> int:
    """Number of the trial that a killed worker leaves. It is stopped first, so that the trial cannot end."""
    by_pid = {worker.pid: worker for worker in workers}
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for pid in [trial.user_attrs.get("worker", {}).get("pid") for trial in running]:
            if pid not in by_pid:
                continue
            stop(pid)
            held = [
                trial.number
                for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
                # The last parameter of the space: the trial trains.
                if trial.user_attrs.get("worker", {}).get("pid") == pid and "colsample_bytree" in trial.params
            ]
            # With the journal's lock in its hands the others would wait for 30 seconds.
            if held and not (lock and os.path.lexists(lock)):
                by_pid[pid].kill()
                by_pid[pid].wait(timeout=WAIT)
                return held[0]
            os.kill(pid, signal.SIGCONT)
        for worker in workers:
            assert worker.poll() in {None, 0}, worker.communicate()
        time.sleep(0.02)
    raise AssertionError("no worker was seen in a trial")


def run_fleet(
    example: ModuleType, start: Start, study: optuna.Study, call: list[str], total: int, lock: Path | None
) -> int:
    """Three workers, of which one is killed; the trial that it leaves."""
    workers = [start(*call, "--trials", str(total), "--worker") for _ in range(3)]
    stale = kill_one_in_a_trial(study, workers, lock)
    before = finished(study)
    for worker in workers:
        out, err = worker.communicate(timeout=WAIT)
        assert worker.returncode in {0, -signal.SIGKILL}, out + err
    assert sorted(worker.returncode for worker in workers) == [-signal.SIGKILL, 0, 0]
    after = finished(study)
    assert {number: after[number] for number in before} == before
    # A survivor may be in a trial when the other finishes the last one.
    assert total <= len(after) <= total + 1
    return stale


def repeats(study: optuna.Study, number: int) -> list[int]:
    params = study.trials[number].params
    return [n for n, (_, _, found) in finished(study).items() if found == params and n != number]


def resume(
    example: ModuleType, study: optuna.Study, call: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One more call, which reports; all that was finished is as it was."""
    before = finished(study)
    example.main([*call, "--trials", str(len(before) + 2)])
    check_report(capsys.readouterr().out)
    after = finished(study)
    assert {number: after[number] for number in before} == before
    assert len(after) == len(before) + 2
    assert not [trial for trial in study.trials if trial.state in {TrialState.RUNNING, TrialState.WAITING}]
    roles = [trial.user_attrs.get("role") for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert roles.count("baseline") == 1


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="SIGSTOP is POSIX's")
def test_a_killed_worker_costs_its_own_trial_only(
    example: ModuleType, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = tmp_path / "study.log"
    call = [*SMALL, "--storage", str(storage), "--study-name", "fleet", "--output", str(tmp_path)]
    example.main([*call, "--trials", "0"])
    study = optuna.load_study(study_name="fleet", storage=journal(storage))
    assert [trial.state for trial in study.trials] == [TrialState.WAITING]
    lock = Path(f"{storage}.lock")
    stale = [run_fleet(example, start, study, call, 6, lock)]
    # A journal has no heartbeat: a worker that started after the kill has repeated the trial, or none.
    assert study.trials[stale[0]].state in {TrialState.RUNNING, TrialState.FAIL}
    # More trials than anyone waits for: it is killed in one of the first.
    alone = start(*call, "--trials", "200", "--worker")
    stale.append(kill_one_in_a_trial(study, [alone], lock))
    assert study.trials[stale[1]].state == TrialState.RUNNING
    resume(example, study, call, capsys)
    for number in stale:
        assert study.trials[number].state == TrialState.FAIL
        # The repeat of a trial may be killed too.
        assert study.trials[number].params in [params for _, _, params in finished(study).values()]

    example.main([*call, "--trials", "6", "--worker"])  # there is no work left
    assert capsys.readouterr().out.startswith("study fleet: 0 running")


@pytest.mark.skipif(
    SERVER not in os.environ, reason=f"{SERVER} must hold a URL, postgresql+psycopg2://user@host/database"
)
def test_a_server_notices_a_killed_worker(
    example: ModuleType, start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, name = os.environ[SERVER], f"fleet-{uuid.uuid4()}"
    call = [*SMALL, "--storage", url, "--study-name", name, "--output", str(tmp_path), "--heartbeat", "1"]
    example.main([*call, "--trials", "0"])
    storage = optuna.storages.RDBStorage(url)
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        # Enough that the survivors work on for longer than the two seconds of grace.
        stale = run_fleet(example, start, study, call, 40, None)
        assert study.trials[stale].state == TrialState.FAIL
        assert len(repeats(study, stale)) == 1
        resume(example, study, call, capsys)
        assert len(repeats(study, stale)) == 1
    finally:
        optuna.delete_study(study_name=name, storage=storage)
        storage.remove_session()
        storage.engine.dispose()
