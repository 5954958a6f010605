"""“Seen”."""

from django import forms

from incidents.forms.base import LineField


class SeenForm(forms.Form):
    """One button and, if wanted, one line (rule N3)."""

    note = LineField(required=False, max_length=500, label="A word to the team (may stay empty)")
