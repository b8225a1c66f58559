"""MLflow's autologging: the focal parameters are noted, and the logged model is the trained one."""

import warnings

import numpy as np
import pytest

mlflow = pytest.importorskip("mlflow")
from tests.classifier.models import Data, xgb_model  # noqa: E402  # skips without the boosters

# MLflow warns of its own names and of what it finds in the environment.
pytestmark = pytest.mark.filterwarnings("ignore")
FOCAL = {
    "focal_gamma": 1.5,
    "focal_alpha": (1.0, 3.0),
    "focal_hessian": "reweighted",
    "focal_label_smoothing": 0.01,
}


@pytest.fixture
def autologged(tmp_path, monkeypatch):
    """What `fit` of a model logs: its parameters and metrics, and the address of the logged model."""
    monkeypatch.chdir(tmp_path)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = mlflow.create_experiment("focal", (tmp_path / "artifacts").as_uri())
    mlflow.xgboost.autolog(silent=True)

    def run(model, X, y, **fit):
        with mlflow.start_run(experiment_id=experiment) as active:
            model.fit(X, y, **fit)
        data = mlflow.get_run(active.info.run_id).data
        return data.params, data.metrics, f"runs:/{active.info.run_id}/model"

    yield run
    mlflow.xgboost.autolog(disable=True, silent=True)
    mlflow.set_tracking_uri(before)


def test_the_focal_parameters_are_logged(autologged):
    model = xgb_model(**FOCAL, max_depth=2, n_estimators=7)
    params, metrics, _ = autologged(model, Data.X, Data.named, eval_set=[(Data.X, Data.named)], verbose=False)
    assert {name: params.get(name) for name in FOCAL} == {name: str(value) for name, value in FOCAL.items()}
    assert params["focal_probability"] == "posterior"
    assert params["focal_alpha_power"] == "None"
    assert params["max_depth"] == "2"
    assert params["num_boost_round"] == "7"
    expected = model.evals_result()["validation_0"]["focal_loss"][-1]
    assert metrics["validation_0-focal_loss"] == pytest.approx(expected)


@pytest.mark.parametrize("task", ["named", "multiclass", "multilabel"])
def test_the_logged_model_predicts_the_same(autologged, task):
    y = getattr(Data, task)
    model = xgb_model(focal_gamma=1.5, focal_alpha="balanced")
    _, _, address = autologged(model, Data.X, y)
    loaded = mlflow.xgboost.load_model(address)
    assert type(loaded) is type(model)
    assert loaded.get_params()["focal_gamma"] == 1.5
    assert loaded.get_params()["objective"] is None
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), model.predict_proba(Data.X))
    served = mlflow.pyfunc.load_model(address)
    np.testing.assert_array_equal(served.predict(Data.X), model.predict(Data.X))
    # What was loaded can be trained again; XGBoost's files keep none of its own parameters.
    again = loaded.set_params(n_estimators=15, max_depth=3, n_jobs=1).fit(Data.X, y)
    np.testing.assert_array_equal(again.predict_proba(Data.X), model.predict_proba(Data.X))


def test_logging_changes_no_model(autologged):
    logged, alone = xgb_model(**FOCAL), xgb_model(**FOCAL)
    autologged(logged, Data.X, Data.named)
    mlflow.xgboost.autolog(disable=True, silent=True)
    alone.fit(Data.X, Data.named)
    np.testing.assert_array_equal(logged.predict_proba(Data.X), alone.predict_proba(Data.X))
    assert logged.get_params() == alone.get_params()


def test_no_warning_of_parameters_that_are_only_noted(autologged):
    """Nor without autologging, where MLflow is imported for something else."""
    for logging in (True, False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = xgb_model(**FOCAL)
            if logging:
                autologged(model, Data.X, Data.named)
            else:
                mlflow.xgboost.autolog(disable=True, silent=True)
                model.fit(Data.X, Data.named)
            model.fit(Data.X, Data.named, xgb_model=xgb_model(**FOCAL).fit(Data.X, Data.named))
        assert not [str(one.message) for one in caught if "not used" in str(one.message)]


def test_an_unknown_parameter_is_refused_under_logging_too(autologged):
    with pytest.raises(ValueError, match=r"^max_dept == 3 is no parameter of XGBClassifier"):
        autologged(xgb_model(max_dept=3), Data.X, Data.named)
