"""How fast executors are, told apart from what they were given to do.

Where the same keys ran on several executors, a key is compared with itself: logarithms of seconds are taken apart into
what the key, the run and the executor add to them, by medians in turn (J. W. Tukey, Exploratory Data Analysis, 1977,
chapter 11, median polish; with a third factor, and with most combinations never measured). Else keys are compared with
others of about as many rows, after the power law has taken away what rows explain.

A speed other than 1 is believed only when the evidence is strong, for it decides where the heaviest keys go: one
that was slow in one run may have been starting, or may have had a neighbour. Most of its runs have to agree, and, where
keys are compared with others, there have to be two.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from statistics import NormalDist

import numpy as np

from planner.model.arrays import Bool, Float64, Int32, Int64

__all__ = [
    "LEAST_EFFECT",
    "LEAST_EFFECT_BY_ROWS",
    "LEAST_RUNS_BY_ROWS",
    "Compared",
    "Measured",
    "compare_places",
    "medians",
    "on_several",
    "sampled",
    "speeds_of",
]

LEAST_KEYS = 10
"""Different keys that an executor must have run before anything is said of it."""

SURE = 3.0
"""Standard errors that an effect must be above to be believed of one executor; of many, more, so that the chance that
any is wronged stays the same."""

LEAST_RUNS, LEAST_RUNS_BY_ROWS = 1, 2
"""Runs that must have measured a place; the second, where keys could not be compared with themselves."""

LEAST_EFFECT, LEAST_EFFECT_BY_ROWS = 0.15, 0.25
"""Effects below this are not worth planning for; the second, where keys could not be compared with themselves."""

MOST_SAMPLED = 10_000
"""Keys that are looked at; of more, those whose mixed hashes are lowest, the same in every run."""

LIKE_ROWS, MOST_BINS = 30, 20
"""Measurements among which rows count as alike, and the most such groups."""

ROUNDS, STILL = 30, 1e-3
"""Of the polish: at most so many, and until nothing moves by more than this part of itself."""


@dataclass(frozen=True, eq=False)
class Measured:
    """Keys that ran whole, one row for each time.

    Attributes
    ----------
    key : ndarray of int64, shape (n,)
    run : ndarray of int32, shape (n,)
        From 0.
    log_rows, log_seconds : ndarray of float, shape (n,)
        The latter as if the key had one row.
    complete : ndarray of bool, shape (n,)
        False where only the slowest keys of its partition were reported: they are no fair sample of an executor.
    """

    key: Int64
    run: Int32
    log_rows: Float64
    log_seconds: Float64
    complete: Bool

    def where(self, chosen: Bool) -> Measured:
        """Give some of the rows."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})


@dataclass(frozen=True, eq=False)
class Compared:
    """How fast places are, as far as one comparison tells.

    Attributes
    ----------
    enough : ndarray of bool, shape (places,)
        Whether a place ran enough different keys for anything to be said.
    speed : ndarray of float, shape (places,)
    clear : ndarray of bool, shape (places,)
        Whether another speed than 1 is beyond chance, and most of the place's runs agree.
    runs : ndarray of int64, shape (places,)
    """

    enough: Bool
    speed: Float64
    clear: Bool
    runs: Int64

    def sure(self, least_runs: int) -> Bool:
        """Tell which speeds are clear, and were seen in so many runs."""
        return self.clear & (self.runs >= least_runs)


def speeds_of(measured: Measured, place: Int32, block: Int64) -> Float64:
    """Give the speed of each place, an executor or a host.

    Parameters
    ----------
    measured : Measured
    place : ndarray of int32, shape (n,)
        Where each row was measured; negative, where that is not known.
    block : ndarray of int64, shape (places,)
        Places of the same block, an application's executors, are compared with one another: at least half of them are
        at most as fast as one of speed 1, which of two is the faster.

    Returns
    -------
    ndarray of float, shape (places,)
        1, where there is no strong evidence for another speed.
    """
    speeds = np.ones(len(block))
    known = place >= 0
    measured, place = measured.where(known), place[known]
    if len(block) < 2 or not len(place):
        return speeds
    by_rows = sampled(measured.key) & measured.complete
    compared = _by_rows(measured.where(by_rows), place[by_rows], block)
    sure = compared.sure(LEAST_RUNS_BY_ROWS)
    speeds[sure] = compared.speed[sure]
    elsewhere = on_several(measured.key, place)
    elsewhere &= sampled(np.where(elsewhere, measured.key, -1))
    kept = measured.where(elsewhere)
    compared = compare_places(kept, place[elsewhere], kept.key, block, LEAST_EFFECT)
    speeds[compared.enough] = np.where(compared.sure(LEAST_RUNS), compared.speed, 1.0)[compared.enough]
    return speeds


def _by_rows(measured: Measured, place: Int32, block: Int64) -> Compared:
    """Compare keys with others of about as many rows."""
    n = len(place)
    order = np.lexsort((measured.key, measured.log_rows))
    alike = np.empty(n, dtype=np.int64)
    alike[order] = np.arange(n) * max(1, min(n // LIKE_ROWS, MOST_BINS)) // max(n, 1)
    return compare_places(measured, place, alike, block, LEAST_EFFECT_BY_ROWS)


def compare_places(measured: Measured, place: Int32, alike: Int64, block: Int64, least: float) -> Compared:
    """Compare places by what is alike.

    Parameters
    ----------
    measured : Measured
    place : ndarray of int32, shape (n,)
    alike : ndarray of int64, shape (n,)
        Rows of the same number would take the same time in the same place, but for chance.
    block : ndarray of int64, shape (places,)
        As `speeds_of` takes it.
    least : float
        Effects below this are none.
    """
    places = len(block)
    pairs = np.unique(measured.key * places + place)
    keys = np.bincount(pairs % places, minlength=places)
    seen = np.unique(measured.run.astype(np.int64) * places + place) % places
    runs = np.bincount(seen, minlength=places)
    enough, nothing = keys >= LEAST_KEYS, np.zeros(places, dtype=bool)
    if not enough.any():
        return Compared(enough, np.ones(places), nothing, runs)
    effect, rest, freedom = _polished(measured.log_seconds, alike, measured.run, place, places)
    if freedom <= 0:
        return Compared(nothing, np.ones(places), nothing, runs)
    # Own and common spread: the own one of few keys may be small by chance.
    spread = 1.4826 * np.maximum(medians(np.abs(rest), place, places), np.median(np.abs(rest)))
    error = 1.2533 * spread * np.sqrt(len(place) / freedom / np.maximum(keys, 1))
    strict = NormalDist().inv_cdf(1 - (1 - NormalDist().cdf(SURE)) / max(1, int(enough.sum()) - 1))
    relative, usual = np.zeros(places), np.zeros(places)
    for mine in (np.flatnonzero(enough & (block == each)) for each in np.unique(block[enough])):
        relative[mine] = effect[mine] - _measure(effect[mine])
        usual[mine] = np.median(error[mine])
    clear = enough & (np.abs(relative) > strict * np.hypot(error, usual)) & (np.abs(relative) > np.log1p(least))
    if clear.any():
        clear &= 2 * _agreeing(measured, place, alike, block, relative, np.log1p(least)) > runs
    return Compared(enough, np.exp(-relative), clear, runs)


def _agreeing(measured: Measured, place: Int32, alike: Int64, block: Int64, relative: Float64, least: float) -> Int64:
    """Count the runs of each place in which, taken by themselves, it was as fast or slow as it has to be."""
    pair = measured.run.astype(np.int64) * len(block) + place
    pairs, index = np.unique(pair, return_inverse=True)
    where, within = pairs % len(block), pairs // len(block)
    nothing = np.zeros(len(place), dtype=np.int32)
    effect, _, _ = _polished(measured.log_seconds, alike, nothing, index.astype(np.int32), len(pairs))
    peers = within * (int(block.max()) + 1) + block[where]
    for mine in (np.flatnonzero(peers == each) for each in np.unique(peers)):
        effect[mine] -= _measure(effect[mine])
    agrees = effect * np.sign(relative[where]) > least
    return np.bincount(where[agrees], minlength=len(block))


def _measure(effect: Float64) -> float:
    """Give the effect that counts as speed 1: the median, and of two the faster one's."""
    return float(np.sort(effect)[(len(effect) - 1) // 2])


def _polished(values: Float64, alike: Int64, run: Int32, place: Int32, places: int) -> tuple[Float64, Float64, int]:
    """Take values apart by medians; give what each place adds, what is left, and its degrees of freedom."""
    alike = np.unique(alike, return_inverse=True)[1]
    likes, runs = int(alike.max()) + 1, int(run.max()) + 1
    effect, rest = np.zeros(places), values.copy()
    for _ in range(ROUNDS):
        for group, n in ((alike, likes), (run, runs)):
            rest -= medians(rest, group, n)[group]
        step = medians(rest, place, places)
        effect += step
        rest -= step[place]
        if np.abs(step).max() < STILL:
            break
    used = likes + len(np.unique(run)) + len(np.unique(place)) - 2
    return effect, rest, len(values) - used


def medians(values: Float64, group: Int32 | Int64, n: int) -> Float64:
    """Give the median of each of `n` groups; 0 for one that is empty."""
    ordered = values[np.lexsort((values, group))]
    size = np.bincount(group, minlength=n)
    some, first = size > 0, np.cumsum(size) - size
    found = np.zeros(n)
    found[some] = (ordered[(first + (size - 1) // 2)[some]] + ordered[(first + size // 2)[some]]) / 2
    return found


def on_several(key: Int64, place: Int32) -> Bool:
    """Tell which rows are of keys, numbers from 0, that ran in more than one place."""
    one_of_them = np.zeros(int(key.max()) + 1, dtype=place.dtype)
    one_of_them[key] = place
    elsewhere = np.bincount(key[place != one_of_them[key]], minlength=len(one_of_them))
    return np.asarray(elsewhere[key] > 0)


def sampled(key: Int64, most: int = MOST_SAMPLED) -> Bool:
    """Take the rows of at most so many keys, all rows of each; none of negative ones."""
    known = np.flatnonzero(np.bincount(key[key >= 0]))
    if len(known) <= most:
        return key >= 0
    mixed = (known.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    chosen = np.zeros(int(known[-1]) + 1, dtype=bool)
    chosen[known[np.argsort(mixed, kind="stable")[:most]]] = True
    return chosen[np.maximum(key, 0)] & (key >= 0)
