"""Bins are made of predictions alone, and suit a rare class."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest

from focalboost.plotting import plot_reliability
from focalboost.plotting._reliability import LEAST_EXPECTED, rare_class_bins, reliability


def test_frequencies_and_intervals_of_two_bins(ax):
    p = np.repeat([0.01, 0.2], 1000)
    y = np.zeros(2000)
    y[:7] = y[1000:1210] = 1
    plot_reliability(y, {"log loss": p}, ax=ax)
    np.testing.assert_allclose(ax.lines[-1].get_xdata(), [0.01, 0.2])
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), [0.007, 0.21])
    bars = [segment[:, 1] for segment in ax.collections[0].get_segments()]
    expected = [binomtest(k, 1000).proportion_ci(0.95, method="wilson") for k in (7, 210)]
    np.testing.assert_allclose(bars, [(each.low, each.high) for each in expected])


def test_calibrated_probabilities_are_on_the_diagonal(predicted):
    y, p = predicted
    found = reliability(y, p["log loss"], p["log loss"])
    assert len(found.predicted) >= 4
    assert ((found.low <= found.predicted) & (found.predicted <= found.high)).mean() >= 0.75
    assert found.n_samples.sum() == y.size


@pytest.mark.parametrize("rate", [0.3, 0.01, 0.0005])
def test_bins_have_enough_expected_positives(rate, rng):
    p = expit(rng.normal(logit(rate), 1.5, 50_000))
    bins = rare_class_bins(p)
    assert (np.bincount(bins, p) >= LEAST_EXPECTED).all()
    order = np.argsort(p)
    assert (np.diff(bins[order]) >= 0).all()
    assert set(bins) == set(range(bins.max() + 1))


@pytest.mark.parametrize("p", [np.full(20, 1e-6), np.array([0.0, 1.0, 0.5]), np.zeros(4), np.ones(9)])
def test_bins_of_edges(p):
    bins = rare_class_bins(p)
    assert set(bins) == set(range(bins.max() + 1))


def test_a_bin_without_a_positive_has_a_bar_and_no_marker(ax):
    p = np.repeat([0.006, 0.4], 1000)
    y = np.zeros(2000)
    y[1000:1400] = 1
    plot_reliability(y, {"a": p}, ax=ax)
    assert np.isnan(ax.lines[-1].get_ydata()).tolist() == [True, False]
    assert len(ax.collections[0].get_segments()) == 2


def test_before_and_after_have_the_same_rows_in_each_bin(predicted, ax):
    y, after = predicted
    before = {name: expit(logit(p) / 2.0) for name, p in after.items()}
    plot_reliability(y, before, binned_by=after, ax=ax)
    for line, name in zip(ax.lines[1:], after, strict=True):
        bins = rare_class_bins(after[name])
        np.testing.assert_allclose(line.get_xdata(), np.bincount(bins, before[name]) / np.bincount(bins))
        np.testing.assert_allclose(line.get_ydata(), np.bincount(bins, y) / np.bincount(bins))


def test_refusals(predicted):
    y, p = predicted
    with pytest.raises(
        ValueError, match=r"y_proba\['a'\] goes from -?[0-9.]+ to [0-9.]+, must be in \[0, 1\]"
    ):
        plot_reliability(y, {"a": logit(p["log loss"])})
    with pytest.raises(ValueError, match=r"binned_by has no 'focal loss', must have each"):
        plot_reliability(y, p, binned_by={"log loss": p["log loss"]})
