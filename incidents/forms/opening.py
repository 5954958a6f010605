"""SOP step 1 from the command line: what ``open_incident`` is told."""

from typing import Any

from incidents.enums import Source
from incidents.forms.base import (
    FlagField,
    InstantField,
    LevelField,
    LineField,
    NamedField,
    StepForm,
    TextField,
    WordField,
    clients_field,
    systems_field,
)
from incidents.models import Client

SHORT_SOURCES = {
    "client": Source.CLIENT_REPORT.value,
    "report": Source.CLIENT_REPORT.value,
    "monitor": Source.MONITORING.value,
    "automated": Source.MONITORING.value,
    "automated_monitoring": Source.MONITORING.value,
    "agent_detection": Source.AGENT.value,
    "review": Source.SCHEDULED_REVIEW.value,
}


class OpenForm(StepForm):
    """A detection. ``severity`` only suggests; a client's report names its client."""

    title = LineField(label="Title", max_length=200)
    source = WordField(label="Source", choices=Source.choices, short=SHORT_SOURCES)
    system = systems_field(label="System", required=False)
    client = clients_field(label="Client", required=False)
    reported_by = NamedField(Client.objects.active(), label="Reported by", required=False)
    severity = LevelField(label="Suggested severity", required=False)
    detected_at = InstantField(label="Detected at", required=False)
    description = TextField(label="Description", required=False, max_length=20_000)
    key = LineField(label="Key", required=False, max_length=120)
    breach = FlagField(label="Suspected data breach")

    def clean(self) -> dict[str, Any]:
        """Where one client is named, a client's report is that client's."""
        data = super().clean() or {}
        is_report = data.get("source") == Source.CLIENT_REPORT
        if is_report and not data.get("reported_by") and "client" in data:
            if len(data["client"]) == 1:
                data["reported_by"] = data["client"][0]
            else:
                self.add_error("reported_by", "Name the client who reported it.")
        return data
