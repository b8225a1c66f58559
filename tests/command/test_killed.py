"""Killed or interrupted at any moment, the same command goes on, loses no trial and finds the same.

    python -m tests.command.test_killed NUMBER FOLDER [SEED]

kills one comparison as often as that and prints what was lost.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

for needed in ("optuna", "xgboost", "matplotlib", "rich", "typer", "pandas", "pyarrow", "jinja2"):
    pytest.importorskip(needed)

import optuna  # noqa: E402  # an extra
from optuna.storages import JournalStorage  # noqa: E402
from optuna.storages.journal import JournalFileBackend  # noqa: E402

if os.name == "nt":
    pytest.skip("signals of POSIX", allow_module_level=True)

TRIALS = 4
WAIT = 300  # seconds until a command that hangs fails the test


def write_table(folder):
    rng = np.random.default_rng(0)
    n_rows = 1200
    x = rng.normal(size=(n_rows, 4))
    y = (x[:, 0] + 0.5 * x[:, 1] + rng.normal(size=n_rows) > 2.2).astype(int)
    lines = [
        f"{k},{','.join(f'{value:.5f}' for value in row)},{label}"
        for k, (row, label) in enumerate(zip(x, y, strict=True))
    ]
    path = folder / "t.csv"
    path.write_text("\n".join(["step,a,b,c,d,y", *lines]) + "\n")
    return path


def start(folder, storage, trials=TRIALS):
    words = ["t.csv", "--rounds", 20, "--patience", 5, "--n-jobs", 1, "--trials", trials]
    words += ["--storage", storage, "--json", "r.json", "--model", "m.ubj", "--no-report"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "focalboost", "compare", *map(str, words)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Of what runs in the background some shells ignore Ctrl-C.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def finished(path):
    """By study and number what was found."""
    if not path.exists():
        return {}
    storage = JournalStorage(JournalFileBackend(str(path)))
    done = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return {
        (name, trial.number): (trial.state, trial.value, tuple(sorted(trial.params.items())))
        for name in optuna.get_all_study_names(storage)
        for trial in optuna.load_study(storage=storage, study_name=name).get_trials(states=done)
    }


def records(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def stop_at(process, path, more, signal_, delay):
    """Send a signal once there are so many more records, and a moment later. What was finished before it."""
    goal, end = records(path) + more, time.monotonic() + WAIT
    while records(path) < goal and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(delay)
    process.send_signal(signal_)
    _, err = process.communicate(timeout=WAIT)
    return process.returncode, err


def result(folder):
    """What must be the same: not when, how long and where it was kept."""
    found = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    for name in ("written", "seconds", "command", "files"):
        found.pop(name)
    found["settings"].pop("storage")
    for contender in found["contenders"].values():
        contender.pop("seconds")
        contender.pop("n_trials")  # those that were killed stand in the study too
    return found, (folder / "m.ubj").read_bytes()


def fresh(folder):
    for name in ("r.json", "m.ubj"):
        (folder / name).unlink(missing_ok=True)


def stop_and_go_on(folder, storage, rng, number, signal_, n_records):
    """Stop one comparison so often at random moments, let it end, and say what was lost on the way."""
    path, lost, codes = folder / storage, [], []
    for _ in range(number):
        before = finished(path)
        code, err = stop_at(
            start(folder, storage), path, rng.randint(1, n_records), signal_, rng.uniform(0.0, 0.1)
        )
        after = finished(path)
        lost += [key for key, value in before.items() if after.get(key) != value]
        codes.append((code, err))
        fresh(folder)
    before = finished(path)
    last = start(folder, storage)
    _, err = last.communicate(timeout=WAIT)
    assert last.returncode == 0, err
    lost += [key for key, value in before.items() if finished(path).get(key) != value]
    return lost, codes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    write_table(folder)
    process = start(folder, "whole.log")
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    found = result(folder)
    fresh(folder)
    return folder, found


def test_killed_twice_it_loses_no_finished_trial_and_finds_the_same(undisturbed):
    folder, expected = undisturbed
    lost, codes = stop_and_go_on(folder, "killed.log", random.Random(0), 2, signal.SIGKILL, 60)
    assert lost == []
    assert -signal.SIGKILL in [code for code, _ in codes]
    assert result(folder) == expected
    fresh(folder)


def test_interrupted_it_says_so_and_goes_on(undisturbed):
    folder, expected = undisturbed
    lost, ((code, err),) = stop_and_go_on(folder, "interrupted.log", random.Random(1), 1, signal.SIGINT, 60)
    assert lost == []
    assert code == 130
    assert "interrupted: finished trials are kept in interrupted.log, and the same command goes on" in err
    assert "Traceback" not in err
    assert result(folder) == expected


def test_a_trial_that_nobody_claimed_takes_the_place_of_no_other(undisturbed):
    """As it is left by a process that died between the start of a trial and its claim."""
    folder, expected = undisturbed
    fresh(folder)
    process = start(folder, "unclaimed.log", trials=1)
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    fresh(folder)
    storage = JournalStorage(JournalFileBackend(str(folder / "unclaimed.log")))
    for name in optuna.get_all_study_names(storage):
        optuna.load_study(storage=storage, study_name=name).ask()
    process = start(folder, "unclaimed.log")
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    assert result(folder) == expected
    fresh(folder)


if __name__ == "__main__":
    number, folder, seed = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0
    folder = Path(tempfile.mkdtemp(dir=folder))
    write_table(folder)
    whole = start(folder, "whole.log")
    sys.stdout.write(whole.communicate(timeout=WAIT)[1])
    expected = result(folder)
    n_records = records(folder / "whole.log")
    fresh(folder)
    for kind in (signal.SIGKILL, signal.SIGINT):
        lost, codes = stop_and_go_on(
            folder, f"{kind.name}.log", random.Random(seed), number, kind, max(2, n_records // number)
        )
        same = result(folder) == expected
        sys.stdout.write(f"{kind.name}: lost {lost}, exit codes {[code for code, _ in codes]}, ")
        sys.stdout.write(f"same result: {same}; {n_records} records in all\n")
        sys.stdout.writelines(f"    {err.splitlines()[-1:]}\n" for _, err in codes)
        fresh(folder)
