"""The filters of the incident list; every one of them stands in the address."""

import datetime as dt
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.models import User
from django.core.validators import RegexValidator
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import QueryDict
from django.utils import timezone

from incidents.enums import DeadlineKind, Level, Source, Status
from incidents.holding import holds_any
from incidents.models import (
    AffectedClient,
    Client,
    Deadline,
    Incident,
    MailDraft,
    Responder,
    System,
)

LONGEST_TEXT = 120
OPEN, ME, UNTRIAGED = "open", "me", "none"
PERIODS = [("1", "24 hours"), ("7", "7 days"), ("30", "30 days"), ("90", "90 days")]
FIRST_YEAR, LAST_YEAR = 2000, 2100


class DayFilterField(forms.DateField):
    """A day of this century: others are no answer to “when was it detected”."""

    def to_python(self, value: Any) -> dt.date | None:
        day = super().to_python(value)
        if day is not None and not FIRST_YEAR <= day.year < LAST_YEAR:
            raise forms.ValidationError("Give a date of this century.")
        return day


class DayFilter(django_filters.DateFilter):
    field_class = DayFilterField


class IncidentFilter(django_filters.FilterSet):
    """Text, status, severity, client, system, owner, source, time, breach, privacy.

    A value that means nothing is left out and told of (``ignored``), never an error.
    """

    q = django_filters.CharFilter(method="by_text", label="Text", max_length=LONGEST_TEXT)
    status = django_filters.ChoiceFilter(
        method="by_status", label="Status", choices=[(OPEN, "Open"), *Status.choices]
    )
    severity = django_filters.ChoiceFilter(
        method="by_severity",
        label="Severity",
        choices=[*[(str(n), label) for n, label in Level.choices], (UNTRIAGED, "Not triaged")],
    )
    client = django_filters.CharFilter(method="by_client", label="Client", max_length=60)
    system = django_filters.CharFilter(method="by_system", label="System", max_length=60)
    owner = django_filters.CharFilter(
        method="by_owner",
        label="Owner",
        validators=[RegexValidator(rf"^({ME}|[0-9]{{1,9}})\Z", "There is no such person.")],
    )
    source = django_filters.ChoiceFilter(
        field_name="source", label="Source", choices=Source.choices
    )
    days = django_filters.ChoiceFilter(method="by_days", label="Detected", choices=PERIODS)
    since = DayFilter(method="by_since", label="Detected from")
    until = DayFilter(method="by_until", label="Detected until")
    breach = django_filters.ChoiceFilter(
        method="by_breach", label="Breach", choices=[("yes", "Breached"), ("no", "None")]
    )
    private = django_filters.ChoiceFilter(
        method="by_private", label="Private", choices=[("yes", "Private"), ("no", "Not private")]
    )
    waiting = django_filters.ChoiceFilter(
        method="by_waiting",
        label="Waiting",
        choices=[("draft", "Unsent draft"), ("update", "Update due today")],
    )

    class Meta:
        model = Incident
        fields: list[str] = []

    def __init__(
        self, data: QueryDict | None, queryset: QuerySet[Incident], *, user: User, now: dt.datetime
    ) -> None:
        super().__init__(data, queryset)
        self.user = user
        self.now = now

    @property
    def ignored(self) -> list[str]:
        """What was asked for and means nothing, in words."""
        errors = self.form.errors if self.is_bound else {}
        return [f"{self.filters[name].label}: {texts[0]}" for name, texts in errors.items()]

    @property
    def values(self) -> dict[str, str]:
        """The filters that are set, as they stand in the address."""
        asked = {name: self.data.get(name, "") for name in self.filters}
        return {name: value for name, value in asked.items() if value}

    def by_text(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return rows.search(value)  # type: ignore[attr-defined]

    def by_status(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return rows.open() if value == OPEN else rows.filter(status=value)  # type: ignore[attr-defined]

    def by_severity(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        if value == UNTRIAGED:
            return rows.filter(severity__isnull=True)
        return rows.filter(severity=int(value))

    def by_client(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        affected = AffectedClient.objects.filter(incident=OuterRef("pk"), client__slug=value)
        return rows.filter(Exists(affected))

    def by_system(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        hit = Incident.systems.through.objects.filter(incident=OuterRef("pk"), system__slug=value)
        return rows.filter(Exists(hit))

    def by_owner(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        if value == ME:
            return rows.filter(holds_any(self.user.pk, now=self.now))
        person = int(value)
        return rows.filter(
            Q(technical_owner=person) | Q(communications_owner=person) | Q(coordinator=person)
        )

    def by_days(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return rows.filter(detected_at__gte=self.now - dt.timedelta(days=int(value)))

    def by_since(self, rows: QuerySet[Incident], name: str, value: dt.date) -> QuerySet[Incident]:
        return rows.filter(detected_at__gte=_midnight(value))

    def by_until(self, rows: QuerySet[Incident], name: str, value: dt.date) -> QuerySet[Incident]:
        return rows.filter(detected_at__lt=_midnight(value + dt.timedelta(days=1)))

    def by_breach(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        late = Exists(
            Deadline.objects.counted().filter(incident=OuterRef("pk"), breached_at__isnull=False)
        )
        return rows.filter(late) if value == "yes" else rows.filter(~late)

    def by_private(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        return rows.filter(is_private=value == "yes")

    def by_waiting(self, rows: QuerySet[Incident], name: str, value: str) -> QuerySet[Incident]:
        if value == "draft":
            drafts = MailDraft.objects.filter(incident=OuterRef("pk"), finished_at__isnull=True)
            return rows.filter(Exists(drafts))
        end_of_day = timezone.localtime(self.now).replace(hour=23, minute=59, second=59)
        promises = Deadline.objects.running().filter(
            incident=OuterRef("pk"), kind=DeadlineKind.PROMISE, due_at__lte=end_of_day
        )
        return rows.filter(Exists(promises))


def choose_incidents(
    data: QueryDict, incidents: QuerySet[Incident], *, user: User, now: dt.datetime
) -> QuerySet[Incident]:
    """The incidents an address asks for, newest first: the list page and its export."""
    chosen: QuerySet[Incident] = IncidentFilter(data, incidents, user=user, now=now).qs
    return chosen.order_by("-id")


def filter_choices() -> dict[str, list[tuple[str, str]]]:
    """Clients, systems and responders to choose from, in one query."""
    clients = Client.objects.order_by().values_list(Value("client"), "slug", "name")
    systems = System.objects.order_by().values_list(Value("system"), "slug", "name")
    people = (
        Responder.objects.filter(is_active=True)
        .order_by()
        .values_list(Value("owner"), Cast(F("pk"), CharField()), "name")
    )
    choices: dict[str, list[tuple[str, str]]] = {"client": [], "system": [], "owner": []}
    for what, value, name in clients.union(systems, people, all=True):
        choices[what].append((value, name))
    return {what: sorted(rows, key=lambda row: row[1].casefold()) for what, rows in choices.items()}


def _midnight(day: dt.date) -> dt.datetime:
    """The beginning of a day where the reader is."""
    return dt.datetime.combine(day, dt.time(), timezone.get_current_timezone())
