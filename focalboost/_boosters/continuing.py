"""Whether a loss may go on from a model: only where both mean the same, and then with the stored one."""

from __future__ import annotations

from typing import Any, Protocol, Self

CURES = (
    "Train on with stored_loss(model), whose numbers stay; or train a new model; or start a new model from "
    "the old one's probabilities: base_margin (XGBoost) or init_score (LightGBM) = loss.margin(probability)."
)


class Loss(Protocol):
    """What must be known of a loss here."""

    def same_meaning(self, other: Any) -> bool:
        """Whether a margin of one is a margin of the other."""

    def going_on_with(self, stored: Any) -> Self:
        """`stored`, with the Hessian, device and threads of this one."""


def go_on(asked: Any, stored: Any, name: str) -> Any:
    """The loss that training goes on with; an error where `asked` reads margins in another way."""
    if asked.same_meaning(stored):
        return asked.going_on_with(stored)
    raise ValueError(
        f"{name} was trained with {stored!r}, must have the same gamma, class weights, label_smoothing "
        f"and sampling_rate as {asked!r}: the new loss would read the old margins as other probabilities. "
        f"{CURES}"
    )


def check_agrees(stored: Any, name: str, n_outputs: int, transform: str, own: str, others: set[str]) -> None:
    """An error where a model and its record contradict one another: the record is that of another model.

    `transform` is the model's objective, `own` that of the stored loss, `others` those of all losses. Any
    objective beyond them, such as the one that XGBoost has for a custom loss by itself, contradicts none.
    """
    cure = "the record is that of another model. Save the model again where it was trained, or pass the loss."
    wanted = stored._n_outputs()
    if wanted is not None and wanted != n_outputs:
        raise ValueError(
            f"{name} has {n_outputs} outputs, its stored loss {stored!r} has {wanted}, must be equal: {cure}"
        )
    if transform != own and transform in others:
        raise ValueError(
            f"{name} has the objective {transform!r}, its stored loss {stored!r} has {own!r}, must be equal: "
            f"{cure}"
        )


def no_record(name: str) -> ValueError:
    """For a model of which nothing is known: log loss, another library's, an older file."""
    return ValueError(
        f"{name} has no stored loss, must be a model trained with focalboost: what its margins mean is not "
        "known, and focal loss reads them as other probabilities. Train a new model; or start a new model "
        "from the old one's probabilities: base_margin (XGBoost) or init_score (LightGBM) = "
        "loss.margin(probability). If it was trained with this loss but not stored, put loss.to_json() into "
        "it: booster.set_attr(focalboost=loss.to_json())."
    )
