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
        f"{name} was trained with {stored!r}, must have the same gamma, class weights and label_smoothing as "
        f"{asked!r}: the new loss would read the old margins as other probabilities. {CURES}"
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
