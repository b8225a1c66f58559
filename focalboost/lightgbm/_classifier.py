"""The classifier for LightGBM."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any, Literal, Self

from lightgbm import LGBMClassifier, LGBMModel

from focalboost._boosters.continuing import no_record
from focalboost._boosters.lightgbm import Start, both_starts
from focalboost._boosters.names import refuse_unknown
from focalboost._boosters.parameters import take_ignored
from focalboost._classifier.estimator import FocalEstimator
from focalboost._classifier.parameters import continued_target
from focalboost._classifier.target import Target, read_target
from focalboost._typing import Array
from focalboost._validation import show
from focalboost.calibration._record import PARAMETERS
from focalboost.lightgbm._model import as_booster, find_record, load_model, save_with_record
from focalboost.lightgbm._training import (
    Evaluation,
    all_metrics,
    as_stored,
    check_boosting,
    for_parent,
    metrics_asked,
    objective,
    row_weights,
)

# Of the scikit-learn interface, not LightGBM's own names; n_jobs and the like are aliases there.
_OWN = frozenset({"importance_type", "class_weight", "random_state", "n_estimators"})


class FocalLGBMClassifier(FocalEstimator, LGBMClassifier):
    """LGBMClassifier with focal loss, from binary to multi-label, and true probabilities.

    Intercept and scale are found at `fit`: the first round starts at the best constant, and min_child_weight,
    reg_lambda and the like mean what they mean for log loss. `booster_` is an ordinary LightGBM model that
    has the intercept in its trees.

    Parameters
    ----------
    focal_gamma : float or one per class (multi-label: per label), default=2.0
        Focusing parameter >= 0; 0 is cross-entropy. In the order of `classes_`.
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
    reg_lambda : float or None, default=None
        As for LGBMClassifier; None is its 0, and 1 for several classes, where LightGBM may diverge with 0.
    **kwargs
        Parameters of LGBMClassifier. `objective`, `is_unbalance`, `scale_pos_weight`, `boost_from_average`,
        `sigmoid` and `pos_bagging_fraction` cannot act under a custom objective and are refused, as is
        boosting_type="rf". `class_weight` multiplies sample_weight.

    Attributes
    ----------
    classes_ : ndarray
        Class labels, sorted; for several labels a row (at most 24), the numbers of the columns.
    n_classes_ : int
    loss_ : BinaryFocalLoss, MulticlassFocalLoss or MultilabelFocalLoss
        As trained: alpha, intercept and scale are numbers.

    Notes
    -----
    The focal loss relative to its start, "focal_loss", is a metric of every eval set. LightGBM's early
    stopping stops at the first metric that no longer improves, with first_metric_only=True at the first of
    its own metrics, or else at "focal_loss". Callables `(y_true, probability[, weight])` see the closed form
    (of class 1 if binary), with classes numbered from 0. Of LightGBM's own metrics those that look at the
    order only can be used: auc and average_precision, or auc_mu.

    `decision_function` is the logit of `predict_proba`, and agrees with `predict`; the margin, of which it is
    a strictly increasing function, is `predict(X, raw_score=True)`.

    A model is continued by `init_model=` with the same focal parameters: its stored numbers stand, also where
    a class does not occur this time. Other focal parameters, or a model of log loss, are refused.

    Examples
    --------
    >>> import numpy as np
    >>> from focalboost.lightgbm import FocalLGBMClassifier
    >>> X = np.arange(1000.0)[:, None]
    >>> y = np.where(np.arange(1000) >= 950, "fraud", "good")
    >>> model = FocalLGBMClassifier(focal_gamma=2.0, n_estimators=20, n_jobs=1, verbosity=-1).fit(X, y)
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
        # get_params of LightGBM 4.6 and before sees only what stands here.
        boosting_type: str = "gbdt",
        num_leaves: int = 31,
        max_depth: int = -1,
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample_for_bin: int = 200_000,
        objective: None = None,
        class_weight: Any = None,
        min_split_gain: float = 0.0,
        min_child_weight: float = 1e-3,
        min_child_samples: int = 20,
        subsample: float = 1.0,
        subsample_freq: int = 0,
        colsample_bytree: float = 1.0,
        reg_alpha: float = 0.0,
        reg_lambda: float | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        importance_type: str = "split",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            boosting_type=boosting_type,
            num_leaves=num_leaves,
            max_depth=max_depth,
            learning_rate=learning_rate,
            n_estimators=n_estimators,
            subsample_for_bin=subsample_for_bin,
            objective=objective,
            class_weight=class_weight,
            min_split_gain=min_split_gain,
            min_child_weight=min_child_weight,
            min_child_samples=min_child_samples,
            subsample=subsample,
            subsample_freq=subsample_freq,
            colsample_bytree=colsample_bytree,
            reg_alpha=reg_alpha,
            reg_lambda=reg_lambda,  # type: ignore[arg-type]  # a number is lent for None at fit
            random_state=random_state,
            n_jobs=n_jobs,
            importance_type=importance_type,
            **kwargs,
        )
        self.focal_gamma = focal_gamma
        self.focal_alpha = focal_alpha
        self.focal_alpha_power = focal_alpha_power
        self.focal_hessian = focal_hessian
        self.focal_label_smoothing = focal_label_smoothing
        self.focal_sampling_rate = focal_sampling_rate
        self.focal_probability = focal_probability

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _process_params(self, stage: str) -> dict[str, Any]:
        """Parameters of a prediction: without those that LightGBM does not know and warns of."""
        params: dict[str, Any] = super()._process_params(stage)
        if self._target.n_outputs > 1:
            # LightGBM leaves it out for two classes, which two labels look like.
            params["num_class"] = self._target.n_outputs
        return {name: value for name, value in params.items() if name not in PARAMETERS}

    def fit(  # type: ignore[override]  # as LGBMClassifier.fit: without group, which LGBMModel has
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        init_score: Any = None,
        eval_set: Any = None,
        eval_names: list[str] | None = None,
        eval_sample_weight: Any = None,
        eval_class_weight: Any = None,
        eval_init_score: Any = None,
        eval_metric: Any = None,
        feature_name: Any = "auto",
        categorical_feature: Any = "auto",
        callbacks: list[Callable[..., Any]] | None = None,
        init_model: Any = None,
        *,
        eval_X: Any = None,
        eval_y: Any = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            What LGBMClassifier takes.
        y : array-like of shape (n_samples,), or of 0 and 1 and shape (n_samples, n_labels)
            Any class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weights >= 0; probabilities are those of the weighted population.
        init_score, eval_init_score : array-like, optional
            Margins to start from in the place of the intercept. Predictions do not have them.
        init_model : FocalLGBMClassifier, Booster or path, optional
            Model to continue, trained with the same focal parameters; its stored numbers stand.
        eval_set, eval_X, eval_y, eval_names, eval_sample_weight, eval_class_weight, eval_metric, \
feature_name, categorical_feature, callbacks
            As for LGBMClassifier; labels are class labels. Pairs in eval_set and eval_X with eval_y are both
            taken, whatever the version of LightGBM.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, label, weight or metric is not valid.
        """
        params = self._check_params()
        labels, multilabel = read_target("y", y)
        weight = row_weights(sample_weight, self.class_weight, labels)
        record = None
        if init_model is not None:
            if init_score is not None:
                raise both_starts("fit")
            init_model = as_booster(init_model)
            record = find_record(init_model)
            if record is None:
                raise no_record("init_model")
            target = continued_target(record, "init_model", labels, multilabel=multilabel)
        else:
            target = Target.of(labels, multilabel=multilabel)
        encoded = target.encode("y", labels)
        asked = self._asked(target)
        if record is None:
            loss = asked.for_labels(encoded, weight)
        else:
            loss = asked.going_on(record, "init_model", encoded, weight)
        stored = as_stored(encoded, target)
        builtin, functions = metrics_asked(params, eval_metric, target)
        evaluation = Evaluation(X, y, stored, target)
        evaluation.add(eval_set, eval_X, eval_y, eval_sample_weight, eval_class_weight)
        with self._all_or_nothing():
            # All that makes the model focal is there before a tool that watches fit can look.
            self.loss_, self._target = loss, target
            start = Start(loss, self._model_record(), own_start=init_score is not None)
            with self._lent(**for_parent(self, objective(loss, encoded, target), target, builtin)):
                # The parent's fit would number the labels once more.
                LGBMModel.fit(
                    self,
                    X,
                    stored,
                    sample_weight=weight,
                    init_score=init_score,
                    eval_names=eval_names,
                    eval_init_score=eval_init_score,
                    eval_metric=all_metrics(loss, target, self.focal_probability, functions),
                    feature_name=feature_name,
                    categorical_feature=categorical_feature,
                    callbacks=[start, *(callbacks or [])],
                    init_model=init_model,
                    **evaluation.arguments(),
                )
            self._set_booster(self._Booster)
            self._take_shift(find_record(self.booster_))
        return self

    def _check_params(self) -> dict[str, Any]:
        """Parameters of LightGBM; an error for those that nobody knows or that cannot act."""
        params = {name: value for name, value in self.get_params().items() if name not in PARAMETERS}
        for name, focal in (("alpha", "focal_alpha"), ("gamma", "focal_gamma")):
            if params.get(name) is not None:
                raise ValueError(
                    f"{name} == {show(params[name])}, must be left out: LightGBM has no {name} that acts "
                    f"here. For focal loss pass {focal}."
                )
        refuse_unknown("lightgbm", "LGBMClassifier", params, own=_OWN | set(PARAMETERS))
        take_ignored("LightGBM", params)
        check_boosting(params)
        return params

    def _set_booster(self, booster: Any) -> None:
        """What LGBMClassifier looks up in order to predict."""
        self._Booster = booster
        self._classes, self._n_classes = self._target.classes, len(self._target.classes)
        self._objective = self.loss_.lightgbm_objective(self._target.n_outputs).partition(" ")[0]

    def decision_function(
        self,
        X: Any,
        *,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Array:
        """The logit of predict_proba, for several classes its logarithm; predict changes sides at 0.

        Parameters
        ----------
        X, start_iteration, num_iteration, validate_features, **kwargs
            As for `LGBMClassifier.predict`. The margin itself is `predict(X, raw_score=True)`.

        Returns
        -------
        ndarray, float64
            (n_samples,) for two classes, else a column per class or label.
        """
        return self._decisions(
            self._raw(
                X,
                raw_score=True,
                start_iteration=start_iteration,
                num_iteration=num_iteration,
                validate_features=validate_features,
                **kwargs,
            )
        )

    def _raw(self, X: Any, **kwargs: Any) -> Any:
        self._fitted_target()
        return super().predict_proba(X, **kwargs)

    def predict_proba(
        self,
        X: Any,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Class probabilities, or focal confidences with focal_probability="focal".

        Parameters
        ----------
        X, raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
            As for `LGBMClassifier.predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes) or (n_samples, n_labels)
            Or what raw_score, pred_leaf or pred_contrib ask for.
        """
        result = self._raw(
            X,
            raw_score=not (pred_leaf or pred_contrib),
            start_iteration=start_iteration,
            num_iteration=num_iteration,
            pred_leaf=pred_leaf,
            pred_contrib=pred_contrib,
            validate_features=validate_features,
            **kwargs,
        )
        return result if raw_score or pred_leaf or pred_contrib else self._probabilities(result)

    def predict(
        self,
        X: Any,
        raw_score: bool = False,
        start_iteration: int = 0,
        num_iteration: int | None = None,
        pred_leaf: bool = False,
        pred_contrib: bool = False,
        validate_features: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The most probable class by predict_proba; labels with more than 0.5.

        Parameters
        ----------
        X, raw_score, start_iteration, num_iteration, pred_leaf, pred_contrib, validate_features, **kwargs
            As for `LGBMClassifier.predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Or what raw_score, pred_leaf or pred_contrib ask for.
        """
        result = self.predict_proba(
            X,
            raw_score=raw_score,
            start_iteration=start_iteration,
            num_iteration=num_iteration,
            pred_leaf=pred_leaf,
            pred_contrib=pred_contrib,
            validate_features=validate_features,
            **kwargs,
        )
        return result if raw_score or pred_leaf or pred_contrib else self._decide(result)

    def save_model(self, fname: str | PathLike[str]) -> None:
        """Write the model as LightGBM's text, with classes, loss and the focal parameters.

        Parameters
        ----------
        fname : path
            Plain LightGBM reads the file too and predicts the focal confidence.
        """
        self._fitted_target()
        record = find_record(self.booster_)
        save_with_record(self.booster_, fname, record, self._record_to_save(record))

    def load_model(self, fname: str | PathLike[str]) -> None:
        """Load what `save_model` wrote.

        Parameters
        ----------
        fname : path
            Of a text model.

        Raises
        ------
        ValueError
            If the file is damaged, or the model is not one of this class.
        """
        booster = load_model(fname)
        with self._all_or_nothing():
            self._restore(find_record(booster))
        self._set_booster(booster)
        self._n_features = self._n_features_in = booster.num_feature()
        names = booster.feature_name()
        self._fitted_with_feature_names = names != [f"Column_{i}" for i in range(len(names))]
        self._best_iteration, self._best_score, self._evals_result = booster.best_iteration, {}, {}
        self.fitted_ = True
