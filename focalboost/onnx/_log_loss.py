"""The boosters' own log loss as ONNX, for whoever knows that a model was trained with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from focalboost._classifier.target import Target
from focalboost.losses import BinaryFocalLoss
from focalboost.onnx._export import to_onnx
from focalboost.onnx._source import Source


def log_loss_to_onnx(model: Any) -> onnx.ModelProto:
    """As `to_onnx`, of an XGBClassifier or LGBMClassifier of two classes: sigmoid(margin) is the probability.

    `to_onnx` refuses them, since a model that was trained with a custom objective may look like one of these.
    """
    if hasattr(model, "get_booster"):
        from focalboost.onnx._xgboost import read  # noqa: PLC0415  # XGBoost may not be installed

        own, wanted = model.objective, "binary:logistic"
    else:
        from focalboost.onnx._lightgbm import read  # noqa: PLC0415  # LightGBM may not be installed

        own, wanted = model.objective_, "binary"
    if own != wanted:
        raise ValueError(f"objective == {own!r}, must be {wanted!r}: the booster's own log loss.")
    target = Target("binary", np.asarray(model.classes_))
    return to_onnx(Source(read(model), BinaryFocalLoss(gamma=0.0), target, "closed_form"))
