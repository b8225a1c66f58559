"""The classifier for XGBoost."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from xgboost import XGBClassifier

from focalboost._boosters.parameters import take_ignored
from focalboost._boosters.xgboost import ATTRIBUTE
from focalboost._classifier.estimator import PARAMETERS, FocalEstimator, check_weight, pairs, stored_target
from focalboost._classifier.target import Target, read_target
from focalboost._typing import Array
from focalboost.xgboost._model import as_booster
from focalboost.xgboost._training import training_of


class FocalXGBClassifier(FocalEstimator, XGBClassifier):
    """XGBClassifier with focal loss, from binary to multi-label, and true probabilities.

    Intercept and scale are found at `fit`: the first round starts at the best constant, and min_child_weight,
    reg_lambda and the like mean what they mean for log loss.

    Parameters
    ----------
    focal_gamma : float or one per class (multi-label: per label), default=2.0
        Focusing parameter >= 0; 0 is cross-entropy. In the order of `classes_`. (XGBoost's own `gamma` is
        min_split_loss.)
    focal_alpha : None, float, one per class (multi-label: per label) or "balanced", default=None
        Class weights. Binary and multi-label: a number in (0, 1) weighs class 1 by alpha and class 0 by
        1 - alpha, a pair is (class 0, class 1). "balanced" is n / (n_classes n_class).
    focal_alpha_power : float or None, default=None
        Instead of focal_alpha: class weights proportional to frequency^-power, with mean weight 1 over the
        rows; for each label by itself. 0 is no weights, 1 is "balanced", below 0 the rare class counts less.
    focal_hessian : {"guarded", "exact", "reweighted"}, default="guarded"
        As `hessian` of the losses.
    label_smoothing : float in [0, 1), default=0.0
        A label y is read as y + label_smoothing (1/2 - y). Binary and multi-label only.
    probability : {"posterior", "focal"}, default="posterior"
        What predict_proba returns and predict decides by: the class probability that the margin stands for,
        or the sigmoid or softmax of the margin, which focal loss distorts.
    **kwargs
        Parameters of XGBClassifier. `objective`, `base_score`, `scale_pos_weight` and `num_class` cannot act
        under a custom objective and are refused. `eval_metric` takes any number of names and callables.

    Attributes
    ----------
    classes_ : ndarray
        Class labels, sorted; for several labels a row, the numbers of the columns.
    n_classes_ : int
        Their number.
    loss_ : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        As trained: alpha, intercept and scale are numbers.

    Notes
    -----
    The focal loss relative to its start, "focal_loss", is a metric of every eval set, after those of
    `eval_metric`; so it is what early stopping looks at, XGBoost takes the last. To stop by another, pass
    `callbacks=[xgboost.callback.EarlyStopping(rounds, metric_name=...)]`. XGBoost's own metrics see the focal
    confidence, callables `(y_true, probability[, sample_weight])` what predict_proba returns (of class 1 if
    binary), with classes numbered from 0.

    `decision_function` is the margin: where class weights or gammas differ between the classes, `predict`
    does not change sides at 0.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.xgboost import FocalXGBClassifier
    >>> X = np.arange(1000.0)[:, None]
    >>> y = np.where(np.arange(1000) >= 950, "fraud", "good")
    >>> model = FocalXGBClassifier(focal_gamma=2.0, n_estimators=20, n_jobs=1).fit(X, y)
    >>> model.classes_
    array(['fraud', 'good'], dtype='<U5')
    >>> model.predict([[10.0], [990.0]])
    array(['good', 'fraud'], dtype='<U5')
    """

    def __init__(
        self,
        *,
        focal_gamma: Any = 2.0,
        focal_alpha: Any = None,
        focal_alpha_power: float | None = None,
        focal_hessian: Literal["guarded", "exact", "reweighted"] = "guarded",
        label_smoothing: float = 0.0,
        probability: Literal["posterior", "focal"] = "posterior",
        objective: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective=objective, **kwargs)
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.focal_alpha_power = focal_alpha_power
        self.focal_hessian = focal_hessian
        self.label_smoothing = label_smoothing
        self.probability = probability

    def get_xgb_params(self) -> dict[str, Any]:
        """Parameters for XGBoost itself: without those of focal loss."""
        params: dict[str, Any] = super().get_xgb_params()
        return {name: value for name, value in params.items() if name not in PARAMETERS}

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        base_margin: Any = None,
        eval_set: Any = None,
        verbose: bool | int | None = True,
        xgb_model: Any = None,
        sample_weight_eval_set: Any = None,
        base_margin_eval_set: Any = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            What XGBClassifier takes.
        y : array-like of shape (n_samples,), or of 0 and 1 and shape (n_samples, n_labels)
            Any class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0; probabilities are those of the weighted population.
        xgb_model : FocalXGBClassifier, Booster or path, optional
            Model to continue; it keeps its intercept.
        eval_set, sample_weight_eval_set, base_margin, base_margin_eval_set, verbose
            As for XGBClassifier; labels of eval_set are class labels.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, label or weight is not valid.
        """
        params = self.get_params(deep=False)
        take_ignored("XGBoost", params)
        labels, multilabel = read_target("y", y)
        target = Target.of(labels, multilabel=multilabel)
        encoded = target.encode("y", labels)
        weight = check_weight(sample_weight, len(encoded))
        loss = self._resolve_loss(encoded, weight, target)
        if xgb_model is not None:
            xgb_model = as_booster(xgb_model)
            target.check_continues(stored_target(xgb_model.attr(ATTRIBUTE)), "xgb_model")
        training = training_of(params, loss, target)
        if eval_set is not None:
            eval_set = [
                (X_eval, encoded if y_eval is y else target.encode("y of eval_set", y_eval))
                for X_eval, y_eval in pairs(eval_set)
            ]
        training.fit(
            X,
            encoded,
            sample_weight=weight,
            base_margin=base_margin,
            eval_set=eval_set,
            verbose=verbose,
            xgb_model=xgb_model,
            sample_weight_eval_set=sample_weight_eval_set,
            base_margin_eval_set=base_margin_eval_set,
        )
        self._Booster = training.get_booster()
        # None makes evals_result() say that there was no eval_set.
        self.evals_result_ = getattr(training, "evals_result_", None)  # type: ignore[assignment]
        self.loss_, self._target, self.n_classes_ = loss, target, len(target.classes)
        self._Booster.set_attr(**{ATTRIBUTE: self._model_record()})
        return self

    def decision_function(
        self,
        X: Any,
        *,
        validate_features: bool = True,
        base_margin: Any = None,
        iteration_range: Any = None,
    ) -> Array:
        """Margins: (n_samples,) for two classes, else a column per class or label.

        Parameters
        ----------
        X, validate_features, base_margin, iteration_range
            As for `XGBClassifier.predict`.

        Returns
        -------
        ndarray, float32
        """
        self._fitted_target()
        return np.asarray(
            super().predict(
                X,
                output_margin=True,
                validate_features=validate_features,
                base_margin=base_margin,
                iteration_range=iteration_range,
            )
        )

    def predict_proba(
        self,
        X: Any,
        validate_features: bool = True,
        base_margin: Any = None,
        iteration_range: Any = None,
    ) -> Array:
        """Class probabilities, or focal confidences with probability="focal".

        Parameters
        ----------
        X, validate_features, base_margin, iteration_range
            As for `XGBClassifier.predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels), float64
        """
        return self._probabilities(
            self.decision_function(
                X,
                validate_features=validate_features,
                base_margin=base_margin,
                iteration_range=iteration_range,
            )
        )

    def predict(
        self,
        X: Any,
        *,
        output_margin: bool = False,
        validate_features: bool = True,
        base_margin: Any = None,
        iteration_range: Any = None,
    ) -> Array:
        """The most probable class by predict_proba; labels with more than 0.5.

        Parameters
        ----------
        X, output_margin, validate_features, base_margin, iteration_range
            As for `XGBClassifier.predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        margins = self.decision_function(
            X,
            validate_features=validate_features,
            base_margin=base_margin,
            iteration_range=iteration_range,
        )
        return margins if output_margin else self._decide(self._probabilities(margins))

    def load_model(self, fname: Any) -> None:
        """Load what `save_model` wrote, with classes, loss and the focal parameters.

        Parameters
        ----------
        fname : path or bytearray
            JSON or UBJ.

        Raises
        ------
        ValueError
            If the model is not one of this class.
        """
        super().load_model(fname)
        # What XGBoost sets from the file would be refused at the next fit.
        self.objective = self.base_score = None
        self._restore(self.get_booster().attr(ATTRIBUTE))
        self.n_classes_ = len(self._target.classes)
