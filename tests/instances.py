"""One list of losses that the property tests run over."""

import numpy as np

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

BINARY = [
    BinaryFocalLoss(0.0),
    BinaryFocalLoss(2.0),
    BinaryFocalLoss(0.3, 0.25),
    BinaryFocalLoss((2.5, 1.0), (0.4, 3.0)),
    BinaryFocalLoss(10.0, hessian="reweighted"),
    BinaryFocalLoss(1.5, hessian="exact"),
    BinaryFocalLoss(2.0, 0.75, label_smoothing=0.1),
    BinaryFocalLoss(2.0, "balanced").for_labels([0] * 97 + [1] * 3),
]
MULTILABEL = [
    MultilabelFocalLoss(2.0, n_labels=3),
    MultilabelFocalLoss((0.0, 1.0, 3.0), (0.25, (1.0, 5.0), 0.5)),
    MultilabelFocalLoss(0.5, label_smoothing=0.05, n_labels=3),
    MultilabelFocalLoss(2.0, "balanced").for_labels(np.eye(3, dtype=int)),
]
MULTICLASS = [
    MulticlassFocalLoss(0.0, n_classes=3),
    MulticlassFocalLoss(2.0, n_classes=3),
    MulticlassFocalLoss((2.0, 0.5, 1.0), (1.0, 2.0, 0.5)),
    MulticlassFocalLoss(0.2, (4.0, 4.0, 4.0), hessian="exact"),
    MulticlassFocalLoss(3.0, n_classes=3, hessian="reweighted"),
    MulticlassFocalLoss(2.0, "balanced").for_labels([0] * 90 + [1] * 9 + [2]),
]
ALL = [*BINARY, *MULTILABEL, *MULTICLASS]


def example(loss, n_samples, rng, spread=4.0):
    """Labels and margins that the loss takes."""
    if isinstance(loss, BinaryFocalLoss):
        return rng.integers(0, 2, n_samples), rng.normal(0, spread, n_samples)
    if isinstance(loss, MultilabelFocalLoss):
        return rng.integers(0, 2, (n_samples, 3)), rng.normal(0, spread, (n_samples, 3))
    return rng.integers(0, 3, n_samples), rng.normal(0, spread, (n_samples, 3))
