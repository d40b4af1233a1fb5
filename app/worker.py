"""The worker: which job runs how often; any number of workers may run, the database decides who does what."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Table, delete
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.alerts.delivery import Post, deliver
from app.alerts.watch import sweep_all
from app.chores import Chores
from app.clock import utc_now
from app.complaint.errors import DomainError, SourceBusy
from app.db.changes import upsert
from app.db.session import reading, writing
from app.db.tables.machine import Worker
from app.intake.health import FAILURES_TO_OPEN, STOPPING
from app.intake.sources import due_sources, find_source
from app.posting import open_post
from app.pulling import Plant, process_name, pull_source
from app.rules.recalculation import Bench, recalculate
from app.workqueue.claims import expire_claims
from app.workqueue.leaving import release_for_the_gone
from app.workqueue.pauses import expire_pauses
from connectors.contract import ConnectorError

PULL_TICK = timedelta(seconds=1)
ALERT_TICK = timedelta(seconds=1)
EXPIRY_TICK = timedelta(seconds=5)
RULES_TICK = timedelta(seconds=1)
BEAT = timedelta(seconds=10)
FORGET_AFTER = timedelta(days=1)
STOP_PATIENCE = timedelta(seconds=20)

_log = structlog.stdlib.get_logger("tanggap.worker")


@dataclass(slots=True)
class Jobs:
    """What a worker does at each tick; a tick that finds nothing costs one look-up."""

    plant: Plant
    post: Post
    started_at: datetime
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    ticking: set[asyncio.Task[Any]] = field(default_factory=set)
    """The ticks that are at work just now."""
    troubled: dict[str, str] = field(default_factory=dict)
    """Why the database does not serve a job, by job."""

    async def pull(self) -> None:
        """Start a pull of every source that is due and that this worker is not pulling already."""
        async with reading(self.plant.engine) as connection:
            names = await due_sources(connection)
        for name in names:
            if name not in self.running:
                task = asyncio.create_task(self._pull_one(name), name=f"pull {name}")
                self.running[name] = task
                task.add_done_callback(partial(self._forget, name))

    async def sweep(self) -> None:
        """Raise what has fired."""
        swept = await sweep_all(self.plant.engine, self.plant.rulebooks, now=utc_now())
        if swept:
            _log.info("alerts swept", raised=swept.raised, advanced=swept.advanced)

    async def expire(self) -> None:
        """End the pauses that lasted as long as their reason allows, and the claims that nobody keeps up."""
        pauses = await expire_pauses(self.plant.engine, self.plant.rulebooks, now=utc_now())
        claims = await expire_claims(self.plant.engine, self.plant.rulebooks, now=utc_now())
        left = await release_for_the_gone(self.plant.engine, self.plant.rulebooks, now=utc_now())
        if pauses or claims or left:
            _log.info("expired", pauses=pauses, claims=claims, left=left)

    async def recalculate(self) -> None:
        """Let the open clocks follow a change of rules, to its end, unless another worker does."""
        while (done := await recalculate(self._bench)) is not None:
            _log.info("clocks recalculated", **asdict(done))

    async def deliver(self) -> None:
        """Send what is due; a slow target holds up no sweep, since that is a job of its own."""
        sent = await deliver(self.post)
        await Chores(self.plant).leave_webhooks(sent.gone)

    async def beat(self) -> None:
        """Say that this worker is alive, and forget the ones that have long been gone."""
        now = utc_now()
        row = {"name": process_name(), "started_at": self.started_at, "seen_at": now}
        async with writing(self.plant.engine) as connection:
            await upsert(connection, _worker, [row], key=("name",))
            await connection.execute(delete(Worker).where(Worker.seen_at < now - FORGET_AFTER))

    @property
    def _bench(self) -> Bench:
        lease = timedelta(seconds=self.plant.settings.lease_seconds)
        return Bench(self.plant.engine, self.plant.rulebooks, process_name(), lease, utc_now)

    async def finish(self, patience: timedelta) -> None:
        """Let running pulls and ticks end; a pull that takes longer than `patience` is stopped, its lease given back.

        The scheduler cancels what still runs, and a statement that is cut off on its way to SQLite's thread may leave
        that thread waiting, and the process with it.
        """
        pulls = set(self.running.values())
        if pulls:
            await asyncio.wait(pulls, timeout=patience.total_seconds())
        for pull in pulls:
            pull.cancel()
        if at_work := {*pulls, *self.ticking}:
            await asyncio.wait(at_work, timeout=STOP_PATIENCE.total_seconds())

    def guarded(self, name: str, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """The job as the scheduler runs it: known while it is at work, and no failure of one tick is the worker's."""

        async def guarded() -> None:
            if task := asyncio.current_task():
                self.ticking.add(task)
                task.add_done_callback(self.ticking.discard)
            try:
                await job()
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                self._note_trouble(name, _reason(error))
            except Exception:
                # One tick: the next one looks again; what it did not finish is still in the database.
                _log.exception("job failed", job=name)
            else:
                self._note_service(name)

        return guarded

    def _note_trouble(self, name: str, reason: str) -> None:
        """A database that does not serve is news once, not for every tick of every job."""
        is_news = reason not in self.troubled.values()
        self.troubled[name] = reason
        if is_news:
            _log.error("the database does not serve", job=name, reason=reason)

    def _note_service(self, name: str) -> None:
        if self.troubled.pop(name, None) is not None and not self.troubled:
            _log.info("the database serves every job again")

    def _forget(self, name: str, _: asyncio.Task[None]) -> None:
        self.running.pop(name, None)

    async def _pull_one(self, name: str) -> None:
        """One pull. A source that goes is news once, its circuit when it opens, that it is stopped, and that it is back
        once."""
        failed_before = await self._failures(name)
        try:
            report = await pull_source(self.plant, name, only_due=True)
        except SourceBusy:
            return
        except (ConnectorError, DomainError) as error:
            # Nobody pulls a stopped source by itself, so this is told no second time.
            is_stopped = isinstance(error, STOPPING | DomainError)
            is_news = is_stopped or failed_before in (0, FAILURES_TO_OPEN - 1)
            what = "pull failed" if failed_before < FAILURES_TO_OPEN - 1 else "pulls fail, the circuit is open"
            what = "pull failed, the source is stopped" if is_stopped else what
            _log.log(logging.WARNING if is_news else logging.DEBUG, what, source=name, error=str(error))
        except Exception:
            # One run: whatever went wrong in it is on record here, and the next run goes on.
            _log.exception("pull crashed", source=name)
        else:
            if failed_before:
                _log.info("the source is back", source=name, failures=failed_before)
            _log.info("pulled", source=name, **report.tally.as_columns())

    async def _failures(self, name: str) -> int:
        async with reading(self.plant.engine) as connection:
            source = await find_source(connection, name)
        return int(source.failures) if source is not None else 0


def _reason(error: Exception) -> str:
    """What the driver says, on one line; it does not repeat the values of a statement."""
    said = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return next(iter(str(said).splitlines()), type(said).__name__)


def build_scheduler(jobs: Jobs) -> AsyncIOScheduler:
    """The ticks of one worker; the schedule itself lies in the database."""
    scheduler = AsyncIOScheduler(
        jobstores={"default": MemoryJobStore()},
        job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        timezone="UTC",
    )
    for name, job, tick in (
        ("pull", jobs.pull, PULL_TICK),
        ("sweep", jobs.sweep, ALERT_TICK),
        ("deliver", jobs.deliver, ALERT_TICK),
        ("expire", jobs.expire, EXPIRY_TICK),
        ("recalculate", jobs.recalculate, RULES_TICK),
        ("beat", jobs.beat, BEAT),
        *Chores(jobs.plant).all(),
    ):
        scheduler.add_job(jobs.guarded(name, job), "interval", seconds=tick.total_seconds(), id=name)
    return scheduler


async def run_worker(plant: Plant, stop: asyncio.Event, *, patience: timedelta = STOP_PATIENCE) -> None:
    """Work until `stop` is set; running pulls may take as long as `patience` to finish."""
    async with AsyncExitStack() as stack:
        jobs = Jobs(plant, await stack.enter_async_context(open_post(plant)), utc_now())
        await jobs.beat()
        scheduler = build_scheduler(jobs)
        # A tick that comes while the last one still works is left out; that is no news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        scheduler.start()
        _log.info("worker started", name=process_name())
        await stop.wait()
        scheduler.remove_all_jobs()
        await jobs.finish(patience)
        scheduler.shutdown(wait=False)
        _log.info("worker stopped", name=process_name())


_worker: Table = Worker.__table__  # type: ignore[assignment]
