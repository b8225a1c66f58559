"""Which tool gives what of a focal model: the margin, the confidence or the posterior, and how far off.

    python benchmarks/serving_tools.py [--out FILE] [--tools treelite lleaves]

Each cell (tool, booster, task) runs in a process of its own and becomes a row of the table, an error too.
Rows that are there are kept, and tools that are not installed are left out, so that several environments can
fill one table: lleaves 1.3 needs llvmlite below 0.45, TL2cgen 1.0 for LightGBM NumPy below 2. `--tools` runs
those again.

Models: 15 trees, gamma 2, class weights frequency^-1/2, 1,500 rows. XGBoost4J is that of h2o's h2o.jar.
"""

# ruff: noqa: PLC0415  # each tool is imported in the process that tries it
# mypy: disable-error-code="import-untyped, import-not-found"

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from serving_models import BOOSTERS, TASKS, Array, Model, prepare

RESULTS = Path(__file__).parent / "results" / "serving_tools.csv"
COLUMNS = (
    *("tool", "booster", "task", "versions", "gives", "off_by_itself", "labels_differ"),
    *("off_with_formula", "odds_off", "error"),
)


# ---------------------------------------------------------------------- tools
# Each gives ("margin", "confidence" or "posterior", an array), of class 1 or a column per class or label.
def plain_booster(model: Model) -> tuple[str, Array]:
    if model.booster == "xgboost":
        import xgboost

        return "margin", model.load().predict(xgboost.DMatrix(model.rows), output_margin=True)
    return "margin", model.load().predict(model.rows, raw_score=True)


def plain_classifier(model: Model) -> tuple[str, Array]:
    import xgboost

    classifier = xgboost.XGBClassifier()
    classifier.load_model(model.path)
    return "confidence", _of_class_1(model, classifier.predict_proba(model.rows))


def treelite_gtil(model: Model) -> tuple[str, Array]:
    import treelite

    return "margin", treelite.gtil.predict(_treelite(model), model.rows, pred_margin=True)


def _treelite(model: Model) -> Any:
    from treelite import frontend

    load = frontend.load_xgboost_model if model.booster == "xgboost" else frontend.load_lightgbm_model
    return load(model.path)


def tl2cgen_library(model: Model) -> tuple[str, Array]:
    import tl2cgen

    library = model.folder / f"{model.booster}_{model.task}.so"
    tl2cgen.export_lib(_treelite(model), toolchain="gcc", libpath=library)
    rows = tl2cgen.DMatrix(model.rows, dtype="float32" if model.booster == "xgboost" else "float64")
    return "margin", tl2cgen.Predictor(str(library)).predict(rows, pred_margin=True)


def lleaves_model(model: Model) -> tuple[str, Array]:
    import lleaves

    compiled = lleaves.Model(model_file=model.path)
    compiled.compile(raw_score=True)
    return "margin", compiled.predict(model.rows.astype(float))


def m2cgen_code(model: Model) -> tuple[str, Array]:
    import m2cgen

    classifier = _plain_shell(model)
    if model.booster == "xgboost":
        # It takes base_score for one number, which XGBoost 3.1 made a list: left out, and added afterwards.
        classifier.base_score, classifier.num_parallel_tree = 0.0, 1
    namespace: dict[str, Any] = {}
    exec(m2cgen.export_to_python(classifier), namespace)
    # Its thresholds are the shortest decimals of float32: rows on one (34 of 1,500) must be written so, too.
    rows = [[float(str(value)) for value in row] for row in model.rows]
    confidence = np.array([namespace["score"](row) for row in rows])
    return "margin", _margin(model, _of_class_1(model, confidence))


def daal4py_model(model: Model) -> tuple[str, Array]:
    import daal4py

    return "confidence", _of_class_1(model, daal4py.mb.convert_model(model.load()).predict_proba(model.rows))


def jpmml(model: Model) -> tuple[str, Array]:
    from sklearn2pmml import PMMLPipeline

    pipeline = PMMLPipeline([("classifier", _plain_shell(model))])
    return "confidence", _of_class_1(model, _evaluate(model, pipeline).to_numpy(float)[:, 1:])


def jpmml_with_formula(model: Model) -> tuple[str, Array]:
    from sklearn2pmml import PMMLPipeline
    from sklearn2pmml.decoration import Alias
    from sklearn2pmml.preprocessing import ExpressionTransformer

    loss = model.loss()
    (gamma_0, gamma_1), shift = loss.gamma, np.log(loss.alpha[0] / loss.alpha[1]) + loss.logit_shift

    def phi(p: str, q: str, gamma: float) -> str:
        return f"({q} ** {gamma} - {gamma} * {p} * {q} ** ({gamma} - 1.0) * numpy.log({p}))"

    odds = f"{phi('X[0]', 'X[1]', gamma_0)} / {phi('X[1]', 'X[0]', gamma_1)} * X[1] / X[0]"
    posterior = ExpressionTransformer(f"1.0 / (1.0 + numpy.exp({-shift}) / ({odds}))")
    pipeline = PMMLPipeline(
        [("classifier", _plain_shell(model))],
        predict_proba_transformer=Alias(posterior, "posterior", prefit=True),
    )
    return "posterior", _evaluate(model, pipeline)["posterior"].to_numpy(float)


def _evaluate(model: Model, pipeline: Any) -> Any:
    import pandas as pd
    from jpmml_evaluator import make_evaluator
    from sklearn2pmml import sklearn2pmml

    names = [f"x{column}" for column in range(model.rows.shape[1])]
    pipeline.active_fields, pipeline.target_fields = np.array(names), np.array(["y"])
    path = str(model.folder / f"{model.booster}_{model.task}.pmml")
    sklearn2pmml(pipeline, path)
    return make_evaluator(path).verify().evaluateAll(pd.DataFrame(model.rows, columns=names))


XGBOOST4J = """
import ai.h2o.xgboost4j.java.*;
import java.nio.file.*;
import java.util.*;

public class Margins {
    public static void main(String[] args) throws Exception {
        List<String> lines = Files.readAllLines(Path.of(args[1]));
        int n = lines.size(), columns = lines.get(0).split(",").length;
        float[] x = new float[n * columns];
        for (int i = 0; i < n; i++) {
            String[] row = lines.get(i).split(",");
            for (int j = 0; j < columns; j++) x[i * columns + j] = Float.parseFloat(row[j]);
        }
        float[][] margins = XGBoost.loadModel(args[0]).predict(new DMatrix(x, n, columns, Float.NaN), true);
        StringBuilder text = new StringBuilder();
        for (float[] row : margins) {
            for (int j = 0; j < row.length; j++) text.append(j > 0 ? "," : "").append(row[j]);
            text.append("\\n");
        }
        Files.writeString(Path.of(args[2]), text.toString());
    }
}
"""


def xgboost4j(model: Model) -> tuple[str, Array]:
    import h2o

    jar = Path(str(h2o.__file__)).parent / "backend" / "bin" / "h2o.jar"
    source, out = model.folder / "Margins.java", model.folder / f"{model.task}.csv"
    source.write_text(XGBOOST4J, encoding="utf-8")
    command = ["java", "-cp", str(jar), str(source), model.path, str(model.folder / "X.csv"), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return "margin", np.loadtxt(out, delimiter=",")


def onnxmltools_plain(model: Model) -> tuple[str, Array]:
    import onnxmltools
    import onnxruntime
    from onnxmltools.convert.common.data_types import FloatTensorType

    convert = getattr(onnxmltools, f"convert_{model.booster}")
    types = [("X", FloatTensorType([None, model.rows.shape[1]]))]
    options = {} if model.booster == "xgboost" else {"zipmap": False}
    text = convert(model.load(), initial_types=types, **options).SerializeToString()
    outputs = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"]).run(
        None, {"X": model.rows}
    )
    return "confidence", _of_class_1(model, np.asarray(outputs[1]))


def focalboost_onnx(model: Model) -> tuple[str, Array]:
    import onnxruntime

    from focalboost.onnx import to_onnx

    text = to_onnx(model.fitted()).SerializeToString()
    session = onnxruntime.InferenceSession(text, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    # LightGBM compares in float64.
    rows = model.rows.astype(float if entry.type == "tensor(double)" else np.float32)
    (probabilities,) = session.run(["probabilities"], {entry.name: rows})
    return "posterior", _of_class_1(model, np.asarray(probabilities))


def joblib_file(model: Model) -> tuple[str, Array]:
    return "posterior", _of_class_1(model, model.fitted().predict_proba(model.rows))


def skops_file(model: Model) -> tuple[str, Array]:
    from skops import io

    from focalboost import SKOPS_TRUSTED_TYPES

    loaded = io.loads(io.dumps(model.fitted()), trusted=SKOPS_TRUSTED_TYPES)
    return "posterior", _of_class_1(model, loaded.predict_proba(model.rows))


def mlflow_pyfunc(model: Model) -> tuple[str, Array]:
    import mlflow

    from focalboost import SKOPS_TRUSTED_TYPES

    path = str(model.folder / f"mlflow_{model.booster}_{model.task}")
    mlflow.sklearn.save_model(
        model.fitted(), path, pyfunc_predict_fn="predict_proba", skops_trusted_types=list(SKOPS_TRUSTED_TYPES)
    )
    return "posterior", _of_class_1(model, mlflow.pyfunc.load_model(path).predict(model.rows))


def _plain_shell(model: Model) -> Any:
    """The booster in the plain classifier that a converter knows."""
    n_classes = 2 if model.task == "binary" else 3
    if model.booster == "xgboost":
        import xgboost

        classifier = xgboost.XGBClassifier()
        classifier.load_model(model.path)
        classifier.objective = "multi:softprob" if model.task == "multiclass" else "binary:logistic"
        return classifier
    import lightgbm
    from sklearn.preprocessing import LabelEncoder

    # LightGBM has no public way from a Booster to a classifier.
    classifier = lightgbm.LGBMClassifier()
    classifier._Booster, classifier._n_classes, classifier._classes = (
        model.load(),
        n_classes,
        np.arange(n_classes),
    )
    classifier._le, classifier.fitted_ = LabelEncoder().fit(np.arange(n_classes)), True
    classifier._n_features = classifier._n_features_in = model.rows.shape[1]
    classifier._objective = "binary" if model.task == "binary" else "multiclass"
    return classifier


def _of_class_1(model: Model, probabilities: Array) -> Array:
    return probabilities[:, 1] if model.task == "binary" and probabilities.ndim == 2 else probabilities


def _margin(model: Model, confidence: Array) -> Array:
    """From the confidence; of several classes but for a constant, which does not count."""
    if model.task == "multiclass":
        return np.asarray(np.log(confidence))
    return np.asarray(np.log(confidence) - np.log1p(-confidence))


# Name, package that must be there, boosters, function.
TOOLS: tuple[tuple[str, str, tuple[str, ...], Callable[[Model], tuple[str, Array]]], ...] = (
    ("Booster of the model file", "numpy", BOOSTERS, plain_booster),
    ("XGBClassifier.load_model", "xgboost", ("xgboost",), plain_classifier),
    ("joblib", "joblib", BOOSTERS, joblib_file),
    ("skops", "skops", BOOSTERS, skops_file),
    ("mlflow pyfunc", "mlflow", BOOSTERS, mlflow_pyfunc),
    ("focalboost.onnx, ONNX Runtime", "onnxruntime", BOOSTERS, focalboost_onnx),
    ("onnxmltools, ONNX Runtime", "onnxmltools", BOOSTERS, onnxmltools_plain),
    ("treelite", "treelite", BOOSTERS, treelite_gtil),
    ("TL2cgen", "tl2cgen", BOOSTERS, tl2cgen_library),
    ("lleaves", "lleaves", ("lightgbm",), lleaves_model),
    ("m2cgen", "m2cgen", BOOSTERS, m2cgen_code),
    ("daal4py", "daal4py", BOOSTERS, daal4py_model),
    ("JPMML", "jpmml_evaluator", BOOSTERS, jpmml),
    ("JPMML with the formula", "jpmml_evaluator", BOOSTERS, jpmml_with_formula),
    ("XGBoost4J", "h2o", ("xgboost",), xgboost4j),
)
# Tried for one task only; leave out the intercept of XGBoost 3.1 and later, which the stored loss has.
ONLY = {"JPMML with the formula": ("binary",)}
WITHOUT_INTERCEPT = {"m2cgen", "XGBoost4J"}
VERSIONS = {"jpmml_evaluator": ("sklearn2pmml",), "tl2cgen": ("treelite", "numpy"), "lleaves": ("llvmlite",)}


# ---------------------------------------------------------------------- the table
def cell(name: str, model: Model) -> dict[str, Any]:
    """What a tool gives, beside predict_proba."""
    ((package, function),) = ((tool[1], tool[3]) for tool in TOOLS if tool[0] == name)
    row: dict[str, Any] = {"tool": name, "booster": model.booster, "task": model.task}
    row["versions"] = _versions(package, model.booster)
    wanted = model.probability
    try:
        gives, values = function(model)
        values = np.asarray(values, float).reshape(wanted.shape)
    except BaseException as error:  # noqa: BLE001  # whatever a tool says is its row
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return {**row, "error": text if len(text) <= 200 else f"{text[:197]}..."}
    by_itself = values
    if gives == "margin":
        by_itself = softmax(values, axis=1) if model.task == "multiclass" else expit(values)
    row |= {"gives": gives, "off_by_itself": f"{np.abs(by_itself - wanted).max():.1e}"}
    row["labels_differ"] = f"{(_labels(model, by_itself) != _labels(model, wanted)).mean():.3f}"
    if gives != "posterior":
        margins = values if gives == "margin" else _margin(model, values)
        if name in WITHOUT_INTERCEPT and model.booster == "xgboost":
            margins = margins + np.array(json.loads(model.load().attr("focalboost"))["intercept"])
        found = model.loss().posterior(margins)
        row["off_with_formula"] = f"{np.abs(found - wanted).max():.1e}"
        row["odds_off"] = f"{np.abs(found / wanted * (1 - wanted) / (1 - found) - 1).max():.1e}"
    return row


def _labels(model: Model, probability: Array) -> Array:
    return np.asarray(probability.argmax(axis=1) if model.task == "multiclass" else probability > 0.5)


def _versions(package: str, booster: str) -> str:
    names = dict.fromkeys([package, *VERSIONS.get(package, ()), booster])
    found = packages_distributions()
    return ", ".join(f"{name} {version(found[name][0])}" for name in names if name in found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument(
        "--tools", nargs="*", default=[], help="tools to run again, by the names in the table"
    )
    parser.add_argument(
        "--cell", nargs=4, metavar=("TOOL", "BOOSTER", "TASK", "FOLDER"), help=argparse.SUPPRESS
    )
    args = parser.parse_args()
    if args.cell:
        name, booster, task, folder = args.cell
        print("\n" + json.dumps(cell(name, Model(Path(folder), booster, task))))
        return
    rows = {}
    if args.out.exists():
        with args.out.open(encoding="utf-8") as lines:
            rows = {(row["tool"], row["booster"], row["task"]): row for row in csv.DictReader(lines)}
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name, package, boosters, _ in TOOLS:
            if importlib.util.find_spec(package) is None:
                print(f"{name}: left out, {package} is not installed")
                continue
            for key in ((name, booster, task) for booster in boosters for task in TASKS):
                if key[2] not in ONLY.get(name, TASKS) or (key in rows and name not in args.tools):
                    continue
                command = [sys.executable, "-W", "ignore", __file__, "--cell", *key, folder]
                done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
                last = done.stdout.rstrip().rpartition("\n")[2] if done.stdout else ""
                ended = {
                    **dict(zip(COLUMNS, key, strict=False)),
                    "error": f"the process ended with {done.returncode}",
                }
                rows[key] = json.loads(last) if last.startswith("{") else ended
                print({column: rows[key].get(column, "") for column in COLUMNS if rows[key].get(column)})
                _write(args.out, rows)


def _write(path: Path, rows: dict[Any, Any]) -> None:
    order = [
        (name, booster, task) for name, _, boosters, _ in TOOLS for booster in boosters for task in TASKS
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows[key] for key in order if key in rows)


if __name__ == "__main__":
    main()
