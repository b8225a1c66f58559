"""benchmarks/gpu.py: checks that NaN does not pass, steps that fail and go on, and what the clock measures.

The script as a whole runs in Numba's simulator: tests/kernels/test_cuda_simulator.py.
"""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from tests.benchmarks.scripts import load

pytest.importorskip("xgboost")
pytest.importorskip("numba_cuda")


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gpu.py"])
        return {name: load(name) for name in ("gpu", "gpu_checks", "gpu_data", "gpu_parts")}


@pytest.fixture
def gpu(scripts, monkeypatch):
    monkeypatch.setattr(scripts["gpu"], "gpu_name", lambda: "none")
    return scripts["gpu"]


# ---------------------------------------------------------------------- checks
@pytest.mark.parametrize(
    ("found", "expected", "right"),
    [
        ([1.0, 0.0], [1.0, 0.0], True),
        ([1.0 + 1e-6, 2.0**-127], [1.0, 0.0], True),
        ([1.0 + 1e-5, 0.0], [1.0, 0.0], False),
        ([np.nan, np.nan], [1.0, 0.0], False),
        ([1.0, np.nan], [1.0, 0.0], False),
        ([np.nan, 0.0], [np.nan, 0.0], False),
        ([np.inf, 0.0], [np.inf, 0.0], False),
        ([1.0], [1.0, 0.0], False),
        ([], [], False),
    ],
)
def test_gradients_that_are_wrong_or_not_finite_do_not_pass(found, expected, right, scripts):
    excess = scripts["gpu_checks"].excess(np.float32(found), np.float32(expected))
    assert (excess <= 1) is right


def test_a_kernel_that_returns_nan_everywhere_fails_the_check(scripts, gpu, monkeypatch):
    checks = scripts["gpu_checks"]

    def on(device, loss):
        def gradient_hessian(y, raw, weight):
            pair = loss.gradient_hessian(y, raw, weight)
            return tuple(np.full_like(array, np.nan) for array in pair) if device == "cuda" else pair

        return SimpleNamespace(gradient_hessian=gradient_hessian)

    monkeypatch.setattr(checks, "on", on)
    with pytest.raises(ArithmeticError, match=r"^gradients: inf, must be <= 1e\+00$"):
        gpu.judge("gradients", checks.check_gradients(50), 1)
    monkeypatch.setattr(checks, "on", lambda device, loss: loss)
    gpu.judge("gradients", checks.check_gradients(50), 1)


def test_no_limit_lets_nan_through(gpu):
    with pytest.raises(ArithmeticError, match="share: nan, must be <= 5e-02"):
        gpu.judge("share", float("nan"), 0.05)


@pytest.mark.parametrize(
    ("found", "share"), [([0.0, 1.0], 0.0), ([0.0, np.nan], 0.5), ([0.0, 1.1], 0.5), ([0.0], 1.0)]
)
def test_margins_that_differ(found, share, scripts):
    assert scripts["gpu_checks"].share_that_differs(found, [0.0, 1.0]) == share
    assert scripts["gpu_checks"].share_that_differs([2.0, 2.0], [2.0, 2.0]) == 1.0, "nothing was learnt"


# ---------------------------------------------------------------------- steps
def test_a_step_that_fails_is_recorded_saved_and_followed(gpu, tmp_path):
    path = tmp_path / "gpu.json"
    run = gpu.Run(path, {"date": "today"}, None)
    saved = []

    def fail():
        saved.append(json.loads(path.read_text()))
        raise MemoryError("5e7 rows")

    run.step("first", lambda: {"first": 1})
    run.step("second", fail)
    run.step("third", lambda: {"third": 3})
    assert saved[0]["first"] == 1, "what is done is on disk before the next begins"
    found = json.loads(path.read_text())
    assert (found["first"], found["third"], found["environment"]) == (1, 3, {"date": "today"})
    assert found["failures"] == {"second": "MemoryError: 5e7 rows"}
    assert [item.name for item in tmp_path.iterdir()] == ["gpu.json"]


def test_a_step_that_needs_more_time_than_is_left_is_left_out(gpu, tmp_path):
    path = tmp_path / "gpu.json"
    run = gpu.Run(path, {}, minutes=1.0)
    run.step("long", lambda: {"long": 1}, needs=61.0)
    run.step("short", lambda: {"short": 1}, needs=1.0)
    found = json.loads(path.read_text())
    assert found["left_out"] == ["long"]
    assert found["short"] == 1
    assert "long" not in found


def test_a_killed_save_leaves_the_results_of_before(gpu, tmp_path, monkeypatch):
    path = tmp_path / "gpu.json"
    run = gpu.Run(path, {}, None)
    run.step("first", lambda: {"first": 1})

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "replace", killed)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        run.step("second", lambda: {"second": 2})
    assert json.loads(path.read_text())["first"] == 1


def test_rounds_end_with_the_time_but_one_is_measured(gpu, monkeypatch):
    monkeypatch.setattr(gpu, "timed", lambda function: function() or 0.1)
    entries = {name: (name, None) for name in (gpu.BUILT_IN, gpu.DEVICE)}
    rounds = []
    booster = SimpleNamespace(update=lambda data, i, fobj: rounds.append((i, fobj)))
    task = SimpleNamespace(entries=lambda skip: entries, booster=lambda depth, loss: booster, data=None)
    times = gpu.round_times(task, 6, 20, (), lambda: 0.0)
    assert {name: len(values) for name, values in times.items()} == {gpu.BUILT_IN: 1, gpu.DEVICE: 1}
    assert [i for i, _ in rounds] == [0, 0, 1, 1]
    assert [len(values) for values in gpu.round_times(task, 6, 3, (), lambda: 1.0).values()] == [3, 3]


@pytest.mark.parametrize("skip", [[], ["bandwidth"]])
def test_tables_go_from_few_rows_to_many_past_what_fails(skip, gpu, monkeypatch):
    asked = []

    def make(n, n_classes, xp, simulated):
        if (n, n_classes) == (20, 5):
            raise MemoryError("20 rows")
        return SimpleNamespace(n=n, n_classes=n_classes)

    def table(task, depth, rounds, rates, *_):
        asked.append((task.n, task.n_classes, depth, rates.get("share")))
        return {f"{task.n}, {task.n_classes}, {depth}": {}}

    def rate(task, repeats):
        title = "binary" if task.n_classes == 2 else "K = 5"
        return {f"{title}, {task.n} rows, bandwidth": {"share": 0.5}}

    for name, function in (("Task", make), ("table", table), ("rate", rate)):
        monkeypatch.setattr(gpu, name, function)
    run = gpu.Run(None, {}, None)
    arguments = SimpleNamespace(rows=[20, 10], depths=[6, 10], rounds=2, skip=skip)
    gpu.measure(run, arguments, np)
    share = None if skip else 0.5
    sizes = [(10, 2), (10, 5), (20, 2)]
    assert asked == [(n, n_classes, depth, share) for n, n_classes in sizes for depth in (6, 10)]
    assert run.results["failures"] == {"K = 5, 20 rows": "MemoryError: 20 rows"}


# ---------------------------------------------------------------------- data and objectives
@pytest.mark.parametrize(("n_classes", "shares"), [(2, [0.97, 0.03]), (5, [0.47, 0.28, 0.13, 0.08, 0.04])])
def test_the_table_has_the_classes_that_are_named(n_classes, shares, scripts):
    X, y = scripts["gpu_data"].make_data(20_000, n_classes, np)
    assert (X.shape, X.dtype, y.dtype) == ((20_000, 30), np.float32, np.float32)
    np.testing.assert_allclose(np.bincount(y.astype(int)) / len(y), shares, atol=1e-3)
    assert np.corrcoef(X[:, 0], y)[0, 1] > 0.1


@pytest.mark.parametrize("works", [True, False])
def test_a_cupy_that_does_not_work_is_said_and_done_without(works, scripts, monkeypatch, capsys):
    data = scripts["gpu_data"]

    def ones(n):
        if not works:
            raise RuntimeError("CUDA 12 wanted")
        return np.ones(n)

    cupy = SimpleNamespace(ones=ones)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(data.importlib.util, "find_spec", lambda name: name)
    assert data.array_module() is (cupy if works else np)
    said = "without CuPy, which does not work here: RuntimeError: CUDA 12 wanted" in capsys.readouterr().out
    assert said is not works


def test_what_is_skipped_has_no_booster(scripts):
    task = scripts["gpu_data"].Task(200, 2, np, simulated=True)
    everything, less = set(task.entries()), set(task.entries(("cpu", "numpy")))
    assert everything - less == {"gamma 2, CPU kernel", "gamma 2, NumPy"}
    assert less == {"built-in", "gamma 0, device", "gamma 0, precomputed", "gamma 2, device"}


# ---------------------------------------------------------------------- the clock
class Device:
    """Stands for Numba's CUDA: notes what is put on the stream, in the order."""

    def __init__(self, copy_seconds):
        self.said, self.seconds = [], copy_seconds

    def stream(self):
        return "stream"

    def synchronize(self):
        pass

    def event(self):
        return SimpleNamespace(
            record=lambda stream: self.said.append("event"),
            synchronize=lambda: None,
            elapsed_time=lambda last: 1e3 * self.seconds,
        )

    def device_array(self, shape, dtype):
        return SimpleNamespace(copy_to_device=lambda source, stream: self.said.append("copy"))


def test_the_device_is_busy_for_longer_than_a_launch_takes(scripts, monkeypatch):
    parts = scripts["gpu_parts"]
    device = Device(copy_seconds=3e-4)
    monkeypatch.setattr(parts, "cuda", device)
    fill = parts.filler()
    device.said.clear()
    parts.elapsed(lambda stream: device.said.append("kernel"), 1, fill)
    copies = 7  # of .3 ms, more than 2 ms
    assert device.said == 2 * [*["copy"] * copies, "event", "kernel", "event"]


def test_the_floor_is_a_round_without_its_objective(scripts, monkeypatch):
    parts = scripts["gpu_parts"]
    clock = iter([0.0, 1.0, 5.0, 7.0])  # the round begins, the objective begins, it ends, the round ends
    monkeypatch.setattr(parts, "cuda", Device(0.0))
    monkeypatch.setattr(parts.time, "perf_counter", lambda: next(clock))
    taken = parts.timed_without(lambda fobj: fobj("margins", "data"), lambda margins, data: None)
    assert taken == 3.0
