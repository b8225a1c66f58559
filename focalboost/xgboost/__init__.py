"""Focal loss for XGBoost: the classifier, and the loss that a saved model keeps.

Start with `FocalXGBClassifier`, or with `obj=loss, callbacks=[loss.start()]` of `xgboost.train`.
`stored_loss` reads the loss back from a model. Needs the extra: `pip install 'focalboost[xgboost]'`, or
xgboost or xgboost-cpu installed otherwise.
"""

from focalboost._boosters.extras import require

require("xgboost")

from focalboost.xgboost._classifier import FocalXGBClassifier  # noqa: E402  # needs XGBoost
from focalboost.xgboost._model import stored_loss  # noqa: E402

__all__ = ["FocalXGBClassifier", "stored_loss"]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
