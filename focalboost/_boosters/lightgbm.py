"""The callback around a training of LightGBM: the start of a new model, the check of a continued one.

LightGBM's own scores never have the intercept in them: it can only be set as `init_score` of every data set,
which no model keeps. So the booster itself becomes a `TrainingBooster`: objective and metrics are given
scores with the intercept, and everything that leaves it (text, file, prediction, pickle) has the intercept in
its first trees, LightGBM's objective that gives the confidence, and the record of the loss. `lightgbm.train`
ends by reading the booster's own text, which makes it a plain `lightgbm.Booster` again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import lightgbm
import numpy as np
from lightgbm import Booster

from focalboost._boosters import model_text
from focalboost._boosters.call import check_version
from focalboost._boosters.caller import calls_counted, entered
from focalboost._boosters.continuing import check_agrees, go_on, no_record
from focalboost._boosters.names import lightgbm_aliases, refuse_unknown
from focalboost._boosters.parameters import check_lightgbm_parameters, check_metrics
from focalboost._typing import Array

check_version("lightgbm", lightgbm.__version__)

# With several classes and its own default of 0 LightGBM may diverge, with log loss too: on a set where its
# log loss was 7.6 it is .6 with 1; over six sets 1 is better by 2 % in the median.
LAMBDA_OF_SEVERAL = 1.0


def finished(text: str, loss: Any, record: str, margins: Array) -> str:
    """The model text with the intercept in its first trees, its objective, and the record of the loss."""
    header, trees, rest = model_text.split_trees(text)
    if margins.any():
        trees[: margins.size] = [
            model_text.add_to_tree(tree, bias)
            for tree, bias in zip(trees[: margins.size], margins.tolist(), strict=True)
        ]
    header, rest = model_text.with_objective(header, rest, loss.lightgbm_objective(margins.size), record)
    return model_text.without_tree_sizes(header) + "".join(trees) + rest


class TrainingBooster(Booster):
    """A Booster in training with focal loss. It is made of a Booster by `Start`, never built."""

    focal_asked: Any
    focal_loss: Any
    focal_record: str
    focal_calibrate: bool
    focal_before: Any  # the shift of a continued model
    focal_calibrated: tuple[int, str]  # after which round, and the record with the shift
    focal_shift: Array  # of the scores: the intercept of a new model, 0 of a continued one
    focal_margins: dict[int, Array]  # the scores of each data set with it

    # ------------------------------------------------------------------ what objective and metrics are given
    def _shifted(self, function: Any) -> Any:
        if isinstance(function, list):
            return [self._shifted(one) for one in function]
        if function is None or not self.focal_shift.any():
            return function
        shift = self.focal_shift if self.focal_shift.size > 1 else self.focal_shift[0]

        def with_intercept(scores: Array, data: Any) -> Any:
            # Kept for each data set, as LightGBM keeps its scores: a new array costs its page faults.
            margins = self.focal_margins.get(id(data))
            if margins is None or margins.shape != scores.shape:
                margins = self.focal_margins[id(data)] = np.empty_like(scores)
            return function(np.add(scores, shift, out=margins), data)

        return with_intercept

    def _entered(self) -> Any:
        return entered("lightgbm", self, self.focal_asked, self.focal_loss)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        # Not before the first evaluation: LGBMClassifier names a metric of its own, eval set or not.
        check_metrics(self.params)
        with self._entered():
            yield

    def update(self, train_set: Any = None, fobj: Any = None) -> bool:
        if fobj is None:
            raise RuntimeError(
                f"objective must be {self.focal_asked!r}: a round was to be trained without it. Pass "
                "params={'objective': loss} to lightgbm.train or cv, objective=loss to LGBMClassifier, "
                "beside start(loss)."
            )
        before = calls_counted()
        self.focal_calibrated = -1, ""
        with self._entered():
            finished = bool(super().update(train_set, self._shifted(fobj)))
        if calls_counted() == before:
            raise RuntimeError(
                f"objective must be {self.focal_asked!r}: a round was trained without it. Pass "
                "params={'objective': loss} to lightgbm.train or cv, objective=loss to LGBMClassifier, "
                "beside start(loss)."
            )
        return finished

    def eval(self, data: Any, name: str, feval: Any = None) -> Any:
        with self._evaluating():
            return super().eval(data, name, self._shifted(feval))

    def eval_train(self, feval: Any = None) -> Any:
        with self._evaluating():
            return super().eval_train(self._shifted(feval))

    def eval_valid(self, feval: Any = None) -> Any:
        if not self.name_valid_sets:
            return super().eval_valid()
        with self._evaluating():
            return super().eval_valid(self._shifted(feval))

    # ------------------------------------------------------------------ what leaves it
    def model_to_string(
        self, num_iteration: int | None = None, start_iteration: int = 0, importance_type: str = "split"
    ) -> str:
        text = super().model_to_string(num_iteration, start_iteration, importance_type)
        if self.num_trees() == 0:
            return str(text)
        if num_iteration is None:
            num_iteration = self.best_iteration
        # After early stopping predictions use the best rounds, and the scores have all.
        ended_early = 0 < self.best_iteration < self.current_iteration()
        is_whole = start_iteration == 0 and num_iteration in {-1, 0, self.current_iteration()}
        is_whole = is_whole and not ended_early
        record = self._record() if is_whole else self.focal_record
        # The first trees hold the intercept; what begins later does not have it, as in LightGBM's own models.
        shift = self.focal_shift if start_iteration == 0 else np.zeros_like(self.focal_shift)
        return finished(text, self.focal_loss, record, shift)

    def _record(self, *, ended: bool = False) -> str:
        """With the shift of the posterior for all trees so far, from the rows of the training."""
        loss, data = self.focal_loss, getattr(self, "train_set", None)  # free_dataset() takes it away
        # Of several machines each sees its own rows, and LightGBM sums nothing for Python.
        if self.focal_calibrated[0] == self.current_iteration():
            return self.focal_calibrated[1]
        if not self.focal_calibrate or data is None or _number(self.params, "num_machines", 1) > 1:
            return self.focal_record
        if _word(self.params, "boosting") == "dart" and not ended:
            return self.focal_record
        margins = training_scores(self) + self.focal_shift
        labels = loss.labels_of(np.asarray(data.get_label()), margins)
        weight = data.get_weight()
        weights = None if weight is None else np.asarray(weight)
        shift = loss.trained_shift(labels, margins, weights, np.asarray, self.focal_before)
        self.focal_calibrated = self.current_iteration(), str(loss.recorded(self.focal_record, shift))
        return self.focal_calibrated[1]

    def finished(self) -> Booster:
        """A plain Booster of all trees so far."""
        booster = Booster(model_str=self.model_to_string(num_iteration=-1))
        booster.best_iteration, booster.best_score = self.best_iteration, self.best_score
        return no_refit(booster)

    def save_model(
        self,
        filename: Any,
        num_iteration: int | None = None,
        start_iteration: int = 0,
        importance_type: str = "split",
    ) -> Self:
        text = self.model_to_string(num_iteration, start_iteration, importance_type)
        Path(filename).write_text(text, encoding="utf-8")
        return self

    def dump_model(self, *args: Any, **kwargs: Any) -> Any:
        return self.finished().dump_model(*args, **kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        return self.finished().predict(*args, **kwargs)

    def get_leaf_output(self, *args: Any, **kwargs: Any) -> Any:
        return self.finished().get_leaf_output(*args, **kwargs)

    def set_leaf_output(self, tree_id: int, leaf_id: int, value: float) -> Self:
        # The live first trees are without the start, which what leaves the booster has.
        shift = self.focal_shift[tree_id] if tree_id < self.focal_shift.size else 0.0
        # The scores of the training rows do not follow.
        self.focal_calibrate, self.focal_calibrated = False, (-1, "")
        super().set_leaf_output(tree_id, leaf_id, value - shift)
        return self

    def lower_bound(self) -> Any:
        return self.finished().lower_bound()

    def upper_bound(self) -> Any:
        return self.finished().upper_bound()

    def refit(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(REFIT)

    def __reduce__(self) -> Any:
        return _unpickled, (self.model_to_string(num_iteration=-1), self.best_iteration, self.best_score)

    def __deepcopy__(self, memo: Any) -> Booster:
        return self.finished()

    def model_from_string(self, model_str: str) -> Booster:
        """The last act of `lightgbm.train`: a plain Booster of the text that this one gave."""
        if getattr(self, "train_set", None) is not None and self.num_trees() > 0:
            # The scores of the training rows go back to the best round with the trees after it.
            roll_back(self, self.best_iteration if self.best_iteration > 0 else self.current_iteration())
            model_str = model_text.with_record(model_str, self._record(ended=True))
        object.__setattr__(self, "__class__", Booster)
        for name in (
            "focal_asked",
            "focal_loss",
            "focal_record",
            "focal_shift",
            "focal_margins",
            "focal_calibrate",
            "focal_before",
            "focal_calibrated",
        ):
            vars(self).pop(name, None)
        return self.model_from_string(model_str)


REFIT = (
    "refit trains with LightGBM's own objective, not with focal loss, must not be used: continue the model "
    "by focalboost.lightgbm.train(loss, params, train_set, init_model=model), or train a new one."
)


def _unpickled(text: str, best_iteration: int, best_score: Any) -> Booster:
    booster = Booster(model_str=text)
    booster.best_iteration, booster.best_score = best_iteration, best_score
    return no_refit(booster)


def no_refit(booster: Booster) -> Booster:
    """Marked as LightGBM marks a model that was trained with an objective of one's own: refit is an error."""
    vars(booster)["_Booster__set_objective_to_none"] = True
    return booster


def _number(params: Any, name: str, default: int) -> int:
    """A parameter by any of its names."""
    named = [int(params[alias]) for alias in lightgbm_aliases(name) if params.get(alias) is not None]
    return max(named, default=default)


def _word(params: Any, name: str) -> str:
    """A parameter in small letters: LightGBM's main name wins over aliases, of these the shortest."""
    names = sorted(lightgbm_aliases(name), key=lambda alias: (alias != name, len(alias), alias))
    named = [str(params[alias]).lower() for alias in names if params.get(alias) is not None]
    return named[0] if named else ""


def training_scores(booster: Booster) -> Array:
    """Scores of the rows that a booster is in training on, with all its trees and without the start."""
    data, found = booster.train_set, []

    def look(scores: Array, of: Any) -> tuple[str, float, bool]:
        if of is data:
            found.append(scores.copy())
        return "none", 0.0, False

    if _word(booster.params, "boosting") == "dart":
        # Asked for the scores of its training rows it drops trees for the next round; a valid set it scores
        # with the trees that the model has. It is not to be trained on.
        booster.add_valid(data, "training rows")
        Booster.eval_valid(booster, look)
    else:
        Booster.eval_train(booster, look)
    return np.asarray(found[-1])


def roll_back(booster: Booster, n_rounds: int) -> None:
    """Take the trees after a round off a booster in training, and what they added to its scores."""
    for _ in range(booster.current_iteration() - n_rounds):
        booster.rollback_one_iter()


class Start:
    """Starts new models at the best constant, checks continued ones, and keeps the loss in both."""

    before_iteration = True  # LightGBM's way to mark a callback that comes before a round
    order = -1000  # before all others

    def __init__(self, loss: Any, record: str | None = None, own_start: bool = False) -> None:
        self.loss, self.record, self.own_start = loss, record, own_start

    def __call__(self, env: Any) -> None:
        """In the first round each booster becomes a TrainingBooster."""
        if env.iteration == env.begin_iteration:
            for booster in getattr(env.model, "boosters", [env.model]):
                self._begin(booster)

    def _begin(self, booster: Any) -> None:
        params = booster.params
        check_lightgbm_parameters(params)
        refuse_unknown("lightgbm", "LightGBM", params)
        _check_categories(booster.pandas_categorical)
        if not vars(booster).get("_Booster__set_objective_to_none") and not _no_objective(params):
            raise RuntimeError(
                f"objective must be {self.loss!r}: params have {params.get('objective')!r}. Pass "
                "params={'objective': loss} to lightgbm.train or cv, objective=loss to LGBMClassifier."
            )
        n_outputs = booster.num_model_per_iteration()
        if booster.num_trees() > 0:
            text, record = self._record_of(booster)
            stored = self.loss.from_json(record)
            check_stored(stored, text, "init_model")
            loss = go_on(self.loss, stored, "init_model")
            before = stored.logit_shift
            shift = np.zeros(n_outputs)
        else:
            loss, shift, before = self.loss, self._start(booster, n_outputs), None
            record = loss.to_json()
        # Spares LightGBM the reset of its parameters before the first tree, which makes training fail where
        # no feature can be split, and draws other columns for feature_fraction. The objective is "none"
        # without it.
        no_refit(booster)
        booster.__class__ = TrainingBooster
        booster.focal_asked, booster.focal_loss, booster.focal_shift = self.loss, loss, shift
        booster.focal_before = before
        booster.focal_margins, booster.focal_calibrate, booster.focal_calibrated = (
            {},
            True,
            (-1, ""),
        )
        # That of a classifier holds the classes too.
        # The shift of a model so far is not that of the model to come.
        booster.focal_record = loss.recorded(self.record or record, None)

    def _start(self, booster: Any, n_outputs: int) -> Array:
        margins = self.loss.start_margins()
        if margins.size != n_outputs:
            raise ValueError(
                f"loss has {margins.size} outputs, booster has {n_outputs}, must be equal: set "
                f"num_class={margins.size} in params."
            )
        # After a training with init_model LightGBM leaves a data set with an init_score of zeros.
        own = self.own_start or np.any(booster.train_set.get_init_score())
        for valid_set in booster.valid_sets:
            has_one = valid_set.get_init_score() is not None if own else np.any(valid_set.get_init_score())
            if has_one != own:
                raise ValueError(
                    f"a valid set has {'no' if own else 'an'} init_score, must have "
                    f"{'one' if own else 'none'} as train_set: its metrics would be those of another start."
                )
        if own:
            # The user's start, such as loss.margin(probability of an old model), which predictions lack.
            return np.zeros_like(margins)
        return np.asarray(margins)

    def _record_of(self, booster: Any) -> tuple[str, str]:
        """Of the continued model: its text, and the record in it."""
        text = predictor_text(booster)
        record = None if text is None else model_text.find_record(text)
        if text is None or record is None:
            raise no_record("init_model")
        return text, record


def check_stored(stored: Any, text: str, name: str) -> None:
    """An error where the record in a model's text is that of another model."""
    header = text.partition("\nTree=")[0]
    n_outputs = int(header.partition("\nnum_tree_per_iteration=")[2].partition("\n")[0])
    objective, own = model_text.find_objective(header) or "", stored.lightgbm_objective(n_outputs)
    names = {"binary", "multiclass", "multiclassova"}
    check_agrees(stored, name, n_outputs, objective.partition(" ")[0], own.partition(" ")[0], names)


def predictor_text(booster: Any) -> str | None:
    """The text of the first round of the model that a training continues, which only a handle leads to."""
    predictor = getattr(booster.train_set, "_predictor", None)
    if predictor is None:
        return None
    shadow: Any = Booster.__new__(Booster)
    shadow._handle, shadow.best_iteration, shadow.pandas_categorical = predictor._handle, 0, None
    try:
        return str(shadow.model_to_string(num_iteration=1))
    finally:
        shadow._handle = None  # freed by its owner


def both_starts(name: str) -> ValueError:
    """For a model to continue and an init_score."""
    return ValueError(
        f"{name} has an init_score, must have none beside init_model: LightGBM puts the margins of "
        "init_model in its place. Leave init_score out to continue the model, or init_model to start from "
        "the init_score."
    )


def refuse_both_starts(train_set: Any) -> None:
    """Raise for a user's init_score of a data set; that of an earlier continued training is LightGBM's."""
    if getattr(train_set, "_predictor", None) is None and np.any(train_set.init_score):
        raise both_starts("train_set")


def _check_categories(of_columns: list[Any] | None) -> None:
    """LightGBM keeps a data frame's categories as JSON, and fails when a model with others is saved."""
    for values in of_columns or []:
        for value in values:
            if not isinstance(value, str | int | float | np.generic | None):
                raise TypeError(
                    f"a category == {value!r}, must be a string, a number or a boolean: LightGBM could not "
                    "save the model. Convert the categories: X[column].astype(str).astype('category')."
                )


def _no_objective(params: Any) -> bool:
    names = lightgbm_aliases("objective")
    return all(str(params.get(name, "none")).lower() in ("none", "null", "custom", "na") for name in names)
