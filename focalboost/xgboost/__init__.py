"""Focal loss for XGBoost: the classifier, `train` and `cv`, and the loss that a saved model keeps.

Start with `FocalXGBClassifier`, or with `train`, which is `xgboost.train` with all around the loss done. For
your own call of XGBoost there is the callback `start(loss)` beside `obj=loss`. `load_model` and `stored_loss`
read saved models. Needs the extra: `pip install 'focalboost[xgboost]'`, or xgboost or xgboost-cpu installed
otherwise.
"""

from focalboost._boosters.extras import require

require("xgboost")

from focalboost.xgboost._classifier import FocalXGBClassifier  # noqa: E402  # needs XGBoost
from focalboost.xgboost._model import load_model, stored_loss  # noqa: E402
from focalboost.xgboost._train import cv, start, train  # noqa: E402

__all__ = ["FocalXGBClassifier", "cv", "load_model", "start", "stored_loss", "train"]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
