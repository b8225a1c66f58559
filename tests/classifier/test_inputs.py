"""Tables of every kind, and ways to boost."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import average_precision_score

from tests.classifier.models import Data, N, lgbm_model, margins_of, xgb_model


def test_frames_categories_missing_values_and_sparse(make):
    frame = pd.DataFrame(Data.X, columns=list("abcd"))
    frame.loc[::7, "a"] = np.nan
    frame["kind"] = pd.Categorical(np.where(Data.X[:, 0] > 0, "web", "shop"))
    options = {"enable_categorical": True} if make is xgb_model else {}
    model = make(**options).fit(frame, Data.named)
    assert list(model.feature_names_in_) == ["a", "b", "c", "d", "kind"]
    assert average_precision_score(Data.binary, model.predict_proba(frame)[:, 0]) > 0.5
    zeros = np.where(np.abs(Data.X) > 0.5, Data.X, 0.0)
    rows = sparse.csr_matrix(zeros)
    proba = make().fit(rows, Data.named).predict_proba(rows)
    assert average_precision_score(Data.binary, proba[:, 0]) > 0.5
    # Entries that are not there are missing values to XGBoost, zeros to LightGBM.
    dense = np.where(zeros == 0, np.nan, zeros) if make is xgb_model else zeros
    expected = make().fit(dense, Data.named).predict_proba(dense)
    np.testing.assert_allclose(proba, expected, rtol=1e-5)


def test_arrow_tables(make):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({name: Data.X[:, k] for k, name in enumerate("abcd")})
    model = make().fit(table, pa.chunked_array([Data.named.tolist()]))
    expected = make().fit(Data.X, Data.named).predict_proba(Data.X)
    np.testing.assert_allclose(model.predict_proba(table), expected, rtol=1e-6)


def test_polars_frames(make):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: Data.X[:, k] for k, name in enumerate("abcd")})
    model = make().fit(frame, pl.Series(Data.named.tolist()))
    expected = make().fit(Data.X, Data.named).predict_proba(Data.X)
    np.testing.assert_allclose(model.predict_proba(frame), expected, rtol=1e-6)


def test_linear_trees_dart_and_vector_leaves():
    for model in [
        lgbm_model(linear_tree=True),
        lgbm_model(boosting_type="dart"),
        lgbm_model(learning_rate=1.0),
    ]:
        assert (
            average_precision_score(Data.binary, model.fit(Data.X, Data.binary).predict_proba(Data.X)[:, 1])
            > 0.5
        )
    vector = xgb_model(multi_strategy="multi_output_tree").fit(Data.X, Data.multilabel)
    assert average_precision_score(Data.multilabel, vector.predict_proba(Data.X)) > 0.5


def test_margins_given_by_the_user_take_the_place_of_the_intercept():
    offset = np.full(N, 0.3)
    model = xgb_model(n_estimators=1, learning_rate=1e-9).fit(Data.X, Data.named, base_margin=offset)
    np.testing.assert_allclose(margins_of(model, Data.X, base_margin=offset), 0.3, rtol=1e-6)
    expected = model.loss_.posterior_logit(offset)
    np.testing.assert_allclose(model.decision_function(Data.X, base_margin=offset), expected, rtol=1e-5)
    model = lgbm_model(n_estimators=1, learning_rate=1e-9).fit(Data.X, Data.named, init_score=offset)
    np.testing.assert_allclose(margins_of(model, Data.X), 0.0, atol=1e-6)  # LightGBM keeps no scores


def test_a_constant_table_gives_the_base_rate(make):
    """LightGBM's training with a custom objective fails there by itself."""
    X = np.zeros((100, 2))
    y = np.arange(100) < 30
    np.testing.assert_allclose(make().fit(X, y).predict_proba(X)[:, 1], 0.3, rtol=1e-5)
