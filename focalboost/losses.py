"""The three losses, one for each of scikit-learn's words: binary, multiclass, multilabel."""

from focalboost._binary import BinaryFocalLoss
from focalboost._multiclass import MulticlassFocalLoss
from focalboost._multilabel import MultilabelFocalLoss

__all__ = ["BinaryFocalLoss", "MulticlassFocalLoss", "MultilabelFocalLoss"]
