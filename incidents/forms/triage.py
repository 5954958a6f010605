"""SOP step 2: what the person at triage answers, decides and names."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from incidents.enums import Role
from incidents.forms.base import (
    AnswerField,
    FlagField,
    LevelField,
    LineField,
    PersonField,
    StepForm,
    TextField,
    clients_field,
    find_named,
    playbook_field,
    systems_field,
)
from incidents.models import Client, Incident, Playbook, Responder, System
from incidents.playbooks.attaching import standing_playbooks
from incidents.suggestion import Suggestion, suggest_severity
from incidents.workflow import Triage

QUESTIONS = ("core_stopped", "component_broken", "below_expectations")


class TriageForm(StepForm):
    """Rules S8 and W3. The answers suggest a severity; ``level`` is what the person decides."""

    core_stopped = AnswerField(label="Is the client's core automation fully stopped?")
    component_broken = AnswerField(label="Is a key component broken or producing errors?")
    below_expectations = AnswerField(label="Is something non-critical below expectations?")
    level = LevelField(
        label="Severity",
        help_text="Judged on the effect on clients after any fallback.",
        error_messages={"required": "Choose a severity."},
    )
    reason = TextField(
        label="Reason",
        required=False,
        max_length=2_000,
        rows=2,
        help_text="Why this severity, in a sentence.",
    )
    title = LineField(label="Title", required=False, max_length=200)
    description = TextField(label="Description", required=False, max_length=20_000)
    systems = systems_field(
        label="Affected systems", error_messages={"required": "Name at least one affected system."}
    )
    clients = clients_field(label="Affected clients", required=False)
    technical_owner = PersonField(label="Technical owner", required=False)
    communications_owner = PersonField(label="Communications owner", required=False)
    playbook = playbook_field(label="Playbook", required=False, empty_label="The one that fits")
    data_breach = FlagField(
        label="Suspected data breach",
        help_text="Makes it private and SEV-1; client mails need the founder's approval.",
    )
    in_scope = FlagField(label="In scope of the current build", help_text="Starts the fix at once.")

    aliases = {"severity": "level"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.incident is not None:
            self._keep_present(self.incident)

    def first_values(self) -> dict[str, Any]:
        values = super().first_values()
        incident = self.incident
        if incident is None:
            return values
        now = timezone.now()
        duty = Responder.objects.on_duty
        systems = list(incident.systems.all())
        level = incident.suggested_severity_id
        return values | {
            "title": incident.title,
            "description": incident.description,
            "systems": systems,
            "clients": clients_in_scope(incident, systems),
            "technical_owner": incident.technical_owner or duty(Role.DELIVERY, at=now),
            "communications_owner": incident.communications_owner or duty(Role.REVENUE, at=now),
            "level": level,
            "playbook": next(iter(standing_playbooks(incident)), None),
            "data_breach": incident.is_breach_suspected,
        }

    def fill_in(self, data: QueryDict) -> None:
        """What is known already; the clients are those who depend on the systems given (W3).

        The severity is never filled in: a person decides it (S8).
        """
        incident = self.incident
        if incident is None:
            return
        data.setdefault("title", incident.title)
        data.setdefault("description", incident.description)
        playbook = next(iter(standing_playbooks(incident)), None)
        if playbook is not None:
            data.setdefault("playbook", playbook.slug)
        if "systems" not in data:
            data.setlist("systems", [system.slug for system in incident.systems.all()])
        if "clients" not in data:
            try:
                systems = find_named(System.objects.active(), data.getlist("systems"))
            except forms.ValidationError:
                return  # The systems field says so itself.
            data.setlist("clients", [c.slug for c in clients_in_scope(incident, systems)])

    @property
    def suggestion(self) -> Suggestion | None:
        """What the answers of a valid form suggest; None where no question was answered (S8)."""
        answers = [self.cleaned_data.get(name) for name in QUESTIONS]
        if all(answer is None for answer in answers):
            return None
        core, component, below = (bool(answer) for answer in answers)
        return suggest_severity(
            is_core_stopped=core, is_component_broken=component, is_below_expectations=below
        )

    def decision(self) -> Triage:
        """The decision of a valid form."""
        data = self.cleaned_data
        suggestion = self.suggestion
        return Triage(
            level=data["level"],
            reason=data["reason"],
            suggested_level=suggestion.level if suggestion else None,
            title=data["title"],
            description=data["description"],
            systems=data["systems"],
            clients=data["clients"],
            technical_owner=data["technical_owner"],
            communications_owner=data["communications_owner"],
            playbook=data["playbook"],
            is_breach_suspected=data["data_breach"],
            is_in_scope=data["in_scope"],
        )

    def _keep_present(self, incident: Incident) -> None:
        """Offer what is on the incident although it was retired since."""
        present: dict[str, Any] = {
            "systems": System.objects.filter(Q(is_active=True) | Q(incidents=incident)),
            "clients": Client.objects.filter(Q(is_active=True) | Q(incidents=incident)),
            "playbook": Playbook.objects.filter(Q(is_active=True) | Q(incidents=incident)),
        }
        for name, queryset in present.items():
            field = self.fields[name]
            field.queryset = queryset.distinct()  # type: ignore[attr-defined]


def clients_in_scope(incident: Incident | None, systems: Iterable[System]) -> list[Client]:
    """W3: those on the incident already, and the present clients who depend on the systems."""
    depends = Q(is_active=True, dependencies__system__in=list(systems))
    if incident is not None:
        depends |= Q(affected__incident=incident)
    return list(Client.objects.filter(depends).distinct())
