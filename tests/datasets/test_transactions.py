"""The generator against the published log's figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score
from sklearn.utils import Bunch

from focalboost.datasets import make_transactions, transaction_features

# The published log's legitimate rows: share, mean and standard deviation of the log amount,
# quartiles of the amount, and shares of empty origins, amounts above the balance, empty
# destinations, destinations whose balances add up (None: merchants have no balance).
FACTS = {
    "CASH_OUT": (0.3527, 11.68, 1.07, (72e3, 146e3, 245e3), 0.460, 0.890, 0.142, 0.903),
    "PAYMENT": (0.3378, 8.97, 1.20, (4.4e3, 9.5e3, 17.6e3), 0.357, 0.509, 1.0, None),
    "CASH_IN": (0.2207, 11.65, 1.07, (72e3, 143e3, 240e3), 0.009, None, 0.114, 0.744),
    "TRANSFER": (0.0822, 12.99, 1.28, (222e3, 488e3, 984e3), 0.542, 0.963, 0.111, 0.889),
    "DEBIT": (0.0065, 7.88, 1.32, (1.4e3, 2.9e3, 5.6e3), 0.164, 0.303, 0.0, 0.896),
}
HOUR_SHARE = (
    0.004, 0.001, 0, 0, 0, 0, 0.001, 0.004, 0.043, 0.067, 0.071, 0.077,
    0.074, 0.069, 0.066, 0.069, 0.069, 0.091, 0.101, 0.086, 0.040, 0.029, 0.022, 0.011,
)  # fmt: skip
NO_DIFFICULTY = dict.fromkeys(("partial_theft", "legitimate_emptying", "night_transfer", "label_noise"), 0.0)


@pytest.fixture(scope="module")
def thefts() -> Bunch:
    """A log with 5,000 positive rows, enough to see what thefts are like."""
    return make_transactions(100_000, imbalance_ratio=19, random_state=1)


def legitimate(log: Bunch, kind: str) -> dict[str, np.ndarray]:
    rows = (log.theft == 0) & (log.columns["type"] == kind)
    return {name: values[rows] for name, values in log.columns.items()}


@pytest.mark.parametrize(
    ("n_samples", "ratio", "positives"),
    [
        (200_000, 733.0, 272),
        (734, 733, 1),
        (368, 733, 1),
        (10_000, 99.0, 100),
        (1_001, 1, 500),
        (5_000, 2.5, 1429),
    ],
)
def test_class_ratio_is_exact(n_samples: int, ratio: float, positives: int) -> None:
    log = make_transactions(n_samples, imbalance_ratio=ratio, random_state=3)
    assert log.target.size == n_samples
    assert int(log.target.sum()) == positives


@settings(max_examples=40, deadline=None)
@given(
    n_samples=st.integers(2, 60),
    ratio=st.floats(1, 40),
    shares=st.tuples(*[st.floats(0, 1)] * 3, st.floats(0, 0.25)),
    seed=st.integers(0, 1000),
)
def test_tiny_logs_are_complete(
    n_samples: int, ratio: float, shares: tuple[float, float, float, float], seed: int
) -> None:
    positives = round(n_samples / (ratio + 1))
    knobs = dict(zip(NO_DIFFICULTY, shares, strict=True))
    if positives == 0:
        with pytest.raises(ValueError, match="must leave at least one positive row"):
            make_transactions(n_samples, imbalance_ratio=ratio, **knobs)
        return
    log = make_transactions(n_samples, imbalance_ratio=ratio, random_state=seed, **knobs)
    assert log.data.shape == (n_samples, len(log.feature_names))
    assert int(log.target.sum()) == positives
    assert np.isfinite(log.data).all()


def test_random_state_reproduces_and_differs() -> None:
    one, same, other = (make_transactions(2_000, random_state=seed) for seed in (5, 5, 6))
    generator = make_transactions(2_000, random_state=np.random.default_rng(5))
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, same.columns[name])
        np.testing.assert_array_equal(values, generator.columns[name])
    np.testing.assert_array_equal(one.data, same.data)
    assert not np.array_equal(one.columns["amount"], other.columns["amount"])


def test_bunch_has_the_documented_layout(log: Bunch) -> None:
    assert list(log.columns) == [
        "step", "type", "amount", "nameOrig", "oldbalanceOrg", "newbalanceOrig",
        "nameDest", "oldbalanceDest", "newbalanceDest", "isFraud", "isFlaggedFraud",
    ]  # fmt: skip
    assert log.data.dtype == np.float32
    assert log.data.flags.c_contiguous
    assert np.isfinite(log.data).all()
    assert log.target.dtype == log.theft.dtype == np.int8
    assert log.step.dtype == np.int32
    assert (np.diff(log.step) >= 0).all()
    assert 1 <= log.step[0] <= log.step[-1] <= 743
    assert log.frame is None
    assert "200,000 simulated transactions" in log.DESCR
    np.testing.assert_array_equal(log.target, log.columns["isFraud"])


def test_as_frame_holds_the_columns() -> None:
    log = make_transactions(1_000, random_state=0, as_frame=True)
    assert list(log.frame.columns) == list(log.columns)
    for name, values in log.columns.items():
        np.testing.assert_array_equal(log.frame[name].to_numpy(), values)
    np.testing.assert_array_equal(transaction_features(log.frame)[0], log.data)


@pytest.mark.parametrize("kind", FACTS)
def test_legitimate_rows_match_the_published_figures(log: Bunch, kind: str) -> None:
    share, log_mean, log_sd, quartiles, empty, exceeding, dest_empty, adds_up = FACTS[kind]
    rows = legitimate(log, kind)
    amount = rows["amount"]
    # Five standard errors, plus .02 for figures published with two or three digits, for the
    # .5 % each of emptying and night rows, and for balances drawn apart from amounts.
    noise = 5 / np.sqrt(amount.size)
    assert amount.size / (log.theft == 0).sum() == pytest.approx(share, abs=0.006)
    assert np.log(amount).mean() == pytest.approx(log_mean, abs=noise * log_sd + 0.02)
    assert np.log(amount).std() == pytest.approx(log_sd, abs=noise * log_sd + 0.02)
    found = np.quantile(amount, (0.25, 0.5, 0.75))
    np.testing.assert_allclose(np.log(found), np.log(quartiles), atol=1.5 * noise * log_sd + 0.03)
    assert amount.max() <= 1e7
    old, new = rows["oldbalanceOrg"], rows["newbalanceOrig"]
    sign = -1 if kind == "CASH_IN" else 1
    assert (old == 0).mean() == pytest.approx(empty, abs=noise / 2 + 0.02)
    if exceeding is not None:
        assert (amount > old).mean() == pytest.approx(exceeding, abs=noise / 2 + 0.02)
    np.testing.assert_allclose(new, np.maximum(old - sign * amount, 0), rtol=0, atol=0.011)
    dest_old, dest_new = rows["oldbalanceDest"], rows["newbalanceDest"]
    assert (dest_old == 0).mean() == pytest.approx(dest_empty, abs=noise / 2 + 0.02)
    if adds_up is None:
        assert not dest_new.any()
    else:
        holds = np.abs(dest_old + sign * amount - dest_new) < 0.011
        assert holds.mean() == pytest.approx(adds_up, abs=noise / 2 + 0.02)


def test_hours_match_the_published_profile(log: Bunch) -> None:
    hours = (log.step[log.theft == 0] - 1) % 24
    share = np.bincount(hours, minlength=24) / hours.size
    # The figures are rounded to .001; 200,000 rows have a standard error of at most .0007.
    np.testing.assert_allclose(share, HOUR_SHARE, atol=0.0035)
    assert (share[2:6] < 0.001).all()


def test_names_are_a_finite_pool_with_merchants_only_for_payments(log: Bunch) -> None:
    names, rows = np.unique(log.columns["nameOrig"], return_counts=True)
    assert log.target.size / 8 < names.size < log.target.size / 4
    assert rows.max() < 200  # a customer of 743 hours, not a robot
    assert all(name.startswith("C") for name in names)
    merchant = np.char.startswith(log.columns["nameDest"], "M")
    np.testing.assert_array_equal(merchant, log.columns["type"] == "PAYMENT")


@pytest.mark.parametrize("seed", range(3))
def test_no_theft_outside_the_span_of_legitimate_rows(seed: int) -> None:
    log = make_transactions(400, imbalance_ratio=4, random_state=seed)
    honest, stolen = log.step[log.theft == 0], log.step[log.theft == 1]
    assert honest.min() <= stolen.min()
    assert stolen.max() <= honest.max()


def test_thefts_are_pairs_through_one_mule(thefts: Bunch) -> None:
    rows = {name: values[thefts.theft == 1] for name, values in thefts.columns.items()}
    assert set(rows["type"]) == {"TRANSFER", "CASH_OUT"}
    transfer, cash_out = rows["type"] == "TRANSFER", rows["type"] == "CASH_OUT"
    assert int(transfer.sum()) - int(cash_out.sum()) in (0, 1)
    sent = set(zip(rows["step"][transfer], rows["nameDest"][transfer], strict=True))
    cashed = set(zip(rows["step"][cash_out], rows["nameOrig"][cash_out], strict=True))
    assert cashed <= sent
    assert not rows["oldbalanceDest"][transfer].any()
    assert not rows["newbalanceDest"][transfer].any()
    assert rows["amount"].max() == 1e7
    # Published quantiles 17k, 127k, 441k, 1.52M, 8.0M; 2,500 thefts, log standard deviation 1.86:
    # .15 is four standard errors of a quartile, the tails are taken more loosely.
    found = np.log(np.quantile(rows["amount"][transfer], (0.05, 0.25, 0.5, 0.75, 0.95)))
    expected = np.log((17e3, 127e3, 441e3, 1.52e6, 8.0e6))
    assert (np.abs(found - expected) < (0.4, 0.2, 0.15, 0.25, 0.5)).all()
    hours = np.bincount((rows["step"] - 1) % 24, minlength=24) / rows["step"].size
    np.testing.assert_allclose(hours, 1 / 24, atol=0.02)  # thieves work at night


def test_flagged_rows_are_refused_transfers() -> None:
    log = make_transactions(60_000, imbalance_ratio=2, random_state=0)
    flagged = log.columns["isFlaggedFraud"] == 1
    rows = {name: values[flagged] for name, values in log.columns.items()}
    assert 15 <= flagged.sum() <= 70  # 16 of 4,097 transfers, 10,000 of them: 39 +- 6
    assert set(rows["type"]) == {"TRANSFER"}
    assert rows["isFraud"].all()
    np.testing.assert_array_equal(rows["oldbalanceOrg"], rows["newbalanceOrig"])
    assert (log.columns["amount"] == 0).sum() == flagged.sum()  # their cash-outs


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_partial_theft_sets_the_share_of_full_balances(share: float) -> None:
    log = make_transactions(
        40_000, imbalance_ratio=9, **{**NO_DIFFICULTY, "partial_theft": share}, random_state=2
    )
    stolen = (log.theft == 1) & (log.columns["amount"].astype(bool))
    capped = log.columns["amount"] == 1e7
    rows = stolen & ~capped
    full = log.columns["amount"][rows] == log.columns["oldbalanceOrg"][rows]
    assert full.mean() == pytest.approx(1 - share, abs=0.03)


def test_legitimate_emptying_and_night_transfer_set_their_shares() -> None:
    def shares(**knobs: float) -> tuple[float, float]:
        log = make_transactions(100_000, **{**NO_DIFFICULTY, **knobs}, random_state=4)
        outflow = (log.theft == 0) & np.isin(log.columns["type"], ("CASH_OUT", "TRANSFER"))
        amount, old = log.columns["amount"][outflow], log.columns["oldbalanceOrg"][outflow]
        return (amount == old).mean(), ((log.step[outflow] - 1) % 24 < 8).mean()

    no_emptying, few_nights = shares()
    assert no_emptying == 0  # never in the published log
    assert few_nights < 0.015
    assert shares(legitimate_emptying=0.05)[0] == pytest.approx(0.05, abs=0.005)
    emptying, nights = shares(night_transfer=0.1)
    assert emptying == pytest.approx(0.05, abs=0.005)
    assert nights == pytest.approx(0.1 + 0.9 * few_nights, abs=0.006)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.25])
def test_label_noise_counts_both_errors(noise: float) -> None:
    log = make_transactions(20_000, imbalance_ratio=19, label_noise=noise, random_state=0)
    false_report = (log.target == 1) & (log.theft == 0)
    unnoticed = (log.target == 0) & (log.theft == 1)
    assert false_report.sum() == round(noise * 1000)
    assert unnoticed.sum() == pytest.approx(noise * log.theft.sum(), abs=1)
    assert set(log.columns["type"][false_report]) <= {"CASH_OUT", "TRANSFER"}


def average_precision(log: Bunch) -> float:
    xgboost = pytest.importorskip("xgboost")
    past = log.step <= np.quantile(log.step, 0.75)
    train = xgboost.QuantileDMatrix(log.data[past], log.target[past])
    settings = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": 1}
    model = xgboost.train(settings, train, 100)
    score = model.predict(xgboost.DMatrix(log.data[~past]))
    return float(average_precision_score(log.target[~past], score))


def test_difficulty_is_honest() -> None:
    # Seeds 0 to 3: .52 to .70, the first .69; at 500,000 rows and 200 rounds .61 to .70; chance is .0014.
    assert 0.6 < average_precision(make_transactions(300_000, random_state=0)) < 0.78


def test_without_difficulty_the_task_is_nearly_separable() -> None:
    log = make_transactions(100_000, imbalance_ratio=199, **NO_DIFFICULTY, random_state=0)
    assert average_precision(log) > 0.98


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_samples": 367}, ValueError, r"n_samples == 367, .* ask for 368 rows or more"),
        ({"n_samples": 1e4}, TypeError, "cannot be interpreted as an integer"),
        ({"imbalance_ratio": 0.5}, ValueError, r"imbalance_ratio == 0\.5, must be finite and at least 1"),
        ({"imbalance_ratio": np.nan}, ValueError, r"imbalance_ratio == nan, must be finite"),
        ({"imbalance_ratio": np.inf}, ValueError, r"imbalance_ratio == inf, must be finite"),
        ({"imbalance_ratio": "9"}, TypeError, r"imbalance_ratio == '9', must be finite"),
        ({"partial_theft": 1.5}, ValueError, r"partial_theft == 1\.5, must be in \[0, 1\]: it is a share"),
        ({"legitimate_emptying": -0.1}, ValueError, r"legitimate_emptying == -0\.1, must be in \[0, 1\]"),
        ({"night_transfer": np.nan}, ValueError, r"night_transfer == nan, must be in \[0, 1\]"),
        ({"label_noise": 0.3}, ValueError, r"label_noise == 0\.3, must be in \[0, 0\.25\]"),
    ],
)
def test_parameters_out_of_range(parameters: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make_transactions(**{"n_samples": 1_000, **parameters})
