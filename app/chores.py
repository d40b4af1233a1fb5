"""What workers do beside pulling and alerting: uploads, doubles, taught words, digests, comparisons, purges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.digest import make_digests
from app.alerts.owners import tell_owners
from app.alerts.replaying import purge_deliveries
from app.alerts.webhooks import Failed, switch_off_failing, switch_off_gone
from app.backfilling import reconcile_source, sources_due, work_on_backfill
from app.clock import utc_now
from app.complaint.errors import Conflict, DomainError, SourceBusy
from app.db.session import writing
from app.importing import read_upload
from app.intake.imports import purge_imports
from app.intake.pairing import pair_new
from app.intake.push import REMEMBERED, forget_messages
from app.intake.reconcile import DAYS
from app.intake.rejects import purge_rejects
from app.intake.words import reread_learned
from app.monthly import close, months_due
from app.people import retention
from app.people.answers import forget_answers
from app.people.audit import Details, record
from app.pulling import Plant
from app.watching import watch
from connectors.contract import ConnectorError

Chore = tuple[str, Callable[[], Awaitable[None]], timedelta]
"""Its name, what it does, how often it looks."""

_log = structlog.stdlib.get_logger("tanggap.worker")


@dataclass(frozen=True, slots=True)
class Chores:
    """One worker's share; any number of workers may do them at once."""

    plant: Plant

    def all(self) -> tuple[Chore, ...]:
        """Every chore; one that finds nothing costs one look-up."""
        return (
            ("imports", self.read_uploads, timedelta(seconds=2)),
            ("backfill", self.backfill, timedelta(seconds=2)),
            ("doubles", self.find_doubles, timedelta(seconds=5)),
            ("words", self.read_words_again, timedelta(seconds=15)),
            ("digest", self.write_digests, timedelta(seconds=30)),
            ("reconcile", self.reconcile, timedelta(minutes=1)),
            ("closes", self.close_months, timedelta(hours=1)),
            ("purge", self.purge, timedelta(hours=1)),
            ("deliveries", self.keep_deliveries, timedelta(hours=1)),
            ("watch", self.watch, timedelta(minutes=1)),
            ("retention", self.keep_terms, timedelta(hours=6)),
        )

    async def read_uploads(self) -> None:
        """Read the uploads that wait, one after the other."""
        while await read_upload(self.plant):
            _log.info("upload read")

    async def backfill(self) -> None:
        """One slice, so that other backfills get their turn."""
        await work_on_backfill(self.plant)

    async def find_doubles(self) -> None:
        """Compare what came in lately with what lies near."""
        while await pair_new(self.plant.engine, now=utc_now()):
            pass

    async def read_words_again(self) -> None:
        """Complaints whose status word has been taught since are read again."""
        count = await reread_learned(self.plant.engine, self.plant.rulebooks, now=utc_now())
        if count:
            _log.info("taught words read again", complaints=count)

    async def write_digests(self) -> None:
        """The lists of this working morning."""
        if count := await make_digests(self.plant.engine, self.plant.rulebooks, now=utc_now()):
            _log.info("digests written", count=count)

    async def reconcile(self) -> None:
        """Compare each source with what we hold, once a day."""
        for name in await sources_due(self.plant):
            try:
                days = await reconcile_source(self.plant, name, days=DAYS)
            except SourceBusy:
                continue
            except (ConnectorError, DomainError) as error:
                _log.warning("reconciliation failed", source=name, error=str(error))
                continue
            repaired, unlisted = sum(each.repaired for each in days), sum(each.unlisted for each in days)
            _log.info("reconciled", source=name, days=len(days), repaired=repaired, unlisted=unlisted)

    async def close_months(self) -> None:
        """Keep the figures of months that ended long enough ago."""
        now = utc_now()
        for month in await months_due(self.plant, now=now):
            try:
                units = await close(self.plant, month, actor="worker", now=now)
            except Conflict:
                continue
            _log.info("month closed", month=month, units=units)

    async def purge(self) -> None:
        """Drop what was kept for longer than it may be: what was set aside, pushed messages, answers of writes."""
        now = utc_now()
        kept_until = now - timedelta(days=self.plant.settings.reject_days)
        async with writing(self.plant.engine) as connection:
            rejects = await purge_rejects(connection, before=kept_until)
            rows = await purge_imports(connection, before=kept_until)
            await forget_messages(connection, before=now - REMEMBERED)
            if rejects or rows:
                proof: Details = {"rejects": rejects, "import_rows": rows, "cut_off": kept_until.isoformat()}
                await record(
                    connection, actor="worker", action="privacy.purge", subject="rejects", details=proof, now=now
                )
            await forget_answers(connection, now=now)
        if rejects or rows:
            _log.info("purged", rejects=rejects, import_rows=rows)

    async def keep_deliveries(self) -> None:
        """Switch off webhooks that only fail, and drop messages that were on record for long enough."""
        now, settings = utc_now(), self.plant.settings
        if settings.webhook_off_days:
            async with writing(self.plant.engine) as connection:
                failing_before = now - timedelta(days=settings.webhook_off_days)
                off = await switch_off_failing(connection, failing_before=failing_before, now=now)
                await self._tell_off(connection, off, now)
        before, gone = now - timedelta(days=settings.delivery_days), True
        while gone:
            async with writing(self.plant.engine) as connection:
                gone = bool(await purge_deliveries(connection, before=before))

    async def leave_webhooks(self, gone: Collection[int]) -> None:
        """Switch off webhooks whose receivers said that they are gone for good, unless none ever is."""
        if gone and self.plant.settings.webhook_off_days:
            now = utc_now()
            async with writing(self.plant.engine) as connection:
                await self._tell_off(connection, await switch_off_gone(connection, gone, now=now), now)

    async def _tell_off(self, connection: AsyncConnection, off: Sequence[Failed], now: datetime) -> None:
        await tell_owners(connection, off, zone=self.plant.settings.zone, now=now)
        for each in off:
            await record(connection, actor="worker", action="webhook.off", subject=f"webhook:{each.id}", now=now)
            _log.warning("webhook switched off", webhook=each.id, host=each.host)

    async def watch(self) -> None:
        """Tell those who run this installation what stays wrong with it."""
        if told := await watch(self.plant):
            _log.info("incidents told", count=told)

    async def keep_terms(self) -> None:
        """Let go what the retention settings no longer keep of closed complaints."""
        terms = retention.terms_of(self.plant.settings, "worker", at=utc_now())
        if any(terms.days.values()):
            done = await retention.purge(self.plant.engine, terms, self.plant.vault, self.plant.rulebooks)
            if counts := {str(each.group): each.count for each in done if each.count}:
                _log.info("retention kept", **counts)
