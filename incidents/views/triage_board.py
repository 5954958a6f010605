"""What the page of a new incident and of a triage shows for what stands in its form.

The same board is drawn for the first view, for a form shown again, and for the live preview.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Model, Q
from django.http import QueryDict
from django.utils import timezone

from incidents.duplicates import Duplicate, likely_duplicates
from incidents.enums import UNRESOLVED_STATUSES, Level, Role, Source
from incidents.forecast import Forecast, forecast_report, forecast_triage
from incidents.forms.triage import QUESTIONS, TriageForm
from incidents.models import Client, Incident, Playbook, Responder, Severity, System
from incidents.models.incident import Viewer
from incidents.scope import Candidate, client_candidates
from incidents.suggestion import Suggestion
from incidents.workflow import Triage

#: Beside the ticked ones, so many systems stand open; the others unfold.
SYSTEMS_SHOWN = 12
LOCAL_INPUT = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the detection, from the form or from the incident."""

    source: str
    detected_at: dt.datetime
    reported_by: Client | None


@dataclass(frozen=True, slots=True)
class Ticked:
    """A box of a system."""

    system: System
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class TickedClient:
    """A box of a client, with what is known of it."""

    candidate: Candidate
    is_ticked: bool


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    label: str
    value: str


@dataclass(slots=True)
class Board:
    """Everything the fragments need; see the templates ``incidents/_triage_*.html``."""

    facts: Facts
    is_triaging: bool
    incident: Incident | None = None
    systems: list[Ticked] = field(default_factory=list)
    other_systems: list[Ticked] = field(default_factory=list)
    clients: list[TickedClient] = field(default_factory=list)
    other_clients: list[Client] = field(default_factory=list)
    named_systems: list[System] = field(default_factory=list)
    prefilled_for: str = ""
    questions: list[Question] = field(default_factory=list)
    suggestion: Suggestion | None = None
    forced_by: Playbook | None = None
    level: int | None = None
    suggested_level: int | None = None
    severities: list[Severity] = field(default_factory=list)
    forecast: Forecast | None = None
    duplicates: list[Duplicate] = field(default_factory=list)
    founder: str = "the founder"
    is_breach: bool = False
    is_in_scope: bool = False


def data_of(form: TriageForm, extra: dict[str, Any]) -> QueryDict:
    """The first values of a form as a browser would post them."""
    data = QueryDict(mutable=True)
    for name, value in {**form.initial, **extra}.items():
        if isinstance(value, list):
            data.setlist(name, [_word(item) for item in value])
        else:
            data[name] = _word(value)
    return data


def follow_systems(data: QueryDict) -> None:
    """W3: clients follow the systems; what a person ticked or took off meanwhile stays so.

    ``prefilled_for`` names the systems whose clients were offered before.
    """
    systems = data.getlist("systems")
    before = data.get("prefilled_for", "").split()
    if set(before) == set(systems):
        return
    gone = _dependents(set(before) - set(systems)) - _dependents(systems)
    new = _dependents(set(systems) - set(before))
    kept = [slug for slug in data.getlist("clients") if slug not in gone]
    data.setlist("clients", [*kept, *sorted(new - set(kept))])
    data["prefilled_for"] = " ".join(systems)


def follow_suggestion(data: QueryDict, form: TriageForm) -> None:
    """The severity follows the suggestion until a person chooses another one (S8, P5, W11).

    ``level_seen`` is the severity that the page had chosen by itself.
    """
    wanted = _level_wanted(form)
    forced = _forced_by(form)
    if wanted and (forced or data.get("level", "") in ("", data.get("level_seen", ""))):
        data["level"] = str(wanted)
    data["level_seen"] = str(wanted or "")


def is_out_of_date(data: QueryDict) -> bool:
    """Whether the clients on the page were offered for other systems than those now chosen."""
    if "prefilled_for" not in data:
        return False
    return set(data.get("prefilled_for", "").split()) != set(data.getlist("systems"))


def lay_out(
    form: TriageForm,
    *,
    facts: Facts,
    is_triaging: bool,
    viewer: Viewer,
    now: dt.datetime,
) -> Board:
    """The board for a form that has been cleaned; what is not valid in it counts as not given."""
    values = form.cleaned_data
    systems = values.get("systems") or []
    clients = list(values.get("clients") or [])
    if facts.reported_by and facts.reported_by not in clients:
        clients.append(facts.reported_by)
    board = Board(
        facts=facts,
        is_triaging=is_triaging,
        incident=form.incident,
        named_systems=systems,
        prefilled_for=" ".join(system.slug for system in systems),
        questions=_questions(form),
        suggestion=form.suggestion,
        forced_by=_forced_by(form),
        level=values.get("level"),
        suggested_level=_level_wanted(form),
        severities=list(Severity.objects.all()),
        is_breach=bool(values.get("data_breach")),
        is_in_scope=bool(values.get("in_scope")),
    )
    founder = Responder.objects.on_duty(Role.FOUNDER, at=now)
    board.founder = founder.name if founder else board.founder
    _place_systems(board, form, systems)
    _place_clients(board, form, systems, clients, viewer=viewer)
    board.forecast = _forecast(form, board, systems, clients, now=now)
    board.duplicates = likely_duplicates(
        title=values.get("title", ""),
        systems=systems,
        clients=clients,
        viewer=viewer,
        besides=form.incident,
    )
    return board


def name_open_counts(form: TriageForm) -> None:
    """Owners are offered with how many open incidents each has already."""
    for name, relation in (
        ("technical_owner", "resolves"),
        ("communications_owner", "communicates"),
    ):
        field_ = form.fields[name]
        rows = Responder.objects.filter(is_active=True).annotate(
            load=Count(relation, filter=Q(**{f"{relation}__status__in": UNRESOLVED_STATUSES}))
        )
        field_.queryset = rows  # type: ignore[attr-defined]
        field_.label_from_instance = _with_load  # type: ignore[attr-defined]
        field_.empty_label = "Whoever is on duty"  # type: ignore[attr-defined]


def _with_load(person: Any) -> str:
    return f"{person.name}, {person.get_role_display().lower()} ({person.load} open)"


def _word(value: Any) -> str:
    """A value as an input posts it."""
    if value is None or value is False:
        return ""
    if isinstance(value, dt.datetime):
        return timezone.localtime(value).strftime(LOCAL_INPUT)
    if isinstance(value, Model):
        return str(getattr(value, "slug", value.pk))
    return "on" if value is True else str(value)


def _dependents(slugs: Iterable[str]) -> set[str]:
    rows = Client.objects.active().filter(dependencies__system__slug__in=list(slugs))
    return set(rows.values_list("slug", flat=True))


def _forced_by(form: TriageForm) -> Playbook | None:
    playbook = form.cleaned_data.get("playbook")
    return playbook if playbook and playbook.forces_level else None


def _level_wanted(form: TriageForm) -> int | None:
    """What the playbook demands, a suspected breach makes likely, or the answers suggest."""
    forced = _forced_by(form)
    if forced:
        return forced.forces_level
    if form.cleaned_data.get("data_breach"):
        return Level.SEV1
    if form.suggestion:
        return form.suggestion.level
    return form.incident.suggested_severity_id if form.incident else None


def _questions(form: TriageForm) -> list[Question]:
    return [
        Question(name, str(form.fields[name].label), form.data.get(name, "")) for name in QUESTIONS
    ]


def _place_systems(board: Board, form: TriageForm, chosen: list[System]) -> None:
    ids = {system.pk for system in chosen}
    rows = [Ticked(row, row.pk in ids) for row in form.fields["systems"].queryset]  # type: ignore[attr-defined]
    shown = [row for row in rows if row.is_ticked]
    rest = [row for row in rows if not row.is_ticked]
    room = max(0, SYSTEMS_SHOWN - len(shown))
    if len(rest) <= room + 1:
        room = len(rest)
    offered = {row.system.pk for row in [*shown, *rest[:room]]}
    board.systems = [row for row in rows if row.system.pk in offered]
    board.other_systems = [row for row in rows if row.system.pk not in offered]


def _place_clients(
    board: Board,
    form: TriageForm,
    systems: list[System],
    chosen: list[Client],
    *,
    viewer: Viewer,
) -> None:
    """Those who depend on the systems, are ticked or are on it; the others unfold."""
    dependents = _dependents(system.slug for system in systems)
    ids = {client.pk for client in chosen}
    on_it = set(form.incident.affected.values_list("client", flat=True)) if form.incident else set()
    rows: list[Client] = list(form.fields["clients"].queryset)  # type: ignore[attr-defined]
    near = [row for row in rows if row.pk in ids | on_it or row.slug in dependents]
    candidates = client_candidates(
        near,
        systems,
        viewer=viewer,
        reported_by=board.facts.reported_by,
        besides=form.incident,
    )
    board.clients = [TickedClient(one, one.client.pk in ids) for one in candidates]
    shown = {row.pk for row in near}
    board.other_clients = [row for row in rows if row.pk not in shown]


def _forecast(
    form: TriageForm,
    board: Board,
    systems: list[System],
    clients: list[Client],
    *,
    now: dt.datetime,
) -> Forecast | None:
    values, facts = form.cleaned_data, board.facts
    if not board.is_triaging:
        return forecast_report(
            source=facts.source,
            detected_at=facts.detected_at,
            reported_by=facts.reported_by,
            is_breach_suspected=board.is_breach,
            now=now,
        )
    if board.level is None:
        return None
    return forecast_triage(
        Triage(
            level=board.level,
            systems=systems,
            clients=clients,
            technical_owner=values.get("technical_owner"),
            communications_owner=values.get("communications_owner"),
            playbook=values.get("playbook"),
            is_breach_suspected=board.is_breach,
            is_in_scope=board.is_in_scope,
        ),
        source=facts.source,
        detected_at=facts.detected_at,
        reported_by=facts.reported_by,
        incident=form.incident,
        now=now,
    )


def facts_of_form(values: dict[str, Any], *, now: dt.datetime) -> Facts:
    """The detection as the form of a new incident tells it."""
    return Facts(
        source=values.get("source") or Source.AGENT,
        detected_at=values.get("detected_at") or now,
        reported_by=values.get("reported_by"),
    )


def facts_of_incident(incident: Incident) -> Facts:
    return Facts(incident.source, incident.detected_at, incident.reported_by)
