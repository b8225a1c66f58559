"""Workers on one journal that are killed, run out of disk or are slow; a script of forks, one import for all.

    python -m tests.tuning.journal_workers CASE FOLDER NUMBER SEED

prints as JSON what was lost and how long others waited. The tests run it with few kills.
"""

import json
import os
import random
import select
import signal
import sys
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from focalboost.tuning import open_storage
from focalboost.tuning._lock import JournalLock

optuna.logging.set_verbosity(optuna.logging.ERROR)
RECORD = b'{"op_code":2,"worker_id":"slow","study_id":0,"user_attr":{"slow":"%s"}}\n'


def fork(work, *arguments):
    """The number of a process that runs `work` and ends."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        except BaseException:  # noqa: BLE001  # shown, and the exit code says it
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def study_at(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        return optuna.load_study(storage=open_storage(path, **options), study_name="s")


def new_study(folder):
    path = Path(folder) / "study.log"
    optuna.create_study(storage=open_storage(path), study_name="s")
    return path


def tell(path, pipe, seed, n_trials=10**9):
    """Finish trials, and say so through the pipe once Optuna has them."""
    rng = random.Random(seed)
    study = study_at(path)
    for _ in range(n_trials):
        trial = study.ask()
        value = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("long", "x" * rng.choice([10, 1000, 30_000]))  # longer than a buffer too
        study.tell(trial, value)
        os.write(pipe, f"{trial.number} {value!r}\n".encode())


def drain(pipe):
    text = b""
    while select.select([pipe], [], [], 0)[0]:
        text += os.read(pipe, 1 << 16)
    return {int(number): float(value) for number, value in map(str.split, text.decode().splitlines())}


def lost(path, told):
    """Trials that were said to be finished and are not there with their values."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = optuna.load_study(storage=open_storage(path), study_name="s")
    # Optuna alone can read it as well.
    plain = optuna.load_study(storage=JournalStorage(JournalFileBackend(str(path))), study_name="s")
    assert [t.values for t in plain.trials] == [t.values for t in study.trials]
    found = {t.number: t.value for t in study.trials if t.state == TrialState.COMPLETE}
    return sorted(number for number, value in told.items() if found.get(number) != value)


def copies(path):
    return len(list(path.parent.glob(f"{path.name}.torn-*")))


# ---------------------------------------------------------------------- cases
def kills(folder, number, seed):
    """Two workers; one at a time is killed at a random moment and another begins at once."""
    rng = random.Random(seed)
    path = new_study(folder)
    pipe, told_to = os.pipe()
    told, waits, held = {}, [], 0
    workers = [fork(tell, path, told_to, rng.random()) for _ in range(2)]
    for _ in range(number):
        end = time.monotonic() + rng.uniform(0.05, 0.3)
        while time.monotonic() < end:
            told |= drain(pipe)
            time.sleep(0.005)
        victim = workers.pop(0)
        os.kill(victim, signal.SIGKILL)
        wait(victim)
        lock = Path(f"{path}.lock")
        with suppress(OSError, ValueError):
            held += json.loads(lock.read_text())["pid"] == victim
        began = time.monotonic()
        study = study_at(path)
        study.set_user_attr("after", victim)
        waits.append(time.monotonic() - began)
        workers.append(fork(tell, path, told_to, rng.random()))
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
        wait(worker)
    told |= drain(pipe)
    return {"kills": number + 2, "held": held, "told": len(told), "waits": waits} | state(path, told)


def killed_in_a_line(folder, number, seed):
    """Every worker dies with the lock in its hands and a part of a line written."""
    rng = random.Random(seed)
    path = new_study(folder)
    pipe, told_to = os.pipe()
    told, waits = {}, []

    def die():
        study_at(path)
        line = RECORD % (b"y" * rng.randrange(20_000))
        JournalLock(path, 30.0).acquire()
        with path.open("ab") as file:
            file.write(line[: rng.randrange(1, len(line) - 2)])
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    for _ in range(number):
        assert wait(fork(tell, path, told_to, rng.random(), 2)) == 0
        assert wait(fork(die)) == -signal.SIGKILL
        rng.random()
        assert Path(f"{path}.lock").exists()
        began = time.monotonic()
        study_at(path).set_user_attr("after", "it")
        waits.append(time.monotonic() - began)
        told |= drain(pipe)
    return {"kills": number, "held": number, "told": len(told), "waits": waits} | state(path, told)


def full(folder, number, seed):
    """The file may grow no further for a while: a limit of the process cuts writes short, as a disk does."""
    import resource  # not on Windows

    rng = random.Random(seed)
    path = new_study(folder)
    pipe, told_to = os.pipe()
    told, errors = {}, 0

    def work():
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        for _ in range(3):
            limit = path.stat().st_size + rng.randrange(200, 60_000)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
            try:
                tell(path, told_to, rng.random())
            except OSError as error:
                if "File too large" not in str(error):
                    raise
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        tell(path, told_to, rng.random(), 2)

    for _ in range(number):
        assert wait(fork(work)) == 0
        rng.random()
        told |= drain(pipe)
        errors += 3
    return {"full": errors, "told": len(told)} | state(path, told)


def torn(folder, number, seed):
    """Many workers open a torn file at the same time, and go on."""
    path = new_study(folder)
    pipe, told_to = os.pipe()
    tell(path, told_to, seed, 3)
    with path.open("ab") as file:
        file.write((RECORD % b"torn")[:-20])
    begin = time.monotonic() + 0.5

    def work(k):
        time.sleep(max(0.0, begin - time.monotonic()))
        tell(path, told_to, k, 3)

    assert [wait(pid) for pid in [fork(work, k) for k in range(number)]] == [0] * number
    told = drain(pipe)
    return {"told": len(told)} | state(path, told)


def slow(folder, number, seed):
    """One writes a line in pieces; others open the file, wait for it, or take its lock over too early."""
    path = new_study(folder)
    pipe, told_to = os.pipe()
    line = RECORD % b"z"

    def write(lock):
        lock.acquire()
        with path.open("ab", buffering=0) as file:
            for k in range(8):
                file.write(line[k * len(line) // 8 : (k + 1) * len(line) // 8])
                time.sleep(0.25)
        lock.release()

    def work(grace):
        time.sleep(0.3)
        study_at(path, grace_period=grace)
        tell(path, told_to, seed, 2)

    locks = [
        JournalLock(path, 30.0),
        JournalFileBackend(str(path))._lock,  # a worker of Optuna alone
    ]
    for lock in locks:
        for grace in (30.0, 0.4):
            pids = [fork(write, lock), *(fork(work, grace) for _ in range(number))]
            codes = [wait(pid) for pid in pids]
            # Of a lock that was taken over Optuna's own says so at the end.
            assert codes[1:] == [0] * number, codes
    told = drain(pipe)
    written = path.read_bytes().count(line)
    return {"told": len(told), "written": written} | state(path, told)


def state(path, told):
    left = path.with_name(f"{path.name}.lock").exists()
    # The lock of the last that was killed.
    if left:
        study_at(path)
    return {"lost": lost(path, told), "copies": copies(path)}


if __name__ == "__main__":
    case, folder, number, seed = sys.argv[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        sys.stdout.write(json.dumps(globals()[case](folder, int(number), int(seed))))
