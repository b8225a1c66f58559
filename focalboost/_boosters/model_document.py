"""XGBoost's model files as documents: JSON, and Universal Binary JSON as XGBoost writes it.

Every length is checked before it is used, no key stands twice, and values come out of the document with the
type that they must have. XGBoost's own readers end the process at deep or cut off files.
"""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import numpy as np

from focalboost._boosters.model_file import ModelFileError, refused
from focalboost._typing import Array

MAX_INT = 2**31 - 1
DICT, LIST, TEXT, WHOLE = (dict, "an object"), (list, "a list"), (str, "text"), (int, "a whole number")
_TYPES = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4"}
_MOST_DEEP = 32  # XGBoost's models have 8


def read_document(data: bytes) -> Any:
    """Objects are dicts; lists of one type are NumPy arrays in UBJ."""
    if data[:1] != b"{":
        raise refused(f"the file begins with {data[:8]!r}", "a model in JSON or UBJ, which begins with '{'")
    # As XGBoost decides: a key of UBJ begins with its length, marked L.
    return _read_ubj(data) if data[1:2] == b"L" else _read_json(data)


# ---------------------------------------------------------------------- JSON
def _read_json(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except RecursionError:
        raise refused("the JSON is too deep", "as XGBoost writes it") from None
    except UnicodeDecodeError as error:
        raise refused(f"byte {error.start} == {data[error.start]:#04x}", "text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise refused(f"{error.msg} at byte {error.pos}", "JSON or UBJ") from None
    except ValueError as error:  # of json: a number of thousands of digits
        if type(error) is not ValueError:
            raise
        raise refused(str(error), "JSON or UBJ") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise refused(f"key {next(name for name in names if names.count(name) > 1)!r} twice", "there once")
    return found


# ---------------------------------------------------------------------- values out of it
def get(owner: Any, name: str, kind: tuple[type, str]) -> Any:
    """A value by its name, of the type that it has in a model."""
    if not isinstance(owner, dict) or name not in owner:
        raise refused(f"{name} is missing", "there")
    return checked(owner[name], kind, name)


def checked(value: Any, kind: tuple[type, str], name: str) -> Any:
    # An array of one type is a NumPy array in UBJ.
    if not isinstance(value, kind[0]) and not (kind is LIST and isinstance(value, np.ndarray)):
        raise refused(f"{name} == {shown(value)}", kind[1])
    return value


def whole_numbers(values: Any, name: str) -> Array:
    found = values if isinstance(values, np.ndarray) else _from_list(values)
    if found.size and (found.dtype.kind not in "iub" or found.dtype == np.uint64):
        raise refused(f"{name} == {shown(values)}", "whole numbers")
    return found.astype(np.int64)


def numbers(values: Any, name: str) -> Array:
    """As float32, which XGBoost computes in."""
    found = values if isinstance(values, np.ndarray) else _from_list(values)
    if found.size and found.dtype.kind not in "iuf":
        raise refused(f"{name} == {shown(values)}", "numbers")
    with np.errstate(over="ignore"):
        return found.astype(np.float32)


def _from_list(values: Any) -> Array:
    try:
        found = np.array(values)
    except (ValueError, OverflowError):
        return np.array([None])
    return found if found.ndim == 1 else np.array([None])


def integer(owner: Any, name: str, least: int, default: str | None = None) -> int:
    """A whole number that stands as text, as parameters do."""
    value = (
        owner.get(name, default)
        if isinstance(owner, dict) and default is not None
        else get(owner, name, TEXT)
    )
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"\d{1,10}", value, re.ASCII)
        or not least <= int(value) <= MAX_INT
    ):
        raise refused(f"{name} == {shown(value)}", f"a whole number >= {least}, as text")
    return int(value)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


# ---------------------------------------------------------------------- UBJ
def _read_ubj(data: bytes) -> Any:
    """The document; arrays of one type are NumPy arrays, others lists."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise refused(f"{len(data) - reader.at} bytes after the end of the model", "none")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def value(self, depth: int) -> Any:
        marker = self._take(1)
        if depth > _MOST_DEEP:
            raise refused(f"byte {self.at} is {depth} levels deep", f"at most {_MOST_DEEP}")
        if marker == b"{":
            return self._object(depth)
        if marker == b"[":
            return self._array(depth)
        if marker == b"S":
            return self._text()
        if marker in _TYPES:
            return self._number(marker)
        raise self._bad(marker)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != b"}":
            name = self._text()
            if name in found:
                raise refused(f"key {name!r} twice", "there once")
            found[name] = self.value(depth + 1)
        self.at += 1
        return found

    def _array(self, depth: int) -> Any:
        marker = self._peek()
        if marker == b"$":
            self.at += 1
            kind = self._take(1)
            if kind not in _TYPES:
                raise self._bad(kind)
            dtype = np.dtype(_TYPES[kind])
            length = self._length(dtype.itemsize)
            values = np.frombuffer(self.data, dtype, length, self.at)
            self.at += length * dtype.itemsize
            return values.astype(dtype.newbyteorder("="))
        if marker == b"#":
            return [self.value(depth + 1) for _ in range(self._length(1))]
        found = []
        while self._peek() != b"]":
            found.append(self.value(depth + 1))
        self.at += 1
        return found

    def _length(self, itemsize: int) -> int:
        marker = self._take(1)
        if marker != b"#":
            raise self._bad(marker)
        return self._size(itemsize)

    def _size(self, itemsize: int) -> int:
        """A length, of which there is as much left."""
        marker = self._take(1)
        if marker != b"L":
            raise self._bad(marker)
        (size,) = struct.unpack(">q", self._take(8))
        if not 0 <= size <= (len(self.data) - self.at) // itemsize:
            raise refused(f"length == {size} before byte {self.at}", "what the file has left")
        return int(size)

    def _text(self) -> str:
        data = self._take(self._size(1))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise refused(f"text {data[:20]!r} before byte {self.at}", "in UTF-8") from error

    def _number(self, marker: bytes) -> int | float:
        dtype = np.dtype(_TYPES[marker])
        value: int | float = np.frombuffer(self._take(dtype.itemsize), dtype)[0].item()
        return value

    def _peek(self) -> bytes:
        if self.at >= len(self.data):
            raise refused(f"the model goes on after byte {self.at}", "a whole file")
        return self.data[self.at : self.at + 1]

    def _take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise refused(f"the model goes on after byte {len(self.data)}", "a whole file")
        self.at += size
        return self.data[self.at - size : self.at]

    def _bad(self, marker: bytes) -> ModelFileError:
        return refused(f"byte {self.at - 1} == {marker!r}", "of a model that XGBoost wrote")
