"""Figures for Prometheus: requests as they pass, and the state of the queue and the sources when asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy import bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.tally import Outcome, read_outcomes
from app.db.column_types import UtcDateTime
from app.db.freshness import Freshness, read_freshness
from app.db.states import DeliveryState, RejectState
from app.db.tables.alerts import Delivery
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.sources import Reject
from app.db.tables.units import Unit
from app.dependencies import HouseDep, Now, Someone, Surveying, caller_of

router = APIRouter(tags=["system"])

_is_late = Complaint.queue_at < bindparam("now", type_=UtcDateTime)
_open_by_type = (
    select(Unit.type, func.count(), func.count(case((_is_late, 1))))
    .join(Complaint, Complaint.unit_id == Unit.id)
    .where(Complaint.is_open)
    .group_by(Unit.type)
    .order_by(Unit.type)
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestMetrics:
    """The requests of this process by route, method and status, with how long they took."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._seconds = Histogram(
            "tanggap_http_request_seconds",
            "Time to answer, by route.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter("tanggap_http_requests", "Requests answered.", labels, registry=self.registry)

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one answered request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route, method).observe(seconds)


async def _allowed(request: Request, house: HouseDep, _counted: Someone) -> None:
    if not house.settings.metrics_public:
        await caller_of(request)


@router.get("/metrics", dependencies=[Depends(_allowed)], response_class=Response)
async def metrics(request: Request, connection: Surveying, now: Now) -> Response:
    """Prometheus text; needs a token unless `METRICS_PUBLIC` is on."""
    requests: RequestMetrics = request.app.state.metrics
    figures = CollectorRegistry()
    streams = GaugeMetricFamily("tanggap_event_streams", "Open streams of changes of this process.")
    streams.add_metric([], float(request.app.state.streams.count))
    figures.register(_Ready([streams, *await _read_figures(connection, now)]))
    return Response(generate_latest(requests.registry) + generate_latest(figures), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Ready(Collector):
    """Figures that were read already, since the exposition cannot wait for a database."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


async def _read_figures(connection: AsyncConnection, now: datetime) -> list[Metric]:
    is_open = Complaint.is_open
    counts = {
        "tanggap_complaints_open": ("Open complaints.", select(func.count()).where(is_open)),
        "tanggap_complaints_overdue": (
            "Open complaints whose nearest due time has passed.",
            select(func.count()).where(is_open, Complaint.queue_at < now),
        ),
        "tanggap_complaints_unrouted": (
            "Open complaints without a unit.",
            select(func.count()).where(is_open, Complaint.unit_id.is_(None)),
        ),
        "tanggap_rejects_open": (
            "Records kept aside that no mapping could read.",
            select(func.count()).select_from(Reject).where(Reject.state == RejectState.OPEN),
        ),
        "tanggap_deliveries_pending": (
            "Alert messages not yet delivered.",
            select(func.count()).select_from(Delivery).where(Delivery.next_attempt_at.is_not(None)),
        ),
        "tanggap_deliveries_dead": (
            "Messages that could not be delivered and wait for a replay.",
            select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DEAD),
        ),
    }
    families: list[Metric] = [
        GaugeMetricFamily(name, help_text, value=float(await connection.scalar(statement) or 0))
        for name, (help_text, statement) in counts.items()
    ]
    families += _by_type(await connection.execute(_open_by_type, {"now": now}))
    families += [await _alert_lag(connection, now), _deliveries(await read_outcomes(connection))]
    return families + list(_source_figures(await read_freshness(connection, now=now), now))


def _by_type(rows: Iterable[Any]) -> list[Metric]:
    """By the type of the unit that holds them: one figure for each unit would be hundreds of series."""
    opened = GaugeMetricFamily("tanggap_unit_open", "Open complaints, by type of unit.", labels=["type"])
    overdue = GaugeMetricFamily("tanggap_unit_overdue", "Overdue complaints, by type of unit.", labels=["type"])
    for unit_type, count, late in rows:
        opened.add_metric([unit_type], float(count))
        overdue.add_metric([unit_type], float(late))
    return [opened, overdue]


async def _alert_lag(connection: AsyncConnection, now: datetime) -> Metric:
    """By the index on the stored fire time: what it finds first has waited longest."""
    fired_at = await connection.scalar(select(func.min(SlaClock.next_fire_at)).where(SlaClock.next_fire_at < now))
    lag = (now - fired_at).total_seconds() if fired_at is not None else 0.0
    what = "How long the step that fired first has been waiting to be raised; 0 when nothing waits."
    return GaugeMetricFamily("tanggap_alert_lag_seconds", what, value=lag)


def _deliveries(outcomes: Mapping[Outcome, int]) -> Metric:
    """From the database: any process may have sent them, and a restart forgets none."""
    what = "Attempts to deliver a message, by what came of them: sent, failed (tried again later) or dead."
    family = CounterMetricFamily("tanggap_deliveries", what, labels=["channel", "outcome"])
    for labels, count in outcomes.items():
        family.add_metric(labels, float(count))
    return family


def _source_figures(sources: list[Freshness], now: datetime) -> Iterator[Metric]:
    lag = GaugeMetricFamily(
        "tanggap_source_lag_seconds", "Age of what is known to be complete, by source.", labels=["source"]
    )
    stale = GaugeMetricFamily("tanggap_source_stale", "Whether a source missed its pulls.", labels=["source"])
    for each in sources:
        stale.add_metric([each.source], float(each.is_stale))
        if each.complete_through is not None:
            lag.add_metric([each.source], (now - each.complete_through).total_seconds())
    yield from (lag, stale)
