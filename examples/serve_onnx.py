"""ONNX: train here, score where neither focalboost nor a booster is
=================================================================

Train here, score in ONNX Runtime: the exported model says what predict and predict_proba say.

Trees and the closed form of the probability are in one file. The process that scores it can import neither
focalboost nor a booster; the same file is read from Java, C#, C++ or Triton. Of a classifier that
stopped early the file has the trees up to the best round, which are those of `predict_proba`.

::

    pip install 'focalboost[xgboost-cpu,onnx]' onnxruntime
    python examples/serve_onnx.py [--figure FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from focalboost.datasets import make_transactions
from focalboost.onnx import to_onnx
from focalboost.xgboost import FocalXGBClassifier

SERVER = """
import sys
for name in ("focalboost", "xgboost"):            # not installed on this server
    sys.modules[name] = None
import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1                  # XGBoost's sums to the last bit
session = onnxruntime.InferenceSession("model.onnx", options)
label, probability = session.run(["label", "probabilities"], {"X": np.load("rows.npy")})
np.savez("answer.npz", label=label.astype(str), probability=probability)
"""


def served(exported: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities from another process."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.onnx").write_bytes(exported)
        np.save(Path(folder) / "rows.npy", rows)
        subprocess.run([sys.executable, "-c", SERVER], cwd=folder, check=True)  # noqa: S603  # own code
        answer = np.load(Path(folder) / "answer.npz")
        return answer["label"], answer["probability"]


def main(n_samples: int, n_estimators: int, figure: str | None = None) -> tuple[float, int]:
    """Print both processes' answers; returns the largest relative difference, and the labels that differ."""
    data = make_transactions(n_samples, random_state=0)
    X, y = data.data.astype(np.float32), np.where(data.target == 1, "fraud", "good")
    model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=n_estimators, max_depth=4, n_jobs=1).fit(X, y)
    exported = to_onnx(model).SerializeToString()
    label, there = served(exported, X)

    here, confidence = model.predict_proba(X), 1.0 / (1.0 + np.exp(-model.predict(X, output_margin=True)))
    fraud = list(model.classes_).index("fraud")
    confidence = confidence if fraud == 1 else 1.0 - confidence
    print("P(fraud) of five rows:     raw confidence   ONNX Runtime   predict_proba   label")
    for row in np.argsort(here[:, fraud])[np.linspace(0, len(X) - 1, 5).astype(int)]:
        numbers = f"{confidence[row]:14.4f} {there[row, fraud]:14.6f} {here[row, fraud]:15.6f}"
        print(f"  row {row:<20} {numbers}   {label[row]}")
    difference = float(np.abs(there / here - 1.0).max())
    wrong = int((label != model.predict(X)).sum())
    print(
        f"\nLargest difference, as a share of the probability: {difference:.1e} (1e-7 is float32's rounding)."
    )
    print(f"Labels that differ: {wrong} of {len(X):,}. File: {len(exported) / 1000:.0f} kB.")
    print(
        f"Mean P(fraud): {there[:, fraud].mean():.5f}, rate of fraud: {(y == 'fraud').mean():.5f}. The raw "
        f"confidence, which\nexports without the closed form give, has a mean of {confidence.mean():.5f}."
    )
    if figure is not None:
        draw(here[:, fraud], {"raw confidence": confidence, "ONNX Runtime": there[:, fraud]}, figure)
    return difference, wrong


def draw(here: np.ndarray, served_as: dict[str, np.ndarray], file: str) -> None:
    """What is served over what predict_proba says."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the figure needs it

    fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
    # More of the high ones, of which there are few.
    rows = np.argsort(-here)[np.unique(np.geomspace(1, len(here), 150).astype(int)) - 1]
    for (name, values), marker, color in zip(served_as.items(), "Do", ("#E69F00", "#0072B2"), strict=True):
        ax.plot(here[rows], values[rows], marker, markersize=4, color=color, label=name)
    ax.axline((0, 0), (1, 1), color="0.4", linewidth=1, label="the same as predict_proba")
    ax.set(xscale="log", yscale="log", xlabel="predict_proba here", ylabel="P(fraud) where it is served")
    ax.set_title(
        "ONNX Runtime says what predict_proba says; the raw confidence does not", loc="left", fontsize=11
    )
    ax.legend(frameon=False)
    fig.savefig(file)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=60_000, help="simulated payments (default: 60000)")
    parser.add_argument("--trees", type=int, default=60, help="rounds of boosting (default: 60)")
    parser.add_argument("--figure", metavar="FILE", help="draw it, .png or .svg (needs matplotlib)")
    arguments = parser.parse_args()
    main(arguments.rows, arguments.trees, arguments.figure)
