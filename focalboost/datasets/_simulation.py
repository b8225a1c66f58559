"""Simulated transactions: the generator.

Schema, type shares, hours, amounts and balances follow the published PaySim log (Lopez-Rojas,
Elmir and Axelsson, "PaySim: a financial mobile money simulator for fraud detection", EMSS 2016);
the numbers below were measured on 85,666 of its rows. PaySim steps agents through time; here
every column is drawn at once, so that a million rows take seconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Columns: TypeAlias = dict[str, NDArray[Any]]

N_STEPS = 743  # hours
MAX_AMOUNT = 1e7  # currency units; 3.5 % of the published frauds are exactly this
REFUSED_SHARE = 16 / 4097  # fraudulent transfers that were flagged and moved nothing
LATE_SHARE = 0.1  # destinations whose new balance also holds another posting of the hour
THIEF_DEST_EMPTY = 0.306  # destinations with an empty account when a thief cashes out

PROBITS = (-4.0, -0.6745, 0.0, 0.6745, 4.0)  # where the quantiles below stand: quartiles, far ends


class Kind(NamedTuple):
    """What the log says of one transaction type; `log_*` are natural logs at `PROBITS`.

    The inner three are measured quartiles. The outer two make mean and standard deviation of the
    log what was measured too: a plain log-normal would miss the medians by up to 19 %.
    """

    share: float
    log_amount: tuple[float, ...]
    origin_empty: float
    log_origin: tuple[float, ...]
    dest_empty: float
    log_dest: tuple[float, ...]


_ORIGIN = (-2.0, 9.24, 10.25, 11.38, 15.8)
_PAYER = (-0.58, 9.34, 10.54, 11.69, 16.45)
_SAVER = (-0.13, 10.62, 14.05, 15.49, 19.48)
_DEST = (6.05, 12.45, 13.44, 14.42, 19.12)
_RICH_DEST = (5.85, 13.04, 14.1, 14.97, 19.49)
KINDS = {
    "CASH_OUT": Kind(0.3527, (5.7, 11.184, 11.891, 12.409, 14.75), 0.460, _ORIGIN, 0.142, _DEST),
    "PAYMENT": Kind(0.3378, (2.49, 8.389, 9.159, 9.776, 12.72), 0.357, _PAYER, 1.0, _DEST),
    "CASH_IN": Kind(0.2207, (5.49, 11.184, 11.871, 12.388, 14.55), 0.009, _SAVER, 0.114, _DEST),
    "TRANSFER": Kind(0.0822, (6.67, 12.31, 13.1, 13.8, 17.74), 0.542, _ORIGIN, 0.111, _RICH_DEST),
    "DEBIT": Kind(0.0065, (1.21, 7.244, 7.972, 8.631, 13.18), 0.164, _ORIGIN, 0.0, _DEST),
}
CASH_OUT, PAYMENT, CASH_IN, TRANSFER, DEBIT = range(5)
LOG_STOLEN = (4.53, 11.76, 13.0, 14.24, 19.46)

# Legitimate rows by hour of day, in thousandths; hours 2 to 5 were below .5.
HOURS = (
    4, 1, 0.2, 0.2, 0.2, 0.2, 1, 4, 43, 67, 71, 77, 74, 69, 66, 69, 69, 91, 101, 86, 40, 29, 22, 11
)  # fmt: skip

COLUMNS = (
    "step", "type", "amount", "nameOrig", "oldbalanceOrg", "newbalanceOrig",
    "nameDest", "oldbalanceDest", "newbalanceDest", "isFraud", "isFlaggedFraud",
)  # fmt: skip


class Difficulty(NamedTuple):
    """Shares that make thefts hard to tell; see `focalboost.datasets.make_transactions`."""

    partial_theft: float
    legitimate_emptying: float
    night_transfer: float
    label_noise: float


class Pool(NamedTuple):
    """Accounts `first`, `first + 1`, ..., some far busier than others."""

    first: int
    activity: Floats  # cumulative and rising to 1

    @classmethod
    def draw(cls, rng: np.random.Generator, first: int, size: int) -> Pool:
        # Gamma of shape 1/2: with five rows per customer, 30 % of the customers have none and
        # 14 % a single one, so being new to the log is a hint of theft and no proof.
        activity = np.cumsum(rng.gamma(0.5, size=size))
        return cls(first, activity / activity[-1])

    @property
    def end(self) -> int:
        return self.first + self.activity.size

    def busy(self, rng: np.random.Generator, size: int) -> Integers:
        """Accounts in proportion to their activity."""
        return self.first + np.searchsorted(self.activity[:-1], rng.random(size))

    def any(self, rng: np.random.Generator, size: int) -> Integers:
        """Accounts with equal chances."""
        return rng.integers(self.first, self.end, size=size)


class Population(NamedTuple):
    """Who takes part: customers, the agents who hold cash, merchants."""

    customers: Pool
    agents: Pool
    merchants: Pool
    spending: Floats  # (n_accounts,), standard normal: how large an account's amounts are
    wealth: Floats  # (n_accounts,), standard normal: how large its balance is
    names: NDArray[np.str_]

    @classmethod
    def draw(cls, rng: np.random.Generator, n_samples: int) -> Population:
        customers = Pool.draw(rng, 0, n_samples // 5 + 50)
        agents = Pool.draw(rng, customers.end, n_samples // 60 + 10)
        merchants = Pool.draw(rng, agents.end, n_samples // 40 + 10)
        size = merchants.end
        # An odd multiplier permutes the numbers below 2**31: unique names, no order to learn.
        numbers = (np.arange(size) * 1_103_515_245 + rng.integers(2**31)) % 2**31
        letters = np.where(np.arange(size) < merchants.first, "C", "M")
        names = np.char.add(letters, numbers.astype("U10"))
        spending, wealth = rng.standard_normal((2, size))
        return cls(customers, agents, merchants, spending, wealth, names)


def simulate(
    n_samples: int, n_positive: int, difficulty: Difficulty, rng: np.random.Generator
) -> tuple[Columns, NDArray[np.int8]]:
    """Draw the log, sorted by step, and which rows truly belong to a theft."""
    n_false = round(difficulty.label_noise * n_positive)
    n_theft = round((n_positive - n_false) / (1.0 - difficulty.label_noise))
    n_theft = min(n_theft, n_samples - max(n_false, 1))  # rounding, in a log of a few rows
    people = Population.draw(rng, n_samples)
    honest = _honest_rows(n_samples - n_theft, n_false, difficulty, people, rng)
    # A theft outside the hours of honest trade would be known by its step alone.
    span = int(honest["step"].min()), int(honest["step"].max())
    stolen = _theft_rows(
        n_theft, n_positive - n_false, span=span, difficulty=difficulty, people=people, rng=rng
    )
    order = np.lexsort([np.concatenate([honest[key], stolen[key]]) for key in ("minute", "step")])
    rows = {key: np.concatenate([honest[key], stolen[key]])[order] for key in honest}
    rows["type"] = np.array(tuple(KINDS))[rows["type"]]
    for key in ("nameOrig", "nameDest"):
        rows[key] = people.names[rows[key]]
    theft = (order >= n_samples - n_theft).astype(np.int8)
    return {key: rows[key] for key in COLUMNS}, theft


def _honest_rows(
    size: int, n_false: int, difficulty: Difficulty, people: Population, rng: np.random.Generator
) -> Columns:
    """Legitimate rows; the first `n_false` were reported as frauds all the same."""
    share = np.array([kind.share for kind in KINDS.values()])
    kind = rng.choice(share.size, size=size, p=share / share.sum())
    # Reports concern the two types that thieves use, in their legitimate proportion.
    share[[PAYMENT, CASH_IN, DEBIT]] = 0.0
    kind[:n_false] = rng.choice(share.size, size=n_false, p=share / share.sum())
    outflow = (kind == CASH_OUT) | (kind == TRANSFER)
    nightly = outflow & (rng.random(size) < difficulty.night_transfer)
    emptying = outflow & (rng.random(size) < difficulty.legitimate_emptying)
    emptying |= nightly & (rng.random(size) < 0.5)

    hourly = np.resize(HOURS, N_STEPS)
    step = 1 + rng.choice(N_STEPS, size=size, p=hourly / hourly.sum())
    step[nightly] = _night_steps(rng, int(nightly.sum()))

    origin = people.customers.busy(rng, size)
    dest = people.agents.busy(rng, size)
    payment, transfer = kind == PAYMENT, kind == TRANSFER
    dest[payment] = people.merchants.busy(rng, int(payment.sum()))
    dest[transfer] = people.customers.busy(rng, int(transfer.sum()))

    spending = _near(rng, people.spending[origin])
    spending[nightly] = np.abs(spending[nightly])  # the larger half
    wealth = _near(rng, people.wealth[origin])
    dest_wealth = _near(rng, people.wealth[dest])
    amount, old_origin, old_dest = np.empty((3, size))
    for code, facts in enumerate(KINDS.values()):
        of = kind == code
        amount[of] = _money(spending[of], facts.log_amount)
        old_origin[of] = _balance(wealth[of], facts.origin_empty, facts.log_origin)
        old_dest[of] = _balance(dest_wealth[of], facts.dest_empty, facts.log_dest)
    amount = np.minimum(amount, MAX_AMOUNT)
    old_origin[emptying] = amount[emptying]
    # Half of those who move everything move it to an account they have just opened.
    old_dest[emptying & (rng.random(size) < 0.5)] = 0.0

    sign = np.where(kind == CASH_IN, -1.0, 1.0)
    late = (kind != CASH_IN) & (rng.random(size) < LATE_SHARE)
    new_dest = np.maximum(old_dest + sign * amount, 0.0) + late * rng.permutation(amount)
    new_dest[payment] = 0.0  # merchants' balances are not in the log
    return {
        "step": step.astype(np.int32),
        "minute": rng.random(size),
        "type": kind,
        "amount": amount,
        "nameOrig": origin,
        "oldbalanceOrg": old_origin,
        "newbalanceOrig": np.round(np.maximum(old_origin - sign * amount, 0.0), 2),
        "nameDest": dest,
        "oldbalanceDest": old_dest,
        "newbalanceDest": np.round(new_dest, 2),
        "isFraud": (np.arange(size) < n_false).astype(np.int8),
        "isFlaggedFraud": np.zeros(size, np.int8),
    }


def _theft_rows(
    size: int,
    n_reported: int,
    *,
    span: tuple[int, int],
    difficulty: Difficulty,
    people: Population,
    rng: np.random.Generator,
) -> Columns:
    """Thefts: a transfer from a victim to a mule, who then cashes out in the same hour.

    Rows 2i and 2i + 1 are a pair; only the first `n_reported` rows were found out. An odd `size`
    leaves the last transfer without its cash-out.
    """
    pairs = (size + 1) // 2
    loot = _money(rng.standard_normal(pairs), LOG_STOLEN)
    amount = np.minimum(loot, MAX_AMOUNT)
    taken = rng.uniform(0.2, 0.9, size=(2, pairs))  # of the balance, in a partial theft
    partial = rng.random((2, pairs)) < difficulty.partial_theft
    victim_old, mule_old = np.where(partial, np.round(amount / taken, 2), (loot, amount))
    # A refused transfer is known to the bank, so it is never among the unnoticed ones.
    refused = (rng.random(pairs) < REFUSED_SHARE) & (2 * np.arange(pairs) < n_reported - 1)
    cashed = np.where(refused, 0.0, amount)
    mule_old = np.where(refused, 0.0, mule_old)

    victim, mule = people.customers.busy(rng, pairs), people.customers.any(rng, pairs)
    agent = people.agents.busy(rng, pairs)
    agent_old = _balance(_near(rng, people.wealth[agent]), THIEF_DEST_EMPTY, KINDS["CASH_OUT"].log_dest)
    step = rng.integers(span[0], span[1], size=pairs, endpoint=True)
    minute = rng.random(pairs)
    later = minute + (1.0 - minute) * rng.random(pairs)
    none = np.zeros(pairs)

    def alternate(transfers: NDArray[Any], cash_outs: NDArray[Any]) -> NDArray[Any]:
        return np.stack([transfers, cash_outs], axis=1).ravel()[:size]

    moved = np.where(refused, 0.0, amount)
    return {
        "step": alternate(step, step).astype(np.int32),
        "minute": alternate(minute, later),
        "type": alternate(np.full(pairs, TRANSFER), np.full(pairs, CASH_OUT)),
        "amount": alternate(amount, cashed),
        "nameOrig": alternate(victim, mule),
        "oldbalanceOrg": alternate(victim_old, mule_old),
        "newbalanceOrig": np.round(alternate(victim_old - moved, mule_old - cashed), 2),
        "nameDest": alternate(mule, agent),
        "oldbalanceDest": alternate(none, agent_old),
        "newbalanceDest": np.round(alternate(none, agent_old + cashed), 2),
        "isFraud": (np.arange(size) < n_reported).astype(np.int8),
        "isFlaggedFraud": alternate(refused, none).astype(np.int8),
    }


def _near(rng: np.random.Generator, level: Floats) -> Floats:
    """Standard normal draws that correlate by .7 with the accounts' own standard normal levels."""
    near: Floats = 0.7 * level + np.sqrt(1.0 - 0.7**2) * rng.standard_normal(level.size)
    return near


def _money(normal: Floats, log_quantiles: tuple[float, ...]) -> Floats:
    """Amounts in whole cents, at least one, from standard normal draws."""
    money: Floats = np.maximum(np.round(np.exp(np.interp(normal, PROBITS, log_quantiles)), 2), 0.01)
    return money


def _balance(normal: Floats, empty: float, log_quantiles: tuple[float, ...]) -> Floats:
    """Balances from standard normal draws; the lowest share `empty` of them are zero."""
    level = ndtr(normal)
    if empty == 1.0:
        return np.zeros_like(level)
    rest = ndtri(np.maximum(level - empty, 0.0) / (1.0 - empty))  # -inf where empty
    balance: Floats = np.where(level < empty, 0.0, _money(rest, log_quantiles))
    return balance


def _night_steps(rng: np.random.Generator, size: int) -> Integers:
    """Steps whose hour of day is 0 to 7, each day and hour alike."""
    steps = np.flatnonzero(np.arange(N_STEPS) % 24 < 8) + 1
    return rng.choice(steps, size=size)
