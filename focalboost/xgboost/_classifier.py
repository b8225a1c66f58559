"""The classifier for XGBoost."""

from __future__ import annotations

import inspect
import sys
from numbers import Real
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from xgboost import Booster, DMatrix, XGBClassifier, XGBModel

from focalboost import _validation
from focalboost._boosters.configuration import ATTRIBUTE
from focalboost._boosters.continuing import no_record
from focalboost._boosters.names import refuse_unknown
from focalboost._boosters.parameters import take_ignored
from focalboost._boosters.xgboost import Start
from focalboost._classifier.estimator import FocalEstimator, pairs, split_metrics, warn_of_names
from focalboost._classifier.parameters import check_weight, continued_target, read_classifier
from focalboost._classifier.target import Target, read_target
from focalboost._typing import Array
from focalboost.calibration._record import PARAMETERS
from focalboost.xgboost._metrics import all_metrics
from focalboost.xgboost._model import as_booster, checked, find_record, from_best_round

# The booster's own, of names that focal loss has too.
_HOMONYMS = {
    "gamma": ("XGBoost's min_split_loss", "focal_gamma"),
    "alpha": ("XGBoost's reg_alpha", "focal_alpha"),
}
# All that XGBClassifier's constructor takes.
_OWN = frozenset(inspect.signature(XGBModel.__init__).parameters) - {"self", "kwargs"}


class FocalXGBClassifier(FocalEstimator, XGBClassifier):
    """XGBClassifier with focal loss, from binary to multi-label, and true probabilities.

    Intercept and scale are found at `fit`: the first round starts at the best constant, and min_child_weight,
    reg_lambda and the like mean what they mean for log loss.

    Parameters
    ----------
    focal_gamma : float or one per class (multi-label: per label), default=2.0
        Focusing parameter >= 0; 0 is cross-entropy. In the order of `classes_`. (XGBoost's own `gamma` is
        min_split_loss.)
    focal_alpha : None, float, one per class (multi-label: per label), dict or "balanced", default=None
        Class weights, one per class in the order of `classes_`, or a dict or Series by class label. Binary
        and multi-label: a number in (0, 1) weighs class 1 by alpha and class 0 by 1 - alpha, a pair is
        (class 0, class 1). "balanced" is n / (n_classes n_class). Class 1 is the second in sorted order.
    focal_alpha_power : float or None, default=None
        Instead of focal_alpha: class weights proportional to frequency^-power, with mean weight 1 over the
        rows; for each label by itself. 0 is no weights, 1 is "balanced", below 0 the rare class counts less.
    focal_hessian : {"guarded", "exact", "reweighted"}, default="guarded"
        As `hessian` of the losses.
    focal_label_smoothing : float in [0, 1), default=0.0
        A label y is read as y + focal_label_smoothing (1/2 - y). Binary and multi-label only. For noisy
        labels where only the ranking counts: smoothing is not undone but for the shift of
        the mean; without it, with .1 at a rate of .005 the mean is .054.
    focal_sampling_rate : None, float, one per class (multi-label: per label) or dict, default=None
        Share in (0, 1] of the rows of each class that was kept for training, in the order of `classes_` or as
        a dict or Series by class label: {0: 0.05, 1: 1.0} where 1 in 20 rows of class 0 was. A number is that
        of class 0 (not for text labels), in multi-label of the rows without the label. Training and its
        metrics see the rows that were kept; predict_proba, decision_function and predict are of all rows.
    focal_probability : {"posterior", "closed_form", "focal"}, default="posterior"
        What predict_proba returns and predict decides by, read at each prediction; the other focal parameters
        act at fit only. "posterior": the class probability that the margin stands for, shifted so that its
        mean over the training rows is their (weighted) rate (with focal_sampling_rate before it is turned
        into that of all rows); "closed_form": without the shift, as metrics see it in training; "focal": the
        sigmoid or softmax of the margin, which focal loss distorts.
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

    `decision_function` is the logit of `predict_proba`, and agrees with `predict`; the margin, of which it is
    a strictly increasing function, is `predict(X, output_margin=True)`.

    A model is continued by `xgb_model=` with the same focal parameters: its stored numbers stand, also where
    a class does not occur this time. Other focal parameters, or a model of log loss, are refused.

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
        focal_label_smoothing: float = 0.0,
        focal_sampling_rate: Any = None,
        focal_probability: Literal["posterior", "closed_form", "focal"] = "posterior",
        objective: None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective=objective, **kwargs)
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.focal_alpha_power = focal_alpha_power
        self.focal_hessian = focal_hessian
        self.focal_label_smoothing = focal_label_smoothing
        self.focal_sampling_rate = focal_sampling_rate
        self.focal_probability = focal_probability

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
            Model to continue, trained with the same focal parameters; its stored numbers stand.
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
        self._check_params()
        missing = self._missing()
        labels, multilabel = read_target("y", y)
        weight = check_weight(sample_weight, len(labels))
        record, model = None, xgb_model
        if xgb_model is not None:
            booster = as_booster(xgb_model)
            record = find_record(booster, "xgb_model")
            if record is None:
                raise no_record("xgb_model")
            target = continued_target(record, "xgb_model", labels, multilabel=multilabel)
            _check_missing(record, missing)
            model = from_best_round(booster)
        else:
            target = Target.of(labels, multilabel=multilabel)
        encoded = target.encode("y", labels)
        asked = self._asked(target)
        if record is None:
            loss = asked.for_labels(encoded, weight)
        else:
            loss = asked.going_on(record, "xgb_model", encoded, weight)
        if eval_set is not None:
            eval_set = [
                (X_eval, encoded if y_eval is y else target.encode("y of eval_set", y_eval))
                for X_eval, y_eval in pairs(eval_set)
            ]
            if sample_weight_eval_set is not None:
                for (_, labels_eval), weight_eval in zip(eval_set, sample_weight_eval_set, strict=False):
                    check_weight(weight_eval, len(labels_eval))
        builtin, functions = split_metrics(self.eval_metric)
        with self._all_or_nothing():
            # All that makes the model focal is there before a tool that watches XGBClassifier's fit can look.
            self.loss_, self._target = loss, target
            self._metrics = all_metrics(loss, target, self.focal_probability, functions)
            # XGBClassifier counts the classes of y, and switches to a softmax where there are more than two.
            self._encoding = np.unique(encoded), 2 if multilabel else len(target.classes)
            with self._lent(**self._for_parent(builtin), _continues=model is not None):
                super().fit(
                    X,
                    encoded,
                    sample_weight=weight,
                    base_margin=base_margin,
                    eval_set=eval_set,
                    verbose=verbose,
                    xgb_model=model,
                    sample_weight_eval_set=sample_weight_eval_set,
                    base_margin_eval_set=base_margin_eval_set,
                )
        return self

    def _missing(self) -> float:
        # With None XGBoost trains and cannot predict.
        value: Any = self.missing
        is_flag = isinstance(value, bool | np.bool_)
        if is_flag or not isinstance(value, Real):
            raise TypeError(f"missing == {_validation.show(value)}, must be a number: NaN by default.")
        return float(value)

    def _check_params(self) -> None:
        params = self.get_params(deep=False)
        take_ignored("XGBoost", params)
        refuse_unknown("xgboost", "XGBClassifier", params, own=_OWN | set(PARAMETERS))
        warn_of_names(params, _HOMONYMS)

    def _for_parent(self, builtin: list[str]) -> dict[str, Any]:
        """What XGBClassifier's fit reads of the estimator, so that it trains focal loss."""
        values: dict[str, Any] = {
            "objective": self.loss_,
            # The focal loss itself is added in _configure_fit.
            "eval_metric": builtin or None,
            "callbacks": [
                Start(
                    self.loss_,
                    self._model_record(),
                    at_end=self._end_training,
                    checked="mlflow" in sys.modules,
                ),
                *(self.callbacks or []),
            ],
        }
        if not builtin:
            # Log loss of the focal confidence would be the default.
            values["kwargs"] = {**getattr(self, "kwargs", {}), "disable_default_eval_metric": True}
        return values

    _encoding: tuple[Array, int]
    _n_counted: int

    def _end_training(self, booster: Booster) -> None:
        """Before a tool that watches XGBClassifier's fit can look at the model."""
        del self._encoding
        self._take_shift(find_record(booster, "the model"))

    @property
    def classes_(self) -> Array:
        """Class labels in sorted order; for several labels a row, the numbers of the columns."""
        # XGBClassifier's fit is given encoded labels and compares those that occur with this.
        return self._encoding[0] if hasattr(self, "_encoding") else super().classes_

    @property
    def n_classes_(self) -> int:
        """Number of classes, or of labels a row."""
        if hasattr(self, "_encoding"):
            return self._encoding[1]
        target = getattr(self, "_target", None)
        if target is None:
            return self._n_counted
        return len(target.classes)

    @n_classes_.setter
    def n_classes_(self, value: int) -> None:
        # XGBClassifier counts those that occur, which may be fewer where a model is continued.
        self._n_counted = value

    # Whether the training under way continues a model.
    _continues = False

    def _create_dmatrix(self, ref: Any, **kwargs: Any) -> DMatrix:
        """A model is continued on the rows as they are.

        The QuantileDMatrix of XGBClassifier knows its own bins only: rows near the old splits fall on the
        wrong side (3 % of them, by up to .33 in the probability), and it cannot be refreshed.
        """
        if self._continues:
            return DMatrix(**kwargs, nthread=self.n_jobs)
        return super()._create_dmatrix(ref, **kwargs)

    def _configure_fit(self, *args: Any, **kwargs: Any) -> Any:
        """XGBClassifier takes one callable metric: this one has the values of all."""
        model, _, params, *rest = super()._configure_fit(*args, **kwargs)
        if "mlflow" in sys.modules:
            # Its autologging notes what training is given. XGBoost takes no notice of names that it does not
            # know, and `Start` keeps it from warning of them; `_check_params` has seen the user's.
            params = {**params, **{name: getattr(self, name) for name in PARAMETERS}}
        return (model, self._metrics, params, *rest)

    def decision_function(
        self,
        X: Any,
        *,
        validate_features: bool = True,
        base_margin: Any = None,
        iteration_range: Any = None,
    ) -> Array:
        """The logit of predict_proba, for several classes its logarithm; predict changes sides at 0.

        Parameters
        ----------
        X, validate_features, base_margin, iteration_range
            As for `XGBClassifier.predict`. The margin itself is `predict(X, output_margin=True)`.

        Returns
        -------
        ndarray, float64
            (n_samples,) for two classes, else a column per class or label.
        """
        return self._decisions(
            self._margins(
                X,
                validate_features=validate_features,
                base_margin=base_margin,
                iteration_range=iteration_range,
            )
        )

    def _margins(self, X: Any, *, validate_features: bool, base_margin: Any, iteration_range: Any) -> Array:
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
        """Class probabilities, or focal confidences with focal_probability="focal".

        Parameters
        ----------
        X, validate_features, base_margin, iteration_range
            As for `XGBClassifier.predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels), float64
        """
        return self._probabilities(
            self._margins(
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
        margins = self._margins(
            X,
            validate_features=validate_features,
            base_margin=base_margin,
            iteration_range=iteration_range,
        )
        return margins if output_margin else self._decide(self._probabilities(margins))

    def save_model(self, fname: str | PathLike[str]) -> None:
        """Write the model as XGBoost's JSON or UBJ, with classes, loss, focal parameters and `missing`.

        Parameters
        ----------
        fname : path
            Plain XGBoost reads the file too and predicts the focal confidence.
        """
        booster = self.get_booster()
        booster.set_attr(**{ATTRIBUTE: self._record_to_save(booster.attr(ATTRIBUTE))})
        super().save_model(fname)

    def load_model(self, fname: Any) -> None:
        """Load what `save_model` wrote, with classes, loss, focal parameters and `missing`.

        Parameters
        ----------
        fname : path or bytearray
            JSON or UBJ.

        Raises
        ------
        ValueError
            If the file is damaged, or the model is not one of this class.
        """
        with self._all_or_nothing():
            # XGBoost would read the file into the booster of a fitted estimator, which copies of it share.
            self.__dict__.pop("_Booster", None)
            with checked(fname) as data:
                super().load_model(data)
                # What XGBoost sets from the file would be refused at the next fit.
                self.objective = self.base_score = None
                self.missing = self._restore(find_record(self.get_booster(), "the model")).missing


def _check_missing(record: str, missing: float) -> None:
    """A model is continued with the missing value that its trees know."""
    found = read_classifier(record)
    if found is not None and not np.array_equal(found.missing, missing, equal_nan=True):
        raise ValueError(
            f"missing == {missing}, must be {found.missing} as that of xgb_model: its trees take the one and "
            "the other for different values."
        )
