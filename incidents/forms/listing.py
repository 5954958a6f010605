"""Choosing incidents on the command line."""

from django import forms
from django.db.models import QuerySet

from incidents.enums import Status
from incidents.forms.base import FlagField, LevelField, NamedField, WordField
from incidents.models import Client, Incident, System


class ListForm(forms.Form):
    status = WordField(choices=Status.choices, required=False)
    severity = LevelField(required=False)
    client = NamedField(Client.objects.all(), required=False)
    system = NamedField(System.objects.all(), required=False)
    open = FlagField()

    def choose(self, incidents: QuerySet[Incident]) -> QuerySet[Incident]:
        """The incidents that a valid form asks for."""
        data = self.cleaned_data
        wanted = {
            "status": data["status"],
            "severity": data["severity"],
            "clients": data["client"],
            "systems": data["system"],
        }
        chosen = incidents.filter(**{name: value for name, value in wanted.items() if value})
        return chosen.filter(pk__in=Incident.objects.open()) if data["open"] else chosen
