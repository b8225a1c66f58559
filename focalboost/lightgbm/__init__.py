"""Focal loss for LightGBM: the classifier, and what LightGBM alone needs for a loss of one's own.

    loss = BinaryFocalLoss(gamma=2.0).for_labels(y)
    with start(loss, train_set, valid_set):
        booster = lgb.train({"objective": loss, ...}, train_set, valid_sets=[valid_set], feval=loss.metric)
    booster = finalize(booster, loss)

Start with `FocalLGBMClassifier`, or with `start` and `finalize` around `lightgbm.train`. `load_model` and
`stored_loss` read saved models, `pack_labels` makes data sets of several labels a row, `init_score` is for
estimators on Dask. Needs the extra: `pip install 'focalboost[lightgbm]'`.
"""

from focalboost._boosters.extras import require

require("lightgbm")

from focalboost._boosters.packed import pack_labels, unpack_labels  # noqa: E402  # after the check
from focalboost.lightgbm._classifier import FocalLGBMClassifier  # noqa: E402
from focalboost.lightgbm._model import (  # noqa: E402
    finalize,
    init_score,
    load_model,
    start,
    stored_loss,
)

__all__ = [
    "FocalLGBMClassifier",
    "finalize",
    "init_score",
    "load_model",
    "pack_labels",
    "start",
    "stored_loss",
    "unpack_labels",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
