"""Spark: SparkXGBClassifier hands `obj` on to its workers, though it does not say so."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss

xgb = pytest.importorskip("xgboost")
pytest.importorskip("pyspark", reason="pyspark is not installed: 320 MB")
if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
    pytest.skip("Spark needs Java 17", allow_module_level=True)
from focalboost.xgboost import stored_loss  # noqa: E402  # after the checks

# pyspark compares versions with distutils, calls pandas as it was before 3.0, and leaves the sockets to its
# Java process to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:distutils Version classes are deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*socket.socket:pytest.PytestUnraisableExceptionWarning"),
]
N, COLUMNS = 3_000, ["f0", "f1", "f2", "f3"]
ROUNDS = {"max_depth": 4, "tree_method": "hist"}


class Data:
    """Features of 40 values each, so that workers that see some of the rows find the same bins."""

    rng = np.random.default_rng(5)
    X = rng.integers(0, 40, (N, 4)).astype(np.float64)
    score = (X @ np.array([1.0, -0.7, 0.5, 0.3]) - 22) / 12 + rng.normal(0, 0.7, N)
    frame = pd.DataFrame(X, columns=COLUMNS).assign(
        binary=(score > 1.2).astype(float),
        multiclass=np.digitize(score, [-1.0, 1.0]).astype(float),
        weight=rng.uniform(0.2, 3.0, N),
        valid=rng.random(N) < 0.3,
    )


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    from pyspark.sql import SparkSession

    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.sql.shuffle.partitions": "2",
        "spark.default.parallelism": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    builder = SparkSession.builder.master("local[2]").appName("focalboost")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()
    patch.undo()


@pytest.fixture(scope="module")
def table(spark):
    return spark.createDataFrame(Data.frame.to_dict("records")).cache()


def fit(table, loss, label, **options):
    from xgboost.spark import SparkXGBClassifier

    given = {"obj": loss, "callbacks": [loss.start()], "n_estimators": 10, **ROUNDS, **options}
    return SparkXGBClassifier(features_col=COLUMNS, label_col=label, num_workers=2, **given).fit(table)


def margins(booster):
    return booster.predict(xgb.DMatrix(Data.X, feature_names=booster.feature_names), output_margin=True)


def alone(loss, label, weight=None):
    data = xgb.QuantileDMatrix(Data.X, Data.frame[label], weight=weight)
    return xgb.train({**ROUNDS, "nthread": 1}, data, 10, obj=loss, callbacks=[loss.start()])


@pytest.mark.parametrize(
    ("label", "loss", "weighted"),
    [("binary", BinaryFocalLoss(2.0), True), ("multiclass", MulticlassFocalLoss(2.0), False)],
)
def test_two_workers_train_the_model_of_one_machine(table, label, loss, weighted):
    from pyspark.sql import functions

    # Only the number of rows (or their weight) of each class is needed, not the labels.
    total = functions.sum("weight") if weighted else functions.count("*")
    counts = table.groupBy(label).agg(total.alias("total")).toPandas()
    weight = Data.frame["weight"].to_numpy() if weighted else None
    expected = loss.for_labels(Data.frame[label], weight)
    loss = loss.for_labels(counts[label], counts["total"])
    # Weights count as float32, and so do sums of them.
    assert loss.intercept == pytest.approx(expected.intercept, rel=1e-7)
    model = fit(table, loss, label, **({"weight_col": "weight"} if weighted else {}))
    booster = model.get_booster()
    assert stored_loss(booster).with_shift(None) == loss
    np.testing.assert_allclose(margins(booster), margins(alone(loss, label, weight)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("label", "loss"), [("binary", BinaryFocalLoss(2.0)), ("multiclass", MulticlassFocalLoss(2.0))]
)
def test_the_posterior_is_a_function_of_raw_prediction(table, label, loss):
    """`probability` of Spark is the sigmoid or softmax of the margin; `rawPrediction` has the margins."""
    from pyspark.ml.functions import vector_to_array
    from pyspark.sql import functions

    loss = loss.for_labels(Data.frame[label])
    model = fit(table, loss, label)

    if label == "binary":
        margin = vector_to_array("rawPrediction")[1]

        @functions.pandas_udf("double")
        def posterior(margin: pd.Series) -> pd.Series:
            return pd.Series(loss.posterior(margin))
    else:
        margin = vector_to_array("rawPrediction")

        @functions.pandas_udf("array<double>")
        def posterior(margin: pd.Series) -> pd.Series:
            return pd.Series(list(loss.posterior(np.stack(margin))))

    found = model.transform(table).select(posterior(margin).alias("p")).toPandas()["p"]
    expected = loss.posterior(margins(model.get_booster()))
    np.testing.assert_allclose(np.stack(found), expected, rtol=0, atol=1e-6)


def test_early_stopping_by_the_focal_loss_of_the_validation_rows(table):
    loss = BinaryFocalLoss(2.0).for_labels(Data.frame["binary"][~Data.frame["valid"]])
    model = fit(
        table,
        loss,
        "binary",
        validation_indicator_col="valid",
        custom_metric=loss.metric,
        early_stopping_rounds=3,
        n_estimators=100,
        learning_rate=1.0,
    )
    booster = model.get_booster()
    assert booster.num_boosted_rounds() == booster.best_iteration + 4 < 100
    assert 0.0 < booster.best_score < 1.0


def test_a_model_is_saved_without_the_loss_object(table, tmp_path):
    """Spark writes a model's parameters as JSON, which an objective is not; the booster keeps the loss."""
    from xgboost.spark import SparkXGBClassifierModel

    loss = BinaryFocalLoss(2.0).for_labels(Data.frame["binary"])
    model = fit(table, loss, "binary")
    with pytest.raises(TypeError, match="is not JSON serializable"):
        model.write().overwrite().save(str(tmp_path / "model"))
    model.set(model.getParam("arbitrary_params_dict"), {})
    model.set(model.getParam("callbacks"), None)
    model.write().overwrite().save(str(tmp_path / "model"))
    loaded = SparkXGBClassifierModel.load(str(tmp_path / "model"))
    assert stored_loss(loaded.get_booster()).with_shift(None) == loss
    np.testing.assert_array_equal(margins(loaded.get_booster()), margins(model.get_booster()))


def test_a_closed_door_is_noticed(table):
    """A later XGBoost may not hand `obj` on: training stops after a round and says why."""
    loss = BinaryFocalLoss(2.0).for_labels(Data.frame["binary"])
    with pytest.raises(Exception, match=r"obj must be BinaryFocalLoss.*XGBoost .* does not hand it on"):
        fit(table, loss, "binary", obj=None)
