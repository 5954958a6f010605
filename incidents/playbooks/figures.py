"""The live figures beside a step: what its reading means for this incident (rules P3, P4, P7)."""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from incidents.enums import ReadingKind
from incidents.models import Incident, SendingDomain
from incidents.models.playbook import StepFields
from incidents.readings import Reading, domains_behind, read

#: What monitoring says of a figure that none of its monitors brings.
UNWATCHED = "not watched"
#: Of several subjects of one incident so many are shown and asked about.
MOST_SUBJECTS = 8
#: What can be asked at once, beside what monitoring keeps.
ASKABLE = (
    ReadingKind.PROVIDER_STATUS,
    ReadingKind.DOMAIN_AUTHENTICATION,
    ReadingKind.DOMAIN_REPUTATION,
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One live figure as it was at ``at``; ``is_good`` is None where it is unknown.

    What is unknown is found out by hand: a note and the evidence on the step.
    """

    key: str
    name: str
    value: str = ""
    threshold: str = ""
    is_good: bool | None = None
    age: dt.timedelta | None = None
    at: dt.datetime | None = None
    detail: str = ""
    can_ask: bool = False

    @property
    def mark(self) -> str:
        """``ok``, ``bad`` or ``na``, for the look of it."""
        return {True: "ok", False: "bad", None: "na"}[self.is_good]

    @property
    def is_unknown(self) -> bool:
        return self.is_good is None

    @property
    def is_watched(self) -> bool:
        return self.value != UNWATCHED

    def as_data(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.name,
            "value": self.value,
            "threshold": self.threshold,
            "age_seconds": None if self.age is None else int(self.age.total_seconds()),
            "is_good": self.is_good,
            "detail": self.detail,
            "at": self.at.isoformat() if self.at else None,
        }


class Subjects:
    """What an incident is about, read on first use."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident

    @cached_property
    def systems(self) -> list[str]:
        rows = self.incident.systems.order_by("name").values_list("slug", flat=True)
        return list(rows[:MOST_SUBJECTS])

    @cached_property
    def clients(self) -> list[str]:
        rows = self.incident.affected.order_by("client__name")
        return list(rows.values_list("client__slug", flat=True)[:MOST_SUBJECTS])

    @cached_property
    def domains(self) -> list[str]:
        return [domain.name for domain in domains_of(self.incident)[:MOST_SUBJECTS]]


Keys = Callable[[Subjects], list[str]]

KEYS: dict[str, Keys] = {
    ReadingKind.PROVIDER_STATUS: lambda about: [f"system:{s}:status" for s in about.systems],
    ReadingKind.DOMAIN_AUTHENTICATION: lambda about: [
        f"domain:{name}:authentication" for name in about.domains
    ],
    ReadingKind.DOMAIN_REPUTATION: lambda about: [
        f"domain:{name}:reputation" for name in about.domains
    ],
    ReadingKind.BOUNCE_RATE: lambda about: [f"domain:{name}:bounce_rate" for name in about.domains],
    ReadingKind.CONNECTION: lambda about: [
        *(f"client:{slug}:connection" for slug in about.clients),
        *(f"system:{slug}:status" for slug in about.systems),
    ],
    ReadingKind.LAST_SYNC: lambda about: [f"client:{slug}:last_sync" for slug in about.clients],
    ReadingKind.ERROR_RATE: lambda about: [
        f"system:{slug}:{what}" for slug in about.systems for what in ("error_rate", "credits")
    ],
}


def domains_of(incident: Incident) -> list[SendingDomain]:
    """Those whose figures raised the incident, else all of its affected clients."""
    behind = domains_behind(incident)
    if behind:
        return behind
    rows = SendingDomain.objects.filter(client__incidents=incident).select_related("client")
    return list(rows.distinct().order_by("name"))


def keys_of(kind: str, about: Subjects) -> list[str]:
    """The keys under which this incident's figures of a kind are asked for."""
    resolve = KEYS.get(kind)
    return resolve(about) if resolve else []


def figures_of(incident: Incident, step: StepFields, *, now: dt.datetime) -> list[Figure]:
    """What is known now behind one step; none where it stands on no reading."""
    return figures_of_steps(incident, [step], now=now).get(step.pk, [])


def figures_of_steps(
    incident: Incident, steps: Iterable[StepFields], *, now: dt.datetime
) -> dict[int, list[Figure]]:
    """The same for many steps: each key is read once."""
    about, known = Subjects(incident), {}
    found: dict[int, list[Figure]] = {}
    for step in steps:
        if not step.reading:
            continue
        for key in keys_of(step.reading, about):
            if key not in known:
                known[key] = figure_from(key, read(key, now=now), now=now)
        kinds = [known[key] for key in keys_of(step.reading, about)]
        found[step.pk] = _without_unwatched_extras(kinds)
    return found


def figure_from(key: str, reading: Reading | None, *, now: dt.datetime) -> Figure:
    """A reading as a figure; one that nobody knows is unknown."""
    can_ask = key.endswith((":status", ":authentication", ":reputation"))
    if reading is None:
        subject = key.split(":")[1] if ":" in key else key
        return Figure(key, subject, value=UNWATCHED, can_ask=can_ask)
    return Figure(
        key=key,
        name=reading.name,
        value=reading.value,
        threshold=reading.threshold,
        is_good=reading.is_good,
        age=reading.age,
        at=now - reading.age if reading.age is not None else None,
        detail=reading.detail,
        can_ask=can_ask,
    )


def worst_of(figures: Iterable[Figure]) -> Figure | None:
    """A bad one before an unknown one before a good one."""
    order: dict[bool | None, int] = {False: 0, None: 1, True: 2}
    return min(figures, key=lambda one: order[one.is_good], default=None)


def snapshot(
    figures: Iterable[Figure], *, now: dt.datetime, is_asked: bool = False
) -> dict[str, Any]:
    """What a step of a run keeps of its figures: the worst one, and all of them."""
    rows = list(figures)
    worst = worst_of(rows)
    if worst is None:
        return {}
    return worst.as_data() | {
        "all": [row.as_data() for row in rows],
        "asked": is_asked,
        "taken_at": now.isoformat(),
    }


def _without_unwatched_extras(figures: list[Figure]) -> list[Figure]:
    """What nobody watches is left out beside something that is watched."""
    watched = [figure for figure in figures if figure.is_watched or figure.can_ask]
    return watched or figures
