"""The multi-label loss: one entry for each label, and every error text."""

import pytest

from focalboost import MultilabelFocalLoss

L = MultilabelFocalLoss()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: MultilabelFocalLoss((1, 2), (0.5,)), ValueError, r"has 1 entries, must have 2"),
        (lambda: MultilabelFocalLoss(2, (0.5, 2)), ValueError, r"alpha\[1\] == 2, must be in \(0, 1\)"),
        (lambda: MultilabelFocalLoss(2, ((1, 2, 3),)), ValueError, r"has 3 entries, must have 2, one per s"),
    ],
)
def test_what_has_not_one_entry_for_each_label_is_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: L.loss([[0, 1]], [0.0]), ValueError, r"raw_prediction has shape \(1,\), must be \(n_sam"),
        (lambda: L.loss([[0, 1]], [[0.0]]), ValueError, r"y_true has shape \(1, 2\), must be \(1, 1\)"),
        (lambda: L.gradient_hessian([[0, 7]], [[0.0, 0]]), ValueError, r"y_true\[0, 1\] == 7, must be in"),
    ],
)
def test_bad_data_name_value_rule_and_cure(call, error, text):
    with pytest.raises(error, match=text):
        call()
