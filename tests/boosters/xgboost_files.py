"""Models of XGBoost of every kind, their documents, and damage to them."""

import json
import struct
from functools import cache

import numpy as np
import pytest

from focalboost import BinaryFocalLoss, MulticlassFocalLoss, MultilabelFocalLoss

xgb = pytest.importorskip("xgboost")
from focalboost.xgboost import load_model, train  # noqa: E402  # needs xgboost

rng = np.random.default_rng(0)
N = 400
X = rng.normal(size=(N, 4)).astype(np.float32)
X[:, 3] = rng.integers(0, 30, N)
SCORE = X[:, 0] + X[:, 3] % 3 + rng.normal(0, 0.5, N)
X[:, :3][rng.random((N, 3)) < 0.1] = np.nan
Y, CLASSES = (SCORE > 1.8).astype(int), np.digitize(SCORE, [0.5, 1.7])
LABELS = np.stack([Y, SCORE < 0], axis=1)
LOGISTIC, SOFTMAX = {"objective": "binary:logistic"}, {"objective": "multi:softprob", "num_class": 3}
CODES = {"feature_types": ["q", "q", "float", "c"], "enable_categorical": True}
WRITTEN = {
    "binary": (LOGISTIC, Y, {}),
    "classes": (SOFTMAX, CLASSES, {}),
    "labels": (LOGISTIC, LABELS, {}),
    "vectors": ({**LOGISTIC, "multi_strategy": "multi_output_tree"}, LABELS, {}),
    "vectors of classes": ({**SOFTMAX, "multi_strategy": "multi_output_tree"}, CLASSES, {}),
    "one tree": ({**LOGISTIC, "max_cat_to_onehot": 2}, Y, CODES),
    "forest": ({**LOGISTIC, "num_parallel_tree": 3, "subsample": 0.5}, Y, {}),
    "forests of classes": ({**SOFTMAX, "num_parallel_tree": 2, "subsample": 0.5}, CLASSES, {}),
    "sets of categories": ({**LOGISTIC, "max_cat_to_onehot": 2}, Y, CODES),
    "one category": ({**LOGISTIC, "max_cat_to_onehot": 99}, Y, CODES),
    "dart": ({**LOGISTIC, "booster": "dart", "rate_drop": 0.5}, Y, {}),
    "linear": ({**LOGISTIC, "booster": "gblinear"}, Y, {}),
    "linear, classes": ({**SOFTMAX, "booster": "gblinear"}, CLASSES, {}),
    "pruned": ({**LOGISTIC, "tree_method": "exact", "gamma": 1.5, "max_depth": 6}, Y, {}),
    "by leaves": ({**LOGISTIC, "grow_policy": "lossguide", "max_leaves": 20, "max_depth": 0}, Y, {}),
    "constant": ({"objective": "reg:squarederror"}, Y * 0, {}),
    "ranking": ({"objective": "rank:ndcg"}, Y, {"group": [100] * 4}),
    "quantiles": ({"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]}, SCORE, {}),
}
NAMES = ["json", "ubj"]


def plain(kind):
    """A model of XGBoost's own, and rows."""
    params, y, options = WRITTEN[kind]
    rows = np.nan_to_num(X) if kind.startswith("linear") else X
    matrix = xgb.DMatrix(rows, y, **options)
    params = {"nthread": 1, **params} | ({} if kind.startswith("linear") else {"max_depth": 3, **params})
    return xgb.train(params, matrix, 1 if kind == "one tree" else 4), matrix


def path_text(booster):
    return bytes(booster.save_raw("json"))


def model_of(document):
    booster = document["learner"]["gradient_booster"]
    return booster.get("gbtree", booster)["model"]


def trees_of(document):
    return model_of(document).get("trees", [])


FOCAL = {
    "focal binary": (BinaryFocalLoss((2.0, 0.5), 0.25), Y),
    "focal classes": (MulticlassFocalLoss(2.0), CLASSES),
    "focal labels": (MultilabelFocalLoss(1.0), LABELS),
}


@cache
def text_of(kind):
    if kind not in WRITTEN:
        loss, y = FOCAL[kind]
        return path_text(train(loss, {"nthread": 1, "max_depth": 3}, xgb.DMatrix(X, y), 3))
    return path_text(plain(kind)[0])


def document_of(kind):
    return json.loads(text_of(kind))


def put(path, value):
    """Another value at a path of keys, from the learner on; T<n> is a tree, M the model."""

    def damage(document):
        *way, last = path.split(".")
        where = document["learner"]
        for step in way:
            if step == "M":
                where = model_of(document)
            elif step.startswith("T"):
                where = trees_of(document)[int(step[1:])]
            else:
                where = where[int(step) if isinstance(where, list) else step]
        key = int(last) if isinstance(where, list) else last
        if value is KeyError:
            del where[key]
        else:
            where[key] = value
        return document

    return damage


def as_ubj(value):
    """UBJ without arrays of one type, which XGBoost reads too."""

    def text(item):
        data = item.encode()
        return b"L" + struct.pack(">q", len(data)) + data

    if isinstance(value, dict):
        return b"{" + b"".join(text(key) + as_ubj(item) for key, item in value.items()) + b"}"
    if isinstance(value, list):
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(map(as_ubj, value))
    if isinstance(value, str):
        return b"S" + text(value)
    if value is None:
        return b"Z"
    if isinstance(value, float):
        with np.errstate(over="ignore"):
            return b"d" + struct.pack(">f", np.float32(value))
    return b"L" + struct.pack(">q", value)


def check_refused(kind, damage, found, form, folder):
    """A model with damage, written in one of the formats, is refused by the name of the file."""
    path = folder / f"model.{form}"
    text = json.dumps(damage(document_of(kind)))
    path.write_bytes(text.encode() if form == "json" else as_ubj(json.loads(text)))
    with pytest.raises(ValueError, match=rf"model\.{form}: {found}"):
        load_model(path)
