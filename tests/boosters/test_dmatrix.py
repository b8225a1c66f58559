"""Labels and weights of a DMatrix are read without a copy, and are always those that it has now."""

import gc
import threading

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._boosters import dmatrix
from focalboost._boosters.dmatrix import labels_and_weights
from focalboost.xgboost import train
from tests.distributed.test_external_memory import Batches
from tests.xgboost.training import Data, xgb

RAW = np.zeros(len(Data.binary), np.float32)
PARAMS = {"max_depth": 3, "nthread": 1}


def address(array):
    return array.__array_interface__["data"][0]


def matrix(y=Data.binary, **named):
    return xgb.DMatrix(Data.X, y, nthread=1, **named)


# ---------------------------------------------------------------------- what is read
@pytest.mark.parametrize("make", [xgb.DMatrix, xgb.QuantileDMatrix], ids=lambda cls: cls.__name__)
def test_labels_and_weights_are_xgboosts_own_memory(make):
    data = make(Data.X, Data.binary, weight=Data.weight, nthread=1)
    labels, weights = labels_and_weights(data, RAW)
    np.testing.assert_array_equal(labels, data.get_label())
    np.testing.assert_array_equal(weights, data.get_weight())
    again = labels_and_weights(data, RAW)
    # A copy of the second call would lie elsewhere than that of the first, which is still there.
    assert [address(array) for array in again] == [address(labels), address(weights)]
    assert labels.dtype == weights.dtype == np.float32
    # Numba compiles for read-only arrays anew.
    assert labels.flags.writeable
    assert labels_and_weights(matrix(), RAW)[1] is None


def test_rows_of_a_slice_and_of_external_memory_are_the_rows_of_these(tmp_path):
    part = matrix(weight=Data.weight).slice(np.arange(7, 90))
    labels, weights = labels_and_weights(part, RAW[:83])
    np.testing.assert_array_equal(labels, Data.binary[7:90])
    np.testing.assert_array_equal(weights, Data.weight[7:90].astype(np.float32))
    batches = Batches(tmp_path, weighted=True, rows=2000, features=3)
    outside = xgb.DMatrix(batches, nthread=1)
    labels, weights = labels_and_weights(outside, np.zeros(2000, np.float32))
    parts = [batches.batch(i)[1] for i in range(20)]
    np.testing.assert_array_equal(labels, np.concatenate(parts))
    np.testing.assert_array_equal(weights, outside.get_weight())


def test_an_array_keeps_its_matrix_alive():
    data = matrix()
    labels, _ = labels_and_weights(data, RAW)
    view = labels[5:]
    del data, labels
    gc.collect()
    np.testing.assert_array_equal(view, Data.binary[5:])


def test_multilabel_and_multiclass_labels_have_the_shape_of_the_loss():
    loss, raw = MultilabelFocalLoss(2.0), np.zeros(Data.multilabel.shape, np.float32)
    for found, own in zip(
        loss(raw, matrix(Data.multilabel)), loss.gradient_hessian(Data.multilabel, raw), strict=True
    ):
        np.testing.assert_array_equal(found, own)
    many, raw = MulticlassFocalLoss(2.0), np.zeros((len(RAW), 4), np.float32)
    own = many.gradient_hessian(Data.multiclass, raw)
    np.testing.assert_array_equal(many(raw, matrix(Data.multiclass))[0], own[0])


# ---------------------------------------------------------------------- what XGBoost is asked for
@pytest.mark.parametrize("why", ["no such name", "an error"])
def test_what_a_version_does_not_have_is_copied(why, monkeypatch):
    if why == "an error":
        monkeypatch.setattr(dmatrix, "_reader", lambda: lambda *_: -1)
    else:
        monkeypatch.setattr(xgb.core, "_LIB", object())
        dmatrix._reader.cache_clear()
        try:
            assert dmatrix._reader() is None
        finally:
            dmatrix._reader.cache_clear()
        monkeypatch.undo()
        monkeypatch.setattr(dmatrix, "_reader", lambda: None)
    data = matrix(weight=Data.weight)
    labels, weights = labels_and_weights(data, RAW)
    np.testing.assert_array_equal(labels, Data.binary)
    np.testing.assert_array_equal(weights, Data.weight.astype(np.float32))
    assert address(labels) != address(labels_and_weights(data, RAW)[0])


def test_labels_of_another_number_are_named_as_before():
    loss, n = BinaryFocalLoss(2.0), len(RAW)
    with pytest.raises(ValueError, match=rf"^y_true has shape \({n},\), must be \({n - 1},\)"):
        loss(RAW[1:], matrix())
    with pytest.raises(ValueError, match=rf"^y_true has shape \(0,\), must be \({n},\)"):
        loss(RAW, xgb.DMatrix(Data.X, nthread=1))


def test_margins_of_other_rows_are_refused_though_their_number_is_that_of_the_labels():
    n, n_labels = Data.multilabel.shape
    size = n * n_labels
    with pytest.raises(ValueError, match=rf"^y_true has shape \({n}, {n_labels}\), must be \({size},\)"):
        BinaryFocalLoss(2.0)(np.zeros(size, np.float32), matrix(Data.multilabel))
    with pytest.raises(ValueError, match=rf"^y_true has shape \({n}, 1\), must be \({n // 2}, 2\)"):
        MultilabelFocalLoss(2.0)(np.zeros((n // 2, 2), np.float32), matrix())


# ---------------------------------------------------------------------- from round to round
class Between(xgb.callback.TrainingCallback):
    """Does something after the second round."""

    def __init__(self, do):
        super().__init__()
        self.do = do

    def after_iteration(self, model, epoch, evals_log):
        if epoch == 1:
            self.do()
        return False


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_and_weights_set_between_two_rounds_are_those_of_the_next(weighted):
    data, y, weight = matrix(), Data.binary, Data.weight.astype(np.float32)
    loss, seen = BinaryFocalLoss(2.0).for_labels(y), []

    def objective(margins, dtrain):
        found = loss(margins, dtrain)
        seen.append((margins.copy(), *(array.copy() for array in found)))
        return found

    def change():
        data.set_label(1.0 - y)
        if weighted:
            data.set_weight(weight)

    xgb.train(PARAMS, data, 4, obj=objective, callbacks=[loss.start(), Between(change)])
    for i, (margins, gradient, hessian) in enumerate(seen):
        labels, weights = (y, None) if i < 2 else (1.0 - y, weight if weighted else None)
        own = loss.gradient_hessian(labels, margins, weights)
        np.testing.assert_array_equal(gradient, own[0])
        np.testing.assert_array_equal(hessian, own[1])
    assert len(seen) == 4


def test_two_trainings_in_turn_and_other_sets_do_not_mix():
    """Each with its own matrix, and a metric of a third."""
    y = Data.binary
    loss = BinaryFocalLoss(2.0).for_labels(y)
    sets = [matrix(y), matrix(1.0 - y), matrix(y[::-1].copy(), weight=Data.weight)]
    params = PARAMS | {"objective": "binary:logistic", "base_score": loss.base_score}
    alone, metrics = [], []
    for data in sets[:2]:
        booster = xgb.Booster(params, [data])
        for i in range(3):
            booster.update(data, i, fobj=loss)
        alone.append(booster.predict(data, output_margin=True))
    boosters = [xgb.Booster(params, [data, sets[2]]) for data in sets[:2]]
    for i in range(3):
        for k, booster in enumerate(boosters):
            booster.update(sets[k], i, fobj=loss)
            margins = booster.predict(sets[2], output_margin=True)
            own = loss.metric(y[::-1], margins, Data.weight.astype(np.float32))
            metrics.append((loss.metric(margins, sets[2])[1], own))
    together = [boosters[k].predict(sets[k], output_margin=True) for k in range(2)]
    np.testing.assert_array_equal(together, alone)
    for found, own in metrics:
        assert found == pytest.approx(own, rel=1e-12)


def test_trainings_in_several_threads_are_those_of_one():
    sets = [matrix(Data.binary), matrix(1.0 - Data.binary, weight=Data.weight)]
    loss = BinaryFocalLoss(2.0, n_jobs=1)

    def fit(data, found):
        booster = train(loss, PARAMS, data, 5, verbose_eval=False)
        found.append(booster.predict(data, output_margin=True))

    alone, together = [], [[], [], [], []]
    for data in sets:
        fit(data, alone)
    threads = [threading.Thread(target=fit, args=(sets[i % 2], together[i])) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, (margins,) in enumerate(together):
        np.testing.assert_array_equal(margins, alone[i % 2])
