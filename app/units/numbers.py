"""PURE: the figures of a status as the numbers that people are told, without addresses."""

from __future__ import annotations

from collections.abc import Mapping

from app.sla.scorecard import Scorecard
from app.units.figures import DayTally, HoldingTally, percent
from app.units.status import Status

Number = float | int | None


def clock_numbers(card: Scorecard) -> dict[str, Number]:
    """One clock; shares in percent, times in seconds."""
    return {
        "received": card.received,
        "met": card.met,
        "missed": card.missed,
        "running_overdue": card.running_overdue,
        "compliance": percent(card.met, card.met + card.missed + card.running_overdue),
        "median_seconds": tenths(card.median_s),
        "p90_seconds": tenths(card.p90_s),
        "mean_seconds": tenths(card.mean_s),
        "paused_share": percent(card.paused_s, card.elapsed_s + card.paused_s),
        "percentile_error": card.percentile_error * 100,
    }


def handling_numbers(told: DayTally) -> dict[str, Number]:
    """What became of what was reported: rates in percent, hand-overs on average."""
    return {
        "reported": told.received,
        "reopen_rate": percent(told.reopened, told.received),
        "send_back_rate": percent(told.sent_back, told.received),
        "hops": round(told.hops / told.received, 2) if told.received else None,
    }


def holding_numbers(tally: HoldingTally) -> dict[str, Number]:
    """How long units held what they let go."""
    return {"stints": tally.stints, "mean_seconds": tenths(tally.mean_s)}


def period_numbers(status: Status) -> dict[str, Mapping[str, object]]:
    """All figures of the period."""
    return {
        "clocks": {clock: clock_numbers(card) for clock, card in status.clocks.items()},
        "handling": handling_numbers(status.handling),
        "holding": holding_numbers(status.holding),
    }


def tenths(seconds: float | None) -> float | None:
    """Seconds as precise as anybody needs them."""
    return None if seconds is None else round(seconds, 1)
