"""How fast to write: calls in flight, pauses after refusals, and a rate of write units, given as a budget or learned from the table."""

from __future__ import annotations

import math
import random

WINDOW_FIRST = 8
PAUSE_FIRST_S = 0.05
PAUSE_MAX_S = 5.0
"""Longest pause between two looks at a table that takes nothing: as soon as it does again, the load goes on."""
BURST_S = 0.1
"""So much of the rate may be saved up and spent at once."""
CALL_S = 0.25
"""At most so much of the rate is spent in one call: with BURST_S it keeps any 10 seconds within 5 % of a budget."""
UNIT_CHARACTERS = 1024
"""A write unit is 1 KB of item (Developer Guide, "DynamoDB read and write operations", 2026-11); the wire form is a little longer."""
UNITS_NONE = 1e-3
"""A debt that is none: the pause for less could be shorter than the clock can tell."""
CUT = 0.2
"""So much less than the table was taking is sent after it refused a whole call, and less in proportion after it refused a part."""
RATE_MIN = 1000.0
"""Units a second below which no rate is learned: one partition takes as much. A slower table is met with pauses alone."""
GROWTH = 0.05
"""A learned rate grows by this share a second for each second without a refusal: it is back after three, and tenfold after ten."""
FORGOTTEN_S = 20.0
"""After so long without a refusal nothing is left of a learned rate: it would have grown 20,000-fold."""
MEASURED_S = 1.0
"""What the table takes is measured over about the last second."""


class Pace:
    """Adapts to what the table takes. Times are on a monotonic clock, in seconds.

    *Window*: the calls that may be in flight grow by one a round trip while all goes well, and shrink by up to a half for each
    round trip in which the table refused something (AIMD: additive increase, multiplicative decrease, as in TCP).
    *Pauses*: after a refusal nothing is sent for a random time (full jitter) whose bound doubles while nothing is taken at all.
    *Rate*: a bucket of write units, filled at the budget ``units_per_s`` or, after a refusal, at a little less than the table was
    taking, from where it grows; one call more or less in flight would be too coarse for a table of some thousand units a second.
    A call is paid before it is sent, by an estimate from its size, and settled when the table says what it consumed.
    """

    def __init__(self, now: float, *, window_max: int, units_per_s: float | None = None) -> None:
        self.window_max = window_max
        self._window = float(min(WINDOW_FIRST, window_max))
        self._budget = units_per_s or math.inf
        self._learned = math.inf  # at the last refusal
        self._units = 0.0
        self._filled_at = now
        self._ratio = 1.0  # units consumed for each unit estimated: above 1 with indexes
        self._taken = 0.0  # units, those of earlier seconds counting ever less
        self._taken_at = self._began_at = now
        self._slowed_at = -math.inf
        self._resumes_at = now
        self._in_vain = 0  # round trips in a row in which the table took nothing

    @property
    def window(self) -> int:
        """The calls that may be in flight."""
        return int(self._window)

    @property
    def has_rate(self) -> bool:
        """Whether sizes have to be estimated at all."""
        return self._budget < math.inf or self._learned < math.inf

    @property
    def taken_per_s(self) -> float:
        """Units a second that the table took of late, when it last took any."""
        seen = 1 - math.exp((self._began_at - self._taken_at) / MEASURED_S)  # the share that the time since the beginning has in the average
        return self._taken / max(seen, 1e-3)

    def pause_s(self, now: float) -> float:
        """Seconds until a call may be sent, 0 if one may be sent now."""
        pause = self._resumes_at - now
        if self.has_rate:
            rate = self._rate(now)
            self._units = min(self._units + (now - self._filled_at) * rate, max(rate * BURST_S, 1.0))
            self._filled_at = now
            if self._units < -UNITS_NONE:
                pause = max(pause, -self._units / rate)
        return max(pause, 0.0)

    def call_units(self, now: float) -> float:
        """The most that the estimate of a call should be, where there is a rate."""
        return self._rate(now) * CALL_S / self._ratio

    def pay(self, units: float) -> float:
        """A call is sent whose estimate is ``units``; returns what is taken from the bucket for it."""
        paid = units * self._ratio
        self._units -= paid
        return paid

    def settle(self, now: float, paid: float, *, estimate: float, consumed: float) -> None:
        """The table took items of a call whose estimate is ``estimate``, and ``consumed`` units for them, 0 where it does not say."""
        consumed = consumed or estimate * self._ratio
        if now - self._taken_at > MEASURED_S:  # nothing was sent, or all in vain: that says nothing about what can be taken
            self._taken, self._began_at = 0.0, now
        if now > self._taken_at:
            self._taken *= math.exp((self._taken_at - now) / MEASURED_S)
            self._taken_at = now
        self._taken += consumed
        if paid:
            self._units += paid - consumed
            if estimate:
                self._ratio += (consumed / estimate - self._ratio) / 8

    def speed_up(self) -> None:
        """A call was taken whole."""
        self._in_vain = 0
        self._window = min(self._window + 1 / self._window, self.window_max)

    def slow_down(self, sent_at: float, now: float, taken: float) -> None:
        """Of a call sent at ``sent_at`` the table took only the share ``taken``, 0..1. Calls that were in flight together count once."""
        if taken:
            self._in_vain = 0
        if sent_at < self._slowed_at:
            return
        if not self._in_vain:  # else nothing is taken at any rate, and the last one is right again when that ends
            self._learned = max(self.taken_per_s * (1 - CUT * (1 - taken)), RATE_MIN)
        self._slowed_at = now
        self._window = max(1.0, self._window * (1 + taken) / 2)
        bound = min(PAUSE_FIRST_S * (1 - taken) * 2 ** min(self._in_vain, 20), PAUSE_MAX_S)
        self._resumes_at = now + random.uniform(0, bound)
        if not taken:
            self._in_vain += 1

    def _rate(self, now: float) -> float:
        """Units a second that may be spent now."""
        quiet_s = now - self._slowed_at
        if quiet_s > FORGOTTEN_S:
            self._learned = math.inf
            return self._budget
        return min(self._budget, self._learned * math.exp(GROWTH * quiet_s**2 / 2))
