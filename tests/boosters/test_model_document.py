"""Documents of XGBoost: JSON and UBJ read as XGBoost writes them, and not otherwise."""

import json
import struct

import numpy as np
import pytest

from focalboost._boosters.model_document import LIST, get, integer, numbers, read_document, whole_numbers

xgb = pytest.importorskip("xgboost")


@pytest.fixture(scope="module")
def booster():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    matrix = xgb.DMatrix(X, X[:, 0] > 0.5, feature_names=["a", "b", "größe"])
    return xgb.train({"max_depth": 3, "nthread": 1, "objective": "binary:logistic"}, matrix, 4)


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(other, list) and other and isinstance(other[0], dict):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(other, list):
        # Floats are float32 in UBJ, and their shortest text in JSON.
        return [np.float32(v) if isinstance(v, float) else v for v in other] == list(one)
    return one == other


def test_both_formats_are_the_same_document(booster):
    text, binary = (read_document(bytes(booster.save_raw(form))) for form in ("json", "ubj"))
    assert same(binary, text)
    assert text["learner"]["feature_names"] == ["a", "b", "größe"]
    assert binary["learner"]["gradient_booster"]["model"]["trees"][0]["parents"].dtype == np.int32


def ubj(*parts):
    return b"{L" + struct.pack(">q", 1) + b"a" + b"".join(parts) + b"}"


def length(n):
    return b"L" + struct.pack(">q", n)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\xff\xfe", -2),
        (b"l\x00\x00\x00\x07", 7),
        (length(-5), -5),
        (b"d\x3f\x80\x00\x00", 1.0),
        (b"S" + length(3) + b"g\xc3\xbc", "gü"),
        (b"[]", []),
        (b"[i\x01i\x02]", [1, 2]),
        (b"[#" + length(2) + b"i\x01S" + length(0), [1, ""]),
        (b"[$d#" + length(1) + b"\x40\x00\x00\x00", [2.0]),
        (b"[$l#" + length(0), []),
        (b"{}", {}),
    ],
)
def test_values_of_ubj(value, found):
    read = read_document(ubj(value))["a"]
    assert (read.tolist() if isinstance(read, np.ndarray) else read) == found


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "the file begins with b'', must be a model in JSON or UBJ"),
        (b"binf\x00", "the file begins with b'binf"),
        (b'{"a": 1', "Expecting ',' delimiter at byte 7, must be JSON or UBJ"),
        (b'{"a": 1}}', "Extra data at byte 8, must be JSON"),
        (b'{"a": 1, "a": 1}', "key 'a' twice, must be there once"),
        (b'{"\xff": 1}', "byte 2 == 0xff, must be text in UTF-8"),
        (b'{"a": ' + b"[" * 99_999, "the JSON is too deep"),
        (b'{"a": ' + b"9" * 9999 + b"}", "must be JSON or UBJ"),
        (ubj(b"T"), "byte 11 == b'T', must be of a model that XGBoost wrote"),
        (ubj(b"D" + bytes(8)), "byte 11 == b'D', must be"),
        (ubj(b"i\x01") + b" ", "1 bytes after the end of the model, must be none"),
        (ubj(b"i\x01")[:-1], "the model goes on after byte 13, must be a whole file"),
        (ubj(b"d\x00\x00")[:-1], "the model goes on after byte 14, must be a whole file"),
        (ubj(b"S" + length(9) + b"abc"), "length == 9 before byte 21, must be what the file has left"),
        (ubj(b"S" + length(-1)), "length == -1 before"),
        (ubj(b"S" + length(1) + b"\xff"), r"text b'\\xff' before byte 22, must be in UTF-8"),
        (ubj(b"[$l#" + length(2**62)), "length == 4611686018427387904 before"),
        (ubj(b"[$l#" + length(2) + bytes(4)), "length == 2 before"),
        (ubj(b"[$D#" + length(1) + bytes(8)), "byte 13 == b'D', must be"),
        (ubj(b"[#" + length(2**40)), "length == 1099511627776 before"),
        (ubj(b"[" * 50), "is 33 levels deep, must be at most 32"),
        (ubj(b"i\x01" + length(1) + b"ai\x02"), "key 'a' twice"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_is_no_document_is_refused(data, found):
    with pytest.raises(ValueError, match=found):
        read_document(data)


def test_values_have_their_type():
    owner = json.loads(
        '{"n": "12", "list": [1, 2], "mixed": [1, "2"], "deep": [[1], [2, 3]], "huge": [1, 1e39]}'
    )
    assert integer(owner, "n", 3) == 12
    assert integer(owner, "m", 0, "7") == 7
    assert whole_numbers(get(owner, "list", LIST), "list").tolist() == [1, 2]
    assert np.isinf(numbers(owner["huge"], "huge")[1])
    for name in ("mixed", "deep", "huge"):
        with pytest.raises(ValueError, match=rf"{name} == \[.*, must be whole numbers"):
            whole_numbers(owner[name], name)
    with pytest.raises(ValueError, match=rf"big == \[{2**63}\], must be whole numbers"):
        whole_numbers([2**63], "big")
    with pytest.raises(ValueError, match=r"mixed == \[1, '2'\], must be numbers"):
        numbers(owner["mixed"], "mixed")
    with pytest.raises(ValueError, match="n == '12', must be a list"):
        get(owner, "n", LIST)
    with pytest.raises(ValueError, match="x is missing, must be there"):
        get(owner, "x", LIST)
    for text in ("-1", "1.0", "", "٣", "99999999999", "2147483648"):
        with pytest.raises(ValueError, match=r"n == .*, must be a whole number >= 0, as text"):
            integer({"n": text}, "n", 0)
    with pytest.raises(ValueError, match="n == '12', must be a whole number >= 13, as text"):
        integer(owner, "n", 13)
