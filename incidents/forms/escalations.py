"""“Seen”."""

from incidents.forms.base import LineField
from incidents.forms.records import TokenForm


class SeenForm(TokenForm):
    """One button and, if wanted, one line (rule N3)."""

    note = LineField(
        required=False, max_length=500, label="A word to the team (may stay empty)"
    )
