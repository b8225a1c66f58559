"""What a model says of itself: its trees, its loss, its classes, which probability it predicts."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from focalboost._classifier.estimator import FocalEstimator, decided, predicted
from focalboost._classifier.parameters import read_classifier
from focalboost._classifier.target import Target
from focalboost._typing import Array
from focalboost.calibration import binary_posterior_logit, multiclass_log_posterior
from focalboost.losses import LOSSES
from focalboost.losses._base import FocalLoss
from focalboost.losses._record import from_json, to_json
from focalboost.onnx._forest import Parts

_WANTED = (
    "FocalXGBClassifier, FocalLGBMClassifier, or xgboost.Booster or lightgbm.Booster with a stored loss. "
    "Read files with load_model of focalboost.xgboost or focalboost.lightgbm, and convert pipelines with "
    "skl2onnx after register_converters()"
)


@dataclass(frozen=True)
class Source:
    """All that an ONNX model is made of."""

    parts: Parts
    loss: FocalLoss
    target: Target
    probability: str
    """As focal_probability."""

    def predicted(self, margins: Array) -> Array:
        """What the classifier's predict_proba makes of margins; for two classes, of class 1."""
        return predicted(self.loss, self.target, self.probability, margins)

    def gamma(self) -> Array:
        """Of class 0 and class 1 for each output, for a softmax of each class; 0 of focal confidences."""
        n = self.target.n_outputs
        loss: Any = self.loss
        gamma = loss._gammas(n) if self.loss.softmax else loss._gamma_pairs(n)
        return np.zeros_like(gamma) if self.probability == "focal" else np.asarray(gamma)

    def added(self) -> Array:
        """What the loss adds to the evidence of the margins: weights of classes, shift, sampling.

        A constant for each output. At margin 0 the evidence of gamma alone is known.
        """
        n, gamma = self.target.n_outputs, self.gamma()
        if self.loss.softmax:
            row = np.zeros((1, n))
            added = self._decided(row) - multiclass_log_posterior(row, gamma=gamma)
            return np.asarray(added[0] - added[0, 0])
        zeros = np.zeros(n)
        decided_at_0 = self._decided(zeros if self.target.task == "binary" else zeros[None]).ravel()
        return np.asarray(decided_at_0 - binary_posterior_logit(zeros, gamma=gamma, alpha=np.ones((n, 2))))

    def _decided(self, margins: Array) -> Array:
        return decided(self.loss, self.target, self.probability, margins)

    def record(self) -> dict[str, str]:
        """What the ONNX model keeps in its metadata."""
        kept = {"loss": to_json(self.loss), "focal_probability": self.probability}
        for name, value in (
            ("feature_names", self.parts.feature_names),
            ("categories", self.parts.categories),
        ):
            if value:
                kept[name] = json.dumps(value, default=str)
        return {f"focalboost.{name}": value for name, value in kept.items()}


def read_model(model: Any) -> Source:
    """The source of a classifier or booster; an error that says what is needed for all else."""
    if isinstance(model, Source):  # made by `_log_loss.py`
        return model
    classifier = model if isinstance(model, FocalEstimator) else None
    if classifier is not None:
        classifier._fitted_target()
    if _is_of("xgboost", "XGBModel", model) or _is_of("xgboost", "Booster", model):
        from focalboost.onnx._xgboost import read  # noqa: PLC0415  # XGBoost may not be installed
    elif _is_of("lightgbm", "LGBMModel", model) or _is_of("lightgbm", "Booster", model):
        from focalboost.onnx._lightgbm import read  # noqa: PLC0415  # LightGBM may not be installed
    else:
        found = f"{type(model).__module__}.{type(model).__qualname__}"
        raise TypeError(f"model is a {found}, must be {_WANTED}.")
    parts = read(model)
    return Source(parts, *_meaning(parts, classifier, model))


def _is_of(library: str, name: str, model: Any) -> bool:
    """Who has an object of a library has imported it."""
    loaded = sys.modules.get(library)
    return loaded is not None and isinstance(model, getattr(loaded, name))


def _meaning(parts: Parts, classifier: Any, model: Any) -> tuple[FocalLoss, Target, str]:
    """Loss, classes and focal_probability: a classifier's own of now, else those of the record.

    A plain LGBMClassifier that was given a loss has classes of its own, which are not in the record.
    """
    if classifier is not None:
        return classifier.loss_, classifier._target, classifier.focal_probability
    if parts.record is None:
        raise ValueError(
            "model has no stored loss, must have one: of margins alone no probability is known. Train it "
            "with focalboost.xgboost.train, focalboost.lightgbm.train or a classifier."
        )
    found = read_classifier(parts.record)
    if found is not None:
        return found.loss, found.target, found.parameters["focal_probability"]
    loss: FocalLoss = from_json(parts.record)
    task: Any = next(task for task, cls in LOSSES.items() if isinstance(loss, cls))
    numbers = np.arange(2 if task == "binary" else parts.forest.n_outputs)
    classes = numbers if task == "multilabel" else np.asarray(getattr(model, "classes_", numbers))
    return loss, Target(task, classes), "posterior"
