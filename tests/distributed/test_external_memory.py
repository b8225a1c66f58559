"""External memory: data that does not fit trains the model that it trains where it fits.

Run as a script, this file is the process that trains, with a cap on its memory.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

xgb = pytest.importorskip("xgboost")

ROWS, FEATURES, BATCHES = 300_000, 80, 20
MEGABYTES = ROWS * FEATURES * 4 // 2**20  # 91 of float32 features
CAP = 75  # megabytes that the data and the training may take, on top of the imported libraries
BINS = 64


class Batches(xgb.DataIter):
    """Each batch is made when it is asked for; its features have 64 values, a bin for each."""

    def __init__(self, folder, n_classes=2, weighted=False, rows=ROWS, features=FEATURES):
        super().__init__(cache_prefix=None if folder is None else str(Path(folder) / "cache"))
        rng = np.random.default_rng(0)
        n = rows // BATCHES
        self.X, self.noise = rng.integers(0, BINS, (n, features), dtype=np.uint8), rng.normal(0, 20, n)
        self.n_classes, self.weighted, self.at = n_classes, weighted, 0

    def batch(self, i):
        X = ((self.X + np.uint8(i)) % BINS).astype(np.float32)
        score = X[:, 0] + X[:, 1] - X[:, 2] + self.noise
        return X, np.digitize(score, [90.0, 60.0, 30.0][: self.n_classes - 1][::-1]).astype(np.float32)

    def next(self, input_data):
        if self.at == BATCHES:
            return False
        X, y = self.batch(self.at)
        input_data(data=X, label=y, weight=1 + y + self.at / BATCHES if self.weighted else None)
        self.at += 1
        return True

    def reset(self):
        self.at = 0


def train(data, loss, rounds=5):
    weight = data.get_weight()
    loss = loss.for_labels(data.get_label(), weight if weight.size else None)
    params = {"max_depth": 5, "max_bin": BINS, "nthread": 1}
    return xgb.train(params, data, rounds, obj=loss, callbacks=[loss.start()])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [BinaryFocalLoss(2.0, "balanced"), MulticlassFocalLoss(2.0)])
def test_external_memory_trains_the_model_of_memory(loss, weighted, tmp_path):
    n_classes = 2 if isinstance(loss, BinaryFocalLoss) else 4
    cached, plain = (
        Batches(folder, n_classes, weighted, rows=20_000, features=6) for folder in (tmp_path, None)
    )
    external = train(xgb.ExtMemQuantileDMatrix(cached, max_bin=BINS, nthread=1), loss)
    memory = train(xgb.QuantileDMatrix(plain, max_bin=BINS, nthread=1), loss)
    X, _ = plain.batch(7)
    margins = [booster.inplace_predict(X, predict_type="margin") for booster in (external, memory)]
    np.testing.assert_allclose(*margins, rtol=0, atol=1e-5)


# ---------------------------------------------------------------------- a cap on memory
def allocated():
    """Megabytes of memory that is the process's own, not a file's: what RLIMIT_DATA limits."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmData" in line]
    return int(line.split()[1]) // 1024


def in_memory(batches):
    X, y = (np.concatenate(part) for part in zip(*map(batches.batch, range(BATCHES)), strict=True))
    return xgb.QuantileDMatrix(X, y, max_bin=BINS, nthread=1)


def some_margins(data, batches):
    booster = train(data, BinaryFocalLoss(2.0))
    return booster.inplace_predict(batches.batch(3)[0][:1000], predict_type="margin")


def child(folder, where):
    import resource

    BinaryFocalLoss().gradient_hessian([0, 1], np.zeros(2, np.float32))  # the kernel is loaded
    batches = Batches(folder)
    limit = (allocated() + CAP) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        external = where == "external"
        data = xgb.ExtMemQuantileDMatrix(batches, max_bin=BINS, nthread=1) if external else in_memory(batches)
        found = some_margins(data, batches).astype(float).tolist()
    except (MemoryError, xgb.core.XGBoostError) as error:
        found = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(found))


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA limits allocations on Linux only")
def test_data_larger_than_the_cap_on_memory_train_within_it(tmp_path):
    assert MEGABYTES > CAP
    found = {}
    for where in ("external", "memory"):
        command = [sys.executable, __file__, str(tmp_path), where]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stderr
        found[where] = json.loads(result.stdout)
    # The cap is one: in memory the same data do not fit.
    assert "MemoryError" in found["memory"] or "bad_alloc" in found["memory"]
    batches = Batches(None)
    np.testing.assert_allclose(
        found["external"], some_margins(in_memory(batches), batches), rtol=0, atol=1e-5
    )


if __name__ == "__main__":
    child(sys.argv[1], sys.argv[2])
