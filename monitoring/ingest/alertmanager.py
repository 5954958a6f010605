"""Reading what Alertmanager posts (webhook version 4); an odd alert never loses its group."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.dateparse import parse_datetime

from incidents.enums import Level
from monitoring.ingest.answers import RefusalError

FINGERPRINT_LENGTH = 64
NAME_LENGTH = 200
#: Of one label or annotation.
TEXT_LENGTH = 2_000
#: Prometheus' usual words; anything else suggests nothing.
LEVELS = {"critical": Level.SEV2, "warning": Level.SEV3, "info": Level.SEV4}
SYSTEM_LABELS = ("system", "service")
CLIENT_LABELS = ("client",)

Texts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert; the same fingerprint and start is the same alert."""

    fingerprint: str
    starts_at: dt.datetime
    is_firing: bool
    ends_at: dt.datetime | None
    name: str
    labels: Texts
    annotations: Texts

    @property
    def identity(self) -> tuple[str, dt.datetime]:
        return self.fingerprint, self.starts_at


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of one notification; ``key`` is the SHA-256 of Alertmanager's own key."""

    key: str
    is_resolved: bool
    alerts: list[Alert]
    labels: Texts
    annotations: Texts
    refused: list[dict[str, Any]] = field(default_factory=list)

    @property
    def firing(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.is_firing]

    @property
    def title(self) -> str:
        """What the rule's author wrote as summary, else the name of the alert."""
        first = (self.firing or self.alerts)[0]
        own = len(self.alerts) == 1
        words = self.annotations.get("summary") or (own and first.annotations.get("summary"))
        return " ".join((words or self.name).split())[:NAME_LENGTH] or self.name

    @property
    def name(self) -> str:
        """What the alerts have in common."""
        return self.labels.get("alertname") or (self.firing or self.alerts)[0].name

    @property
    def level(self) -> int | None:
        """The gravest severity that its firing alerts name."""
        named = [LEVELS.get(alert.labels.get("severity", "").lower()) for alert in self.firing]
        return min((int(level) for level in named if level), default=None)

    def values_of(self, names: tuple[str, ...]) -> set[str]:
        """What the firing alerts say in these labels."""
        found = {alert.labels.get(name, "") for alert in self.firing for name in names}
        return {value.strip().lower() for value in found} - {""}


def read_group(data: Any) -> Group:
    """The group that was posted, with the alerts that could not be read set apart.

    Raises RefusalError (400) for what is no notification at all.
    """
    if not isinstance(data, dict) or not isinstance(data.get("alerts"), list):
        raise RefusalError(
            400, "This is no notification of Alertmanager: it has no list of alerts."
        )
    alerts: dict[tuple[str, dt.datetime], Alert] = {}
    refused = []
    for index, item in enumerate(data["alerts"]):
        try:
            alert = _alert(item)
        except ValueError as error:
            refused.append({"index": index, "reason": str(error)})
        else:
            alerts[alert.identity] = alert
    return Group(
        key=_group_key(data),
        is_resolved=data.get("status") == "resolved",
        alerts=list(alerts.values()),
        labels=_texts(data.get("commonLabels")),
        annotations=_texts(data.get("commonAnnotations")),
        refused=refused,
    )


def _alert(item: Any) -> Alert:
    """Raises ValueError that says what is odd."""
    if not isinstance(item, dict):
        raise ValueError("An alert must be an object.")
    if not isinstance(item.get("labels"), dict):
        raise ValueError("labels must be an object.")
    status = item.get("status")
    if status not in ("firing", "resolved"):
        raise ValueError("status must be firing or resolved.")
    labels = _texts(item["labels"])
    fingerprint = item.get("fingerprint")
    if not isinstance(fingerprint, str) or not 0 < len(fingerprint) <= FINGERPRINT_LENGTH:
        fingerprint = _sha256(json.dumps(labels, sort_keys=True))
    is_firing = status == "firing"
    return Alert(
        fingerprint=fingerprint,
        starts_at=_instant(item.get("startsAt"), "startsAt"),
        is_firing=is_firing,
        # While it fires it is the year 1.
        ends_at=None if is_firing else _instant(item.get("endsAt"), "endsAt"),
        name=labels.get("alertname", "")[:NAME_LENGTH] or "Alert",
        labels=labels,
        annotations=_texts(item.get("annotations")),
    )


def _instant(text: Any, name: str) -> dt.datetime:
    try:
        at = parse_datetime(text) if isinstance(text, str) else None
        if at is not None and at.tzinfo is not None and 2000 <= at.year < 2100:
            return at.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{name} must be an instant such as 2026-01-05T10:00:00Z.")


def _texts(data: Any) -> Texts:
    """Labels or annotations; what is no text in them is left out."""
    if not isinstance(data, Mapping):
        return {}
    return {
        str(name)[:NAME_LENGTH]: value[:TEXT_LENGTH]
        for name, value in data.items()
        if isinstance(value, str)
    }


def _group_key(data: dict[str, Any]) -> str:
    key = data.get("groupKey")
    if not isinstance(key, str) or not key:
        labels = _texts(data.get("groupLabels")) or _texts(data.get("commonLabels"))
        key = json.dumps([str(data.get("receiver"))[:NAME_LENGTH], labels], sort_keys=True)
    return _sha256(key)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
