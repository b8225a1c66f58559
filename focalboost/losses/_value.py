"""A loss as a value: it is not changed, copies are the object itself, and a record brings it back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Self

from focalboost.losses._record import CLASSES, to_json


class Value:
    """Base of `FocalLoss`, a frozen dataclass."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        CLASSES[cls.__name__] = cls

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __sklearn_clone__(self) -> Self:
        return self

    def __repr__(self) -> str:
        values: Any = self
        parts = [f"gamma={values.gamma!r}", f"alpha={values.alpha!r}"]
        for item in fields(values)[2:]:
            value = getattr(self, item.name)
            if item.init and value != item.default:
                parts.append(f"{item.name}={value!r}")
        if values.intercept is not None:
            parts.append(f"intercept={_rounded(values.intercept)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def to_json(self) -> str:
        """The record that saved models keep, as text; floats survive exactly.

        Returns
        -------
        str
        """
        return to_json(self)


def _rounded(intercept: float | tuple[float, ...]) -> str:
    """Six digits, which tell losses of different labels apart."""
    if isinstance(intercept, tuple):
        return f"({', '.join(map(_rounded, intercept))})"
    return f"{intercept:.6g}"
