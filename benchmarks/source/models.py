"""What the three experiments share: contenders, training with either booster, intervals over splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import t as student

from focalboost import BinaryFocalLoss
from focalboost.lightgbm import start

Array = NDArray[Any]
Predict = Callable[[Array], Array]  # rows to margins
COLORS = ("black", "#E69F00", "#0072B2", "#009E73")  # Okabe and Ito's, which the colour-blind can tell apart


class Rows(NamedTuple):
    """Features, labels and the weight of each row, or None."""

    X: Array
    y: Array
    weight: Array | None = None


class Contender(NamedTuple):
    """What to train with; the loss of a built-in objective turns its margins into probabilities."""

    name: str
    loss: BinaryFocalLoss
    built_in: bool = False
    positive_weight: float = 1.0


def log_loss(positive_weight: float = 1.0) -> Contender:
    """The booster's own objective, its positive rows weighted."""
    alpha = None if positive_weight == 1.0 else (1.0, positive_weight)
    name = "log loss" if alpha is None else f"class weights 1 : {positive_weight:g}"
    return Contender(name, BinaryFocalLoss(0.0, alpha), built_in=True, positive_weight=positive_weight)


def focal(name: str, rows: Rows, gamma: float, alpha: Any, threads: int) -> Contender:
    """Focal loss for the labels of the training rows."""
    return Contender(name, BinaryFocalLoss(gamma, alpha, n_jobs=threads).for_labels(rows.y, rows.weight))


def own_loss(contender: Contender, prediction: Array, data: Any) -> float:
    """Mean loss of validation rows, as trained, in thousandths: XGBoost keeps six decimals.

    The boosters' own log loss leaves the weight of positive rows out.
    """
    margin = prediction
    if contender.built_in:  # then the boosters hand over probabilities, in XGBoost float32
        margin = logit(np.clip(prediction.astype(float), 1e-15, 1 - 1e-7))
    weight = data.get_weight()
    weight = None if weight is None or not len(weight) else weight
    values = contender.loss.loss(data.get_label(), margin, weight)
    return 1e3 * float(values.sum() / (values.size if weight is None else weight.sum()))


@dataclass(frozen=True)
class Settings:
    """What all contenders share, in XGBoost's words and with its defaults."""

    rounds: int = 100
    patience: int | None = None  # rounds without progress in the contender's own loss; None: all rounds
    learning_rate: float = 0.1
    max_depth: int = 4
    threads: int = 1
    linear: bool = False  # coefficients instead of trees; XGBoost only
    lasso: float = 0.0  # their L1 penalty


class XGBoost:
    """Trees that grow level by level, or coefficients."""

    def __init__(self, train: Rows, validation: Rows | None, settings: Settings) -> None:
        self.settings = settings
        make = xgb.DMatrix if settings.linear else xgb.QuantileDMatrix
        self.train = make(train.X, train.y, weight=train.weight, nthread=settings.threads)
        self.validation = None
        if validation is not None:
            self.validation = xgb.QuantileDMatrix(
                validation.X, validation.y, weight=validation.weight, nthread=settings.threads, ref=self.train
            )

    def fit(self, contender: Contender) -> tuple[Predict, int]:
        """The margins of the trained model, and its rounds."""
        chosen = self.settings
        params = {"objective": "binary:logistic", "learning_rate": chosen.learning_rate, "seed": 0}
        params |= {"nthread": chosen.threads, "scale_pos_weight": contender.positive_weight}
        if chosen.linear:
            # The other updater, shotgun, lets threads race and never gives the same model twice.
            params |= {"booster": "gblinear", "updater": "coord_descent", "reg_alpha": chosen.lasso}
        else:
            params |= {"max_depth": chosen.max_depth, "disable_default_eval_metric": True}
        callbacks: list[Any] = [] if contender.built_in else [contender.loss.start()]
        stopping: dict[str, Any] = {}
        if self.validation is not None:
            callbacks.append(xgb.callback.EarlyStopping(rounds=chosen.patience, save_best=True))
            stopping["evals"] = [(self.validation, "validation")]
            stopping["custom_metric"] = lambda margin, data: ("loss", own_loss(contender, margin, data))
        obj = None if contender.built_in else contender.loss
        booster = xgb.train(
            params, self.train, chosen.rounds, obj=obj, callbacks=callbacks, verbose_eval=False, **stopping
        )

        def predict(X: Array) -> Array:
            data = xgb.DMatrix(X, nthread=chosen.threads)
            return np.asarray(booster.predict(data, output_margin=True), float)

        return predict, booster.num_boosted_rounds()


class LightGBM:
    """Trees that grow leaf by leaf, to the same depth and with XGBoost's limits."""

    def __init__(self, train: Rows, validation: Rows | None, settings: Settings) -> None:
        self.settings = settings
        common = {"verbosity": -1, "num_threads": settings.threads}
        self.train = lgb.Dataset(train.X, train.y, weight=train.weight, params=dict(common))
        self.validation = None
        if validation is not None:
            self.validation = lgb.Dataset(
                validation.X,
                validation.y,
                weight=validation.weight,
                reference=self.train,
                params=dict(common),
            )
        self.params = common | {
            "learning_rate": settings.learning_rate, "max_depth": settings.max_depth, "seed": 0,
            "num_leaves": 2**settings.max_depth, "min_sum_hessian_in_leaf": 1.0, "lambda_l2": 1.0,
            "metric": "None",
        }  # fmt: skip

    def fit(self, contender: Contender) -> tuple[Predict, int]:
        """The margins of the trained model, and its rounds."""
        chosen, loss = self.settings, contender.loss
        params = {**self.params, "objective": "binary" if contender.built_in else loss}
        params["scale_pos_weight"] = contender.positive_weight
        sets = [] if self.validation is None else [self.validation]
        stop: list[Callable[..., Any]] = []
        if sets:
            stop.append(lgb.early_stopping(chosen.patience or chosen.rounds, verbose=False))
        if not contender.built_in:
            stop.append(start(loss))
        final = lgb.train(
            params, self.train, chosen.rounds, valid_sets=sets, callbacks=stop,
            feval=lambda margin, data: ("loss", own_loss(contender, margin, data), False),
        )  # fmt: skip

        def predict(X: Array) -> Array:
            return np.asarray(final.predict(X, raw_score=True, num_threads=chosen.threads))

        return predict, final.best_iteration or final.current_iteration()


BOOSTERS: dict[str, type[XGBoost | LightGBM]] = {"XGBoost": XGBoost, "LightGBM": LightGBM}


def mean_interval(values: Sequence[float] | Array, test_to_train: float = 0.0) -> tuple[float, float]:
    """Mean, and half its 95 % t-interval.

    Splits of one table share rows, so that their spread says too little of the luck in having this table:
    with `test_to_train`, test rows per training row, the variance is widened (Nadeau and Bengio, "Inference
    for the generalization error", 2003). Splits drawn anew from a generator share none: 0.
    """
    found = np.asarray(values, float)
    spread = (1 / found.size + test_to_train) * found.var(ddof=1)
    return float(found.mean()), float(student.ppf(0.975, found.size - 1) * np.sqrt(spread))
