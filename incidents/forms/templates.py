"""The wording of a client mail."""

from django import forms

from incidents.forms.base import TextField
from incidents.forms.records import RecordForm
from notifications.models import EmailTemplate
from notifications.templating import MAX_TEMPLATE_BYTES


class TemplateForm(RecordForm):
    """Subject and body; the model refuses what does not render (rules M1, A4)."""

    subject = forms.CharField(max_length=300)
    body = TextField(
        max_length=MAX_TEMPLATE_BYTES,
        rows=18,
        strip=False,
        help_text="Paragraphs, **bold**, {{ field }} and {% if field %}…{% else %}…{% endif %}.",
    )

    class Meta:
        model = EmailTemplate
        fields = ["subject", "body"]
