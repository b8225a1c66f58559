"""Registers the classifiers with skl2onnx."""

from __future__ import annotations

import sys

from focalboost.onnx._extra import require

_CLASSIFIERS = (("focalboost.xgboost", "FocalXGBClassifier"), ("focalboost.lightgbm", "FocalLGBMClassifier"))


def register_converters() -> None:
    """Teach skl2onnx the classifiers whose wings are imported: pipelines that end in one can be exported.

    `skl2onnx.to_onnx(pipeline, X)` then gives the outputs `label` and `probabilities` as `to_onnx` does,
    always as tensors (option "zipmap" is False). Call it once, before the conversion, after the import of
    `focalboost.xgboost` or `focalboost.lightgbm`; a second call changes nothing.

    The steps before the classifier are skl2onnx's own, in the dtype of its `X`: scikit-learn computes in
    float64, and in float32 a scaled number may come to lie on the other side of a threshold. So give float64
    columns, `skl2onnx.to_onnx(pipeline, X.astype(np.float64)[:1])`.

    ONNX Runtime has no float64 for SimpleImputer. Leave it out of the pipeline: the classifiers take NaN.
    With float32 it runs, and is right only where no scaler or other arithmetic follows it.

    Not for CalibratedClassifierCV around a classifier: its calibrators take decision_function, and skl2onnx
    would give them probabilities. The conversion refuses it.

    Raises
    ------
    ImportError
        If skl2onnx is not installed. (In the conversion: ValueError as of `to_onnx`, and for
        CalibratedClassifierCV.)

    Examples
    --------
    >>> import numpy as np, skl2onnx
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from focalboost.onnx import register_converters
    >>> from focalboost.xgboost import FocalXGBClassifier
    >>> X, y = np.arange(1000.0)[:, None], np.arange(1000) >= 950
    >>> pipeline = make_pipeline(StandardScaler(), FocalXGBClassifier(n_estimators=5, n_jobs=1)).fit(X, y)
    >>> register_converters()
    >>> [output.name for output in skl2onnx.to_onnx(pipeline, X[:1]).graph.output]
    ['label', 'probabilities']
    """
    require("skl2onnx")
    from focalboost.onnx._converters import register  # noqa: PLC0415  # skl2onnx may not be installed

    for wing, name in _CLASSIFIERS:
        # Who has a classifier has imported its wing.
        if wing in sys.modules:
            register(getattr(sys.modules[wing], name), f"focalboost{name}")
