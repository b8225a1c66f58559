"""Focal loss for LightGBM: the classifier, `train` and `cv`, and the loss that a saved model keeps.

Start with `FocalLGBMClassifier`, or with `train`, which is `lightgbm.train` with all around the loss done.
For your own call of LightGBM there is the callback `start(loss)` beside `params={"objective": loss}`.
`load_model` and `stored_loss` read saved models, `pack_labels` makes data sets of several labels a row. Needs
the extra: `pip install 'focalboost[lightgbm]'`.
"""

from focalboost._boosters.extras import require

require("lightgbm")

from focalboost._boosters.packed import pack_labels, unpack_labels  # noqa: E402  # after the check
from focalboost.lightgbm._classifier import FocalLGBMClassifier  # noqa: E402
from focalboost.lightgbm._model import load_model, stored_loss  # noqa: E402
from focalboost.lightgbm._train import cv, start, train  # noqa: E402

__all__ = [
    "FocalLGBMClassifier",
    "cv",
    "load_model",
    "pack_labels",
    "start",
    "stored_loss",
    "train",
    "unpack_labels",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
