"""Clients, and an escalation on a client alone."""

import datetime as dt
import zoneinfo
from typing import Any

from django import forms
from django.utils import timezone

from incidents.forms.base import DayField, LineField, TextField
from incidents.forms.escalations import (
    escalation_amount,
    escalation_confirm,
    escalation_quote,
    escalation_summary,
)
from incidents.forms.records import ZONES, LinesField, RecordForm, TokenForm, ZoneField
from incidents.forms.sending import AddressesField, SelectorsField, as_domain
from incidents.models import Client, EscalationRule, SendingDomain, System
from incidents.records import CLIENT_ESCALATIONS
from incidents.sending import Signing

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


class ClientForm(RecordForm):
    """A client; the address of its page is made from the name."""

    name = LineField(max_length=120)
    contact_name = LineField(
        max_length=120, required=False, help_text="Mails greet this person: “Hi Anna,”."
    )
    contact_email = forms.EmailField(
        required=False,
        max_length=254,
        label="Contact's e-mail",
        help_text="Exactly one address. Without it this client's mail is blocked.",
        error_messages={"invalid": "Give exactly one address, such as anna@client.example."},
    )
    time_zone = ZoneField(help_text="Times in this client's mails are given in it.")
    hubspot_deal = LineField(
        max_length=40, required=False, label="HubSpot deal", help_text="Its number in HubSpot."
    )
    digest_weekday = forms.TypedChoiceField(
        coerce=int, choices=list(enumerate(WEEKDAYS)), label="Scheduled update on"
    )
    digest_hour = forms.TypedChoiceField(
        coerce=int,
        choices=[(hour, f"{hour:02d}:00") for hour in range(24)],
        label="At",
        help_text="In the client's time zone.",
    )
    digest_is_automatic = forms.BooleanField(
        required=False,
        label="The scheduled update leaves by itself",
        help_text="At its hour, unless the wording guard finds something; then revenue is asked.",
    )
    since_day = DayField(label="Client since", help_text="No incident of theirs is older.")
    domains = LinesField(
        required=False, label="Sending domains", help_text="One a line: go.client.example"
    )
    notes = TextField(required=False, max_length=10_000)
    is_active = forms.BooleanField(
        required=False,
        label="Is a client now",
        help_text="Untick when they leave: no list offers them then.",
    )

    class Meta:
        model = Client
        fields = [
            "name",
            "tier",
            "contact_name",
            "contact_email",
            "time_zone",
            "hubspot_deal",
            "digest_weekday",
            "digest_hour",
            "digest_is_automatic",
            "notes",
            "is_active",
        ]
        labels = {"tier": "Plan"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        client = self.instance
        since = client.since or timezone.now()
        self.fields["since_day"].initial = timezone.localdate(since, client.zone)
        rows = list(client.dependencies.all()) if client.pk else []
        self.stored_domains = list(client.sending_domains.all()) if client.pk else []
        self.fields["domains"].initial = [domain.name for domain in self.stored_domains]
        for domain in self.stored_domains:
            self.fields[f"selectors_{domain.pk}"] = SelectorsField(initial=domain.dkim_selectors)
            self.fields[f"addresses_{domain.pk}"] = AddressesField(initial=domain.sending_ips)
        present = {row.system_id for row in rows}
        systems = [s for s in System.objects.all() if s.is_active or s.pk in present]
        self.systems = {str(system.pk): system for system in systems}
        for name, chosen in (
            ("systems", present),
            ("only_channels", {row.system_id for row in rows if row.is_only_channel}),
        ):
            self.fields[name] = forms.MultipleChoiceField(
                required=False,
                choices=[(key, str(system)) for key, system in self.systems.items()],
                initial=[str(pk) for pk in chosen],
                error_messages={"invalid_choice": "There is no such system any more."},
            )

    def system_rows(self) -> list[tuple[System, bool, bool]]:
        """Each system with its two ticks: depends on it, and it is the only channel."""
        depends = {str(key) for key in self["systems"].value() or []}
        only = {str(key) for key in self["only_channels"].value() or []}
        return [(system, key in depends, key in only) for key, system in self.systems.items()]

    def domain_rows(self) -> list[tuple[SendingDomain, forms.BoundField, forms.BoundField]]:
        """Each domain that is stored, with the fields of what is known about it."""
        return [
            (domain, self[f"selectors_{domain.pk}"], self[f"addresses_{domain.pk}"])
            for domain in self.stored_domains
        ]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = Client.objects.filter(name__iexact=name).exclude(pk=self.instance.pk)
        if other := others.first():
            raise forms.ValidationError(f"There is a client called {other.name} already.")
        return name

    def clean_since_day(self) -> dt.date:
        day: dt.date = self.cleaned_data["since_day"]
        if day > timezone.localdate():
            raise forms.ValidationError("This day is in the future.")
        return day

    def clean_domains(self) -> list[str]:
        domains = list(dict.fromkeys(map(as_domain, self.cleaned_data["domains"])))
        taken = SendingDomain.objects.filter(name__in=domains).exclude(client=self.instance.pk)
        if other := taken.select_related("client").first():
            raise forms.ValidationError(f"{other.name} belongs to {other.client}.")
        return domains

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        # The only channel is one that they depend on: one tick says both.
        only = values.get("only_channels") or []
        depends = [*(values.get("systems") or []), *only]
        values["systems"] = [self.systems[key] for key in dict.fromkeys(depends)]
        values["only_channels"] = [self.systems[key] for key in only]
        values["signing"] = self._signing()
        return values

    def _signing(self) -> dict[str, Signing]:
        """What was said about each stored domain; one that the form did not show is left out."""
        return {
            domain.name: Signing(
                self.cleaned_data.get(selectors.name) or [],
                self.cleaned_data.get(addresses.name) or [],
            )
            for domain, selectors, addresses in self.domain_rows()
            if selectors.html_name in self.data and addresses.html_name in self.data
        }

    def _post_clean(self) -> None:
        day = self.cleaned_data.get("since_day")
        if day and ("since_day" in self.changed_data or not self.instance.since):
            self.instance.since = _start_of(day, self.cleaned_data.get("time_zone", ""))
        super()._post_clean()  # type: ignore[misc]


class ClientEscalationForm(TokenForm):
    """E2, E3, E7 on a client alone."""

    code = forms.ChoiceField(
        label="What is it?",
        widget=forms.RadioSelect,
        choices=[],
        error_messages={"required": "Choose what it is."},
    )
    summary = escalation_summary()
    quote = escalation_quote()
    amount = escalation_amount()
    confirm = escalation_confirm()

    def __init__(self, *args: Any, rules: list[EscalationRule], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["code"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(r.code, r.situation) for r in rules if r.code in CLIENT_ESCALATIONS]


def _start_of(day: dt.date, zone: str) -> dt.datetime:
    """The first moment of a day in a zone; in the agency's while the zone is no zone."""
    known = zoneinfo.ZoneInfo(zone) if zone in ZONES else timezone.get_default_timezone()
    return timezone.make_aware(dt.datetime.combine(day, dt.time.min), known)
