"""Models of every kind in the three formats of files, and damage done to them at random."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray

import focalboost.lightgbm
import focalboost.xgboost
from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss
from focalboost._boosters.model_document import read_document

FORMATS = ("LightGBM text", "XGBoost JSON", "XGBoost UBJ")
KINDS = ("bits", "byte", "cut", "splice", "number", "value", "removed", "doubled", "renamed", "swapped")
N_ROWS, N_COLUMNS = 300, 4
NASTY = (
    *("0", "1", "-1", "2", "3", "-2", "-3", "5", "7", "13", "99", "-99", "255", "256", "65536", "2147483647"),
    *("-2147483648", "2147483648", "4294967296", "9223372036854775807", "-9223372036854775808", "1e308"),
    *("-1e308", "1e39", "1e400", "1e-400", "nan", "inf", "-inf", "NaN", "Infinity", "-Infinity", "0.5", "-0"),
    *("01", "1.", ".5", "1_0", "0x1", "1e", "+1", "--1", "", " ", "x", "null", "true", "[]", "{}", '""'),
)
_SIZES = {"i": ">b", "U": ">B", "I": ">h", "l": ">i", "L": ">q", "d": ">f"}
_KINDS = {"f4": "d", "i4": "l", "i8": "L", "u1": "U", "i1": "i", "i2": "I"}


class Model(NamedTuple):
    """A model's name, its file, and rows to predict."""

    name: str
    data: bytes
    rows: Any


# ---------------------------------------------------------------------- models
def table() -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Rows with missing values and a column of categories, and labels of every kind."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, N_COLUMNS)).astype(np.float32)
    X[:, 3] = rng.integers(0, 40, N_ROWS)
    score = X[:, 0] + 0.5 * X[:, 1] + X[:, 3] % 3 - 1 + rng.normal(0, 0.5, N_ROWS)
    X[:, :3][rng.random((N_ROWS, 3)) < 0.05] = np.nan
    return X, {
        "binary": (score > 1.5).astype(int),
        "multiclass": np.digitize(score, [0.0, 1.5]),
        "multilabel": np.stack([score > 1.0, score < -0.5], axis=1).astype(int),
    }


LOSSES = {
    "binary": BinaryFocalLoss((2.0, 0.5), "balanced"),
    "multiclass": MulticlassFocalLoss(2.0, "balanced"),
    "multilabel": MultilabelFocalLoss((1.0, 2.0)),
}
OF_LIGHTGBM: dict[str, tuple[str, dict[str, Any]]] = {
    "binary": ("binary", {}),
    "multiclass": ("multiclass", {}),
    "multilabel": ("multilabel", {}),
    "categories": ("binary", {"categorical_feature": [3], "max_cat_to_onehot": 2, "min_data_per_group": 5}),
    "linear": ("binary", {"linear_tree": True}),
    "dart": ("binary", {"boosting": "dart"}),
    "constant": ("binary", {"min_data_in_leaf": N_ROWS}),
}
OF_XGBOOST: dict[str, tuple[str, dict[str, Any]]] = {
    "binary": ("binary", {}),
    "multiclass": ("multiclass", {}),
    "multilabel": ("multilabel", {}),
    "vectors": ("multilabel", {"multi_strategy": "multi_output_tree"}),
    "categories": ("binary", {"max_cat_to_onehot": 2}),
    "dart": ("binary", {"booster": "dart", "rate_drop": 0.5}),
    "forest": ("binary", {"num_parallel_tree": 2, "subsample": 0.5}),
    "pruned": ("binary", {"tree_method": "exact", "gamma": 0.5, "max_depth": 5}),
    "linear": ("binary", {"booster": "gblinear"}),
}


def models(form: str) -> list[Model]:
    """Small models of every kind in one format."""
    X, labels = table()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model.{suffix(form)}"
        return [
            Model(name, *_saved(form, path, name, X, labels[task], LOSSES[task], params))
            for name, (task, params) in (OF_LIGHTGBM if form == FORMATS[0] else OF_XGBOOST).items()
        ]


def _saved(
    form: str, path: Path, name: str, X: Any, y: Any, loss: Any, params: dict[str, Any]
) -> tuple[bytes, Any]:
    booster: Any
    params = dict(params)
    if form == FORMATS[0]:
        columns = params.pop("categorical_feature", "auto")
        y = focalboost.lightgbm.pack_labels(y) if y.ndim == 2 else y
        data = lightgbm.Dataset(X, y, categorical_feature=columns)
        params = {"num_leaves": 6, "min_data_in_leaf": 10, "num_threads": 1, "verbosity": -1, **params}
        booster = focalboost.lightgbm.train(loss, params, data, 3)
        rows = X[:40]
    else:
        X = np.nan_to_num(X) if name == "linear" else X
        types = ["q"] * 3 + ["c"] if name == "categories" else None
        options = {"feature_types": types, "enable_categorical": True} if types else {}
        if name != "linear":
            params = {"max_depth": 3, **params}
        matrix = xgboost.DMatrix(X, y, nthread=1, **options)
        booster = focalboost.xgboost.train(loss, {"nthread": 1, **params}, matrix, 3)
        # Another process makes the matrix.
        rows = {"data": X[:40], "nthread": 1, **options}
    booster.save_model(path)
    return path.read_bytes(), rows


def suffix(form: str) -> str:
    return {FORMATS[0]: "txt", FORMATS[1]: "json", FORMATS[2]: "ubj"}[form]


# ---------------------------------------------------------------------- damage
def mutant(data: bytes, form: str, kind: str, rng: random.Random) -> bytes:
    """The file with damage of one kind, in one place or a few."""
    if kind in _BYTES:
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            data = _BYTES[kind](data, rng) if data else data
        return data
    if kind == "number":
        return _binary_number(data, rng) if form == FORMATS[2] else _number(data, rng)
    if form == FORMATS[0]:
        return _lines(data.decode(), kind, rng).encode()
    document = read_document(data)
    _document(document, kind, rng)
    return dump_ubj(document) if form == FORMATS[2] else dump_json(document).encode()


def _bits(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


def _byte(data: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(data))
    new = bytes([rng.choice([rng.randrange(256), 0, 10, 13, 32, 48 + rng.randrange(10), 255])])
    return data[:place] + rng.choice([new, new, b""]) + data[place + rng.randrange(2) :]


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _splice(data: bytes, rng: random.Random) -> bytes:
    """A piece taken out, doubled, or put elsewhere."""
    start = rng.randrange(len(data))
    piece = data[start : start + 1 + int(rng.expovariate(1 / 60))]
    rest = data[:start] + data[start + len(piece) :] if rng.random() < 0.7 else data
    if rng.random() < 0.4:
        return rest
    place = rng.randrange(len(rest) + 1)
    return rest[:place] + piece + rest[place + rng.choice([0, len(piece)]) :]


_BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bits": _bits,
    "byte": _byte,
    "cut": _cut,
    "splice": _splice,
}


def _number(data: bytes, rng: random.Random) -> bytes:
    """Another number in the place of one, or with one more or another digit."""
    found = rng.choice(list(re.finditer(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?", data)))
    old = found.group()
    digit = rng.randrange(len(old))
    new = rng.choice(
        [
            rng.choice(NASTY).encode(),
            old[:digit] + str(rng.randrange(10)).encode() + old[digit + 1 :],
            old[:digit] + str(rng.randrange(10)).encode() + old[digit:],
            b"-" + old,
        ]
    )
    return data[: found.start()] + new + data[found.end() :]


def _binary_number(data: bytes, rng: random.Random) -> bytes:
    """In UBJ: a length, or a number in an array of one type."""
    found = rng.choice(list(re.finditer(rb"\[\$([dlLU])#L(.{8})", data, re.DOTALL)))
    kind = found.group(1).decode()
    length = struct.unpack(">q", found.group(2))[0]
    if length == 0 or rng.random() < 0.15:
        new = struct.pack(
            ">q", rng.choice([0, 1, -1, length + 1, length - 1, 2**31, 2**62, 2**63 - 1, -(2**63)])
        )
        return data[: found.start(2)] + new + data[found.end(2) :]
    size = struct.calcsize(_SIZES[kind])
    place = found.end() + size * rng.randrange(min(length, (len(data) - found.end()) // size) or 1)
    if kind == "d":
        new = struct.pack(
            ">f", rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, 1.0, -1.0, 1e-45, rng.gauss(0, 1)])
        )
    else:
        low, high = {"l": (-(2**31), 2**31 - 1), "L": (-(2**63), 2**63 - 1), "U": (0, 255)}[kind]
        value = rng.choice([0, 1, 2, 3, -1, 4, 6, 14, 99, 2**31 - 1, low, high])
        new = struct.pack(_SIZES[kind], min(max(value, low), high))
    return data[:place] + new + data[place + size :]


# ---------------------------------------------------------------------- LightGBM: names and values
def _lines(text: str, kind: str, rng: random.Random) -> str:
    lines = text.split("\n")
    named = [i for i, line in enumerate(lines) if "=" in line or line.startswith("[")]
    place, other = rng.choice(named), rng.choice(named)
    name, sign, values = _parts(lines[place])
    if kind == "removed":
        del lines[place]
    elif kind == "doubled":
        lines.insert(rng.choice([place, rng.randrange(len(lines))]), lines[place])
    elif kind == "renamed":
        lines[place] = rng.choice(["x", name[1:], name + "s", _parts(lines[other])[0], ""]) + sign + values
    elif kind == "swapped":
        lines[place], lines[other] = lines[other], lines[place]
        if rng.random() < 0.5:
            lines[other] = name + sign + _parts(lines[other])[2]
    else:
        listed = values.split(" ")
        at = rng.randrange(len(listed))
        if rng.random() < 0.2:
            listed.insert(at, rng.choice([listed[at], rng.choice(NASTY)]))
        elif rng.random() < 0.2:
            del listed[at]
        else:
            listed[at] = rng.choice([rng.choice(NASTY), rng.choice(listed)])
        lines[place] = name + sign + " ".join(listed)
    return "\n".join(lines)


def _parts(line: str) -> tuple[str, str, str]:
    return line.partition(": ") if line.startswith("[") else line.partition("=")


# ---------------------------------------------------------------------- XGBoost: keys and values
def _document(document: Any, kind: str, rng: random.Random) -> None:
    places = _places(document)
    where, key = rng.choice(places)
    other_where, other_key = rng.choice(places)
    value = where[key]
    if kind == "removed":
        if isinstance(where, dict):
            del where[key]
        else:
            _set(where, key, None)
    elif kind == "doubled" and isinstance(where, dict):
        where[_Twice(key)] = _anything(rng) if rng.random() < 0.5 else copy.deepcopy(value)
    elif kind == "renamed" and isinstance(where, dict):
        where[rng.choice([f"{key}s", str(key)[1:], str(other_key)])] = where.pop(key)
    elif kind == "swapped":
        _set(where, key, copy.deepcopy(other_where[other_key]))
    elif isinstance(value, np.ndarray | list) and len(value) and rng.random() < 0.8:
        at = rng.randrange(len(value))
        listed = value.tolist() if isinstance(value, np.ndarray) else value
        new = rng.choice([_anything(rng), rng.choice(listed), rng.randrange(-2, 20), rng.gauss(0, 1)])
        change = rng.random()
        listed = listed[:at] + ([] if change < 0.2 else [new]) + listed[at + (0 if change > 0.8 else 1) :]
        _set(where, key, _typed(listed, value))
    elif isinstance(value, str) and rng.random() < 0.7:
        _set(where, key, rng.choice(NASTY) if rng.random() < 0.7 else f"[{rng.choice(NASTY)}]")
    else:
        _set(where, key, _anything(rng))


class _Twice(str):
    """A key that equals another only in the file."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _set(where: Any, key: Any, value: Any) -> None:
    try:
        where[key] = value
    except (ValueError, TypeError, OverflowError):  # into an array of numbers
        where[key] = 0


def _typed(values: list[Any], like: Any) -> Any:
    """An array of the type that the old one had, where that holds the values."""
    if not isinstance(like, np.ndarray):
        return values
    try:
        with np.errstate(over="ignore"):
            return np.array(values, like.dtype)
    except (ValueError, TypeError, OverflowError):
        return values


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every object and list with the keys in it, arrays as a whole."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        found.append((value, key))
        if not (isinstance(value[key], list) and value[key] and not isinstance(value[key][0], dict | list)):
            found += _places(value[key])
    return found


def _anything(rng: random.Random) -> Any:
    deep: Any = []
    for _ in range(rng.choice([3, 40, 5000])):
        deep = [deep]
    return rng.choice(
        [
            *(
                None,
                True,
                False,
                "",
                "x",
                "0",
                "1",
                "3",
                "-1",
                "99",
                "2147483647",
                "1e39",
                0,
                1,
                2,
                -1,
                3,
                99,
            ),
            *(
                2**31 - 1,
                2**31,
                -(2**31),
                2**63 - 1,
                0.5,
                1e39,
                float("nan"),
                float("inf"),
                [],
                {},
                [0],
                deep,
            ),
        ]
    )


def dump_json(value: Any) -> str:
    """JSON of a document that may hold arrays, keys twice, and lists deeper than Python writes."""
    parts: list[str] = []
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, _Raw):
            parts.append(item)
        elif isinstance(item, dict):
            inner: list[Any] = [_Raw("{")]
            for number, (key, one) in enumerate(item.items()):
                inner += [_Raw("," * (number > 0) + json.dumps(str(key)) + ":"), one]
            todo += [_Raw("}"), *inner[::-1]]
        elif isinstance(item, list | np.ndarray):
            inner = [_Raw("[")]
            for number, one in enumerate(item.tolist() if isinstance(item, np.ndarray) else item):
                inner += [_Raw("," * (number > 0)), one]
            todo += [_Raw("]"), *inner[::-1]]
        else:
            parts.append(json.dumps(item))
    return "".join(parts)


class _Raw(str):
    """JSON as it is to stand in the text."""

    __slots__ = ()


def dump_ubj(value: Any) -> bytes:
    """UBJ of a document, as XGBoost writes it."""
    parts: list[bytes] = []
    todo: list[Any] = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, bytes):
            parts.append(item)
        elif isinstance(item, dict):
            inner: list[Any] = [b"{"]
            for key, one in item.items():
                inner += [_text(str(key)), one]
            todo += [b"}", *inner[::-1]]
        elif isinstance(item, np.ndarray):
            kind = _KINDS[item.dtype.str[1:]]
            parts.append(b"[$" + kind.encode() + b"#L" + struct.pack(">q", item.size))
            parts.append(item.astype(item.dtype.newbyteorder(">")).tobytes())
        elif isinstance(item, list):
            todo += [*item[::-1], b"[#L" + struct.pack(">q", len(item))]
        else:
            parts.append(_scalar(item))
    return b"".join(parts)


def _text(text: str) -> bytes:
    data = text.encode()
    return b"L" + struct.pack(">q", len(data)) + data


def _scalar(value: Any) -> bytes:
    if value is None or isinstance(value, bool):
        return {None: b"Z", True: b"T", False: b"F"}[value]
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return b"d" + struct.pack(">f", np.float32(value))
    kind = "i" if abs(value) < 127 else "l" if abs(value) < 2**31 else "L"
    return kind.encode() + struct.pack(_SIZES[kind], value)
