"""Log lines on standard error, with every secret taken out.

Secrets arrive in logs by way of addresses (Telegram and Smartlead carry theirs there),
exception texts and headers, so the finished line is searched, not only its fields.
"""

import logging
import logging.config
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

HIDDEN = "[hidden]"
SHORTEST_SECRET = 6
SECRET_FIELDS = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|token|api[-_]?key|sessionid|csrf)"
)
#: What a secret looks like where its value is not known beforehand.
PATTERNS = [
    (re.compile(r"bot\d+:[\w-]+"), f"bot{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)\b([\w-]*(?:api[-_]?key|token|password|passwd|secret|authorization|sessionid)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!\s|\[hidden\]|bearer|basic)[^\s\"'&,;)}]+"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s/@]+@"), rf"\1{HIDDEN}@"),
]

ANSWERED_REFUSALS = ("DisallowedHost", "RequestDataTooBig", "TooManyFieldsSent")

_known_secrets: set[str] = set()


def redact(text: str) -> str:
    """``text`` without known secrets and without what looks like one."""
    for secret in _known_secrets:
        text = text.replace(secret, HIDDEN)
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redact_event(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A structlog step: hides fields named like secrets and cleans all the others."""
    return {
        name: HIDDEN if SECRET_FIELDS.search(name) else _clean(value)
        for name, value in event.items()
    }


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return redact_event(None, "", {str(name): inner for name, inner in value.items()})
    if isinstance(value, list | tuple | set):
        return [_clean(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


class RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Cleans the finished line once more: tracebacks are only part of it by then."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(*, level: str, secrets: Iterable[str]) -> None:
    """Send every logger, structlog's and the standard ones, through the same steps."""
    _known_secrets.clear()
    _known_secrets.update(secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    steps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_standard_logging(level, steps))


def _standard_logging(level: str, steps: list[structlog.typing.Processor]) -> dict[str, Any]:
    renderer = structlog.processors.KeyValueRenderer(
        key_order=["timestamp", "level", "logger", "event"], drop_missing=True
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": RedactingFormatter,
                "foreign_pre_chain": [*steps, structlog.stdlib.ExtraAdder()],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _drop_request,
                    redact_event,
                    renderer,
                ],
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "stream": sys.stderr, "formatter": "line"}
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            name: {"level": level}
            for name in ("config", "monitoring", "incidents", "notifications")
        }
        # A page that broke is an event. A page that was not found, or a request that was
        # refused and answered, is none.
        | {"django.request": {"level": "ERROR"}}
        | {f"django.security.{name}": {"level": "CRITICAL"} for name in ANSWERED_REFUSALS},
    }


def _drop_request(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    # Django attaches the whole request; its address is in the message already.
    event.pop("request", None)
    event.pop("server_time", None)
    return event
