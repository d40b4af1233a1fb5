"""Log lines: structured key=value or JSON on standard error, with secrets hidden."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.clock import utc_now

HIDDEN_WORDS = ("password", "secret", "token", "authorization", "cookie", "data_key", "api_key")


def configure_logs(level: str, log_format: Literal["console", "json"], *, stream: TextIO | None = None) -> None:
    """Every line of ours and of the libraries goes through one formatter; a second call replaces the first."""
    output = stream or sys.stderr
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format, output)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _quieten(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Values under a name that tells of a secret become `***`, whoever wrote the line."""
    for key in event:
        if any(word in key.lower() for word in HIDDEN_WORDS):
            event[key] = "***"
    return event


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _stamp,
        hide_secrets,
    ]


def _stamp(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = utc_now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _rendering(log_format: Literal["console", "json"], output: TextIO) -> Sequence[Processor]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_dumps)]
    return [structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback)]


def _dumps(value: object, **_options: object) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _quieten(level: str) -> None:
    """Libraries that write a line for each request or tick speak up from WARNING, unless everything is wanted."""
    chatty = logging.NOTSET if level == "DEBUG" else logging.WARNING
    for name in ("httpx", "httpcore", "apscheduler", "uvicorn.access", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(chatty)
    # Each attempt at a source that fails would be a warning, where the failure of the pull is told once.
    logging.getLogger("stamina").setLevel(logging.NOTSET if level == "DEBUG" else logging.ERROR)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers[:] = []
        library.propagate = True
