"""Systems: ours, a client's, a third party's."""

from typing import Any

from django import forms
from django.core.validators import URLValidator

from incidents.enums import Side, StatusPage
from incidents.forms.base import LineField
from incidents.forms.records import LinesField, RecordForm
from incidents.models import Playbook, System


class SystemForm(RecordForm):
    """A system; the address of its page is made from the name."""

    name = LineField(max_length=120)
    plain_name = LineField(
        max_length=120,
        label="In the client's words",
        help_text="Mails say it so: “your outreach e-mails”.",
    )
    vendor = LineField(
        max_length=80,
        required=False,
        help_text="Needed for a third party's system: its name may not be blamed in client mail.",
    )
    aliases = LinesField(
        required=False,
        label="Other names of the vendor",
        help_text="One a line: “Hub Spot”. The wording guard knows them too.",
    )
    status_page_url = forms.URLField(
        required=False,
        assume_scheme="https",
        max_length=200,
        label="Its address",
        validators=[URLValidator(schemes=["http", "https"])],
    )
    backup = forms.ModelChoiceField(
        System.objects.all(),
        required=False,
        empty_label="No backup",
        help_text="What the playbook's “switch to backup” names.",
    )
    playbook = forms.ModelChoiceField(
        Playbook.objects.filter(is_active=True),
        required=False,
        empty_label="None",
        help_text="Attached when an incident on this system is triaged.",
    )
    is_active = forms.BooleanField(
        required=False,
        label="Is in use",
        help_text="Untick when it is given up: no list offers it then.",
    )

    class Meta:
        model = System
        fields = [
            "name",
            "plain_name",
            "side",
            "vendor",
            "aliases",
            "status_page",
            "status_page_url",
            "backup",
            "playbook",
            "is_active",
        ]
        labels = {"side": "Whose it is", "status_page": "Status page"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["backup"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = System.objects.active().exclude(
            pk=self.instance.pk
        ) | System.objects.filter(pk=self.instance.backup_id)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = System.objects.filter(name__iexact=name).exclude(pk=self.instance.pk)
        if other := others.first():
            raise forms.ValidationError(f"There is a system called {other.name} already.")
        return name

    def clean_aliases(self) -> list[str]:
        aliases: list[str] = self.cleaned_data["aliases"]
        if any(len(alias) > 80 for alias in aliases):
            raise forms.ValidationError("A name has no more than 80 characters.")
        return aliases

    def clean(self) -> dict[str, Any]:
        super().clean()
        values = self.cleaned_data
        if values.get("side") == Side.THIRD_PARTY and not values.get("vendor"):
            self.add_error("vendor", "Name the vendor: this is a third party's system.")
        has_page = values.get("status_page") != StatusPage.NONE
        if has_page and values.get("status_page_url") == "":
            self.add_error("status_page_url", "Give the address of the status page.")
        return values
