"""The `tanggap` command; exit 0 done, 1 failed (one line says why), 2 wrong usage, 3 busy."""

from __future__ import annotations

import sys

import typer
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError

from app.commands import (
    alert_rules,
    alert_trials,
    alerts,
    audit,
    connectors,
    demo,
    doctor,
    explain,
    export,
    intake,
    officer_alerts,
    people,
    privacy,
    rules,
    serving,
    sla,
    sources,
    units,
)
from app.commands.frame import BUSY, FAILED, say
from app.complaint.errors import DomainError, SourceBusy
from app.settings import SettingsError
from app.sla.fields import InvalidField
from connectors.contract import ConnectorError

_NO_SUCH_TABLE = "42P01"

cli = typer.Typer(
    help="Tanggap: one queue, exact response-time clocks and breach alerts over every complaint channel of a city.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
cli.add_typer(sources.source, name="source")
cli.add_typer(connectors.connector, name="connector")
cli.add_typer(people.token, name="token")
people.officer.command("alerts")(officer_alerts.alert_settings)
people.officer.add_typer(officer_alerts.leave, name="leave")
cli.add_typer(people.officer, name="officer")
cli.add_typer(sla.sla, name="sla")
alerts.alerts.add_typer(alert_rules.rules, name="rules")
alerts.alerts.command("mute")(alert_rules.mute_unit)
alerts.alerts.command("unmute")(alert_rules.unmute)
alerts.alerts.command("test")(alert_trials.test_channel)
cli.add_typer(alerts.alerts, name="alerts")
cli.add_typer(audit.audit, name="audit")
cli.add_typer(privacy.privacy, name="privacy")
cli.add_typer(rules.calendar, name="calendar")
cli.add_typer(rules.policy, name="policy")
cli.add_typer(units.units, name="units")
sources.source.command("rejects")(intake.list_rejects)
sources.source.command("replay")(intake.replay_rejects)
sources.source.command("reconcile")(intake.reconcile)
sources.source.command("notices")(intake.list_notices)
sources.source.command("push-secret")(intake.push_secret)
sla.sla.command("what-if")(rules.what_if)
sla.sla.command("explain")(explain.explain)
for name, command in (
    ("serve", serving.serve),
    ("worker", serving.worker),
    ("migrate", serving.migrate),
    ("seed", serving.seed),
    ("demo", demo.demo),
    ("demo-feeds", serving.demo_feeds),
    ("pull", sources.pull),
    ("backfill", intake.backfill),
    ("import", intake.import_),
    ("export", export.export),
    ("recompute", sla.recompute),
    ("doctor", doctor.doctor),
):
    cli.command(name)(command)


def main() -> None:
    """Run the command line; what goes wrong is one line on standard error, never a stack trace."""
    try:
        cli()
    except SourceBusy as error:
        _fail(str(error), BUSY)
    except (DomainError, ConnectorError, SettingsError, InvalidField) as error:
        _fail(str(error), FAILED)
    except DBAPIError as error:
        _fail(f"the database refuses: {str(error.orig).splitlines()[0]} ({_advice(error)})", FAILED)
    except CommandError as error:
        _fail(f"the database cannot be migrated by this program, which may be older than it: {error}", FAILED)
    except OSError as error:
        _fail(f"{error.strerror or error}", FAILED)


def _advice(error: DBAPIError) -> str:
    has_no_table = getattr(error.orig, "sqlstate", None) == _NO_SUCH_TABLE or "no such table" in str(error.orig)
    return "tanggap migrate makes the tables" if has_no_table else "tanggap doctor says more"


def _fail(line: str, code: int) -> None:
    say(f"tanggap: {line}")
    sys.exit(code)


if __name__ == "__main__":
    main()
