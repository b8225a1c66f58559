"""From margins to true class probabilities and back, in closed form.

Focal loss is classification-calibrated but not proper: at its minimum, sigmoid(margin) is not the probability
of the class. The posterior comes back exactly (Charoenphakdee et al., CVPR 2021), here with a
gamma and a class weight for each class:

    posterior_k  proportional to  p_k / (alpha_k phi_k(p_k)),
    phi_k(p) = (1 - p)^gamma_k + gamma_k p (1 - p)^(gamma_k - 1) (-log p)

Pure functions of arrays: serving code needs nothing else of this package, and this loads nothing but NumPy.

Where rows of a class were left out of training, `sampling_rate` tells how many stayed, and the probabilities
are those of all rows.
"""

from __future__ import annotations

from focalboost.calibration._binary import binary_margin, binary_posterior, binary_posterior_logit

# Not public, for the losses.
from focalboost.calibration._binary import margin_of_log_odds as margin_of_log_odds
from focalboost.calibration._functions import expit as expit
from focalboost.calibration._functions import log_softmax as log_softmax
from focalboost.calibration._functions import logit as logit
from focalboost.calibration._functions import softmax as softmax
from focalboost.calibration._multiclass import (
    multiclass_log_posterior,
    multiclass_margin,
    multiclass_posterior,
)
from focalboost.calibration._served import ServedLoss, served_loss
from focalboost.calibration._serving import lookup_table, margin_threshold

__all__ = [
    "ServedLoss",
    "binary_margin",
    "binary_posterior",
    "binary_posterior_logit",
    "lookup_table",
    "margin_threshold",
    "multiclass_log_posterior",
    "multiclass_margin",
    "multiclass_posterior",
    "served_loss",
]

for _name in __all__:
    globals()[_name].__module__ = __name__  # pickles name the public path, whatever file a thing moves to
