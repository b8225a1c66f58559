"""skops and joblib: a fitted classifier comes back with what SKOPS_TRUSTED_TYPES names, and nothing else."""

import io
import subprocess
import sys

import joblib
import numpy as np
import pytest

import focalboost

skops_io = pytest.importorskip("skops.io")
from tests.classifier.models import MAKERS, Data, margins_of, quiet  # noqa: E402  # skips without the boosters

TASKS = ["binary", "named", "multiclass", "multilabel"]


@pytest.fixture(scope="module")
def fitted():
    """Every booster with every kind of labels."""
    models = {}
    for booster, maker in MAKERS.items():
        for task in TASKS:
            model = maker(focal_gamma=1.5, focal_alpha="balanced", n_estimators=3)
            models[booster, task] = model.fit(Data.X, getattr(Data, task), **quiet(model))
    return models


def check_same(loaded, model):
    assert type(loaded) is type(model)
    assert loaded.loss_ == model.loss_
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    np.testing.assert_array_equal(margins_of(loaded, Data.X), margins_of(model, Data.X))
    np.testing.assert_array_equal(loaded.predict_proba(Data.X), model.predict_proba(Data.X))
    np.testing.assert_array_equal(loaded.predict(Data.X), model.predict(Data.X))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_a_file_of_skops_loads_with_the_trusted_types(fitted, booster, task):
    model = fitted[booster, task]
    data = skops_io.dumps(model)
    check_same(skops_io.loads(data, trusted=focalboost.SKOPS_TRUSTED_TYPES), model)
    with pytest.raises(skops_io.exceptions.UntrustedTypesFoundException, match=type(model).__name__):
        skops_io.loads(data)


def test_each_trusted_type_is_needed(fitted):
    """And no other: trust is not given for nothing."""
    asked = {
        name for model in fitted.values() for name in skops_io.get_untrusted_types(data=skops_io.dumps(model))
    }
    assert asked == set(focalboost.SKOPS_TRUSTED_TYPES)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("booster", MAKERS)
def test_joblib(fitted, booster, task):
    file = io.BytesIO()
    joblib.dump(fitted[booster, task], file)
    file.seek(0)
    check_same(joblib.load(file), fitted[booster, task])


def test_the_names_cost_no_booster():
    names = "{'xgboost', 'lightgbm'}"
    code = f"import sys, focalboost as f; f.SKOPS_TRUSTED_TYPES; print({names} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
