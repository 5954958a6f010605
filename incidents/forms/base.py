"""What every form of a step shares, and fields that read the same on a page and in ``act``.

A page posts values, the command line posts words: each field here takes both (``SEV-2`` or ``2``,
``third-party`` or ``third_party``, a person's account or name, an ISO instant or a local time).
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils import timezone

from incidents.enums import Level
from incidents.models import Client, Incident, Playbook, Responder, System

FIRST_YEAR, LAST_YEAR = 2000, 2100
LARGEST_VERSION = 2**31 - 1
YES = {"yes": True, "y": True, "true": True, "1": True, "on": True}
NO = {"no": False, "n": False, "false": False, "0": False, "off": False, "": False}


class TokenField(forms.Field):
    """The one-time token of a form; anything that is no UUID counts as none."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> uuid.UUID | None:
        try:
            return uuid.UUID(str(value))
        except ValueError:
            return None


class LineField(forms.CharField):
    """One line of text: line breaks and runs of white space become one space."""

    def to_python(self, value: Any) -> str:
        return " ".join(str(super().to_python(value) or "").split())


class TextField(forms.CharField):
    """Several lines; line ends are counted and kept as one character."""

    def __init__(self, *, rows: int = 3, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": rows}))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return str(text).replace("\r\n", "\n").replace("\r", "\n")


class InstantField(forms.DateTimeField):
    """An instant: ISO with an offset, or a local time in the reader's zone."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> dt.datetime | None:
        try:
            instant = super().to_python(value)
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        if instant is not None and not FIRST_YEAR <= instant.year < LAST_YEAR:
            raise ValidationError("Give a date of this century.", code="invalid")
        return instant


class DayField(forms.DateField):
    """A calendar day, ``2026-03-20``."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(widget=widget, **kwargs)

    def to_python(self, value: Any) -> dt.date | None:
        day = super().to_python(value)
        if day is not None and not FIRST_YEAR <= day.year < LAST_YEAR:
            raise ValidationError("Give a date of this century.", code="invalid")
        return day


class WordField(forms.ChoiceField):
    """One word of a list; hyphens count as underscores, and short words may be given."""

    def __init__(
        self,
        *,
        choices: Iterable[tuple[str, str]],
        short: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        choices = list(choices)
        self.words = [word for word, _ in choices]
        self.short = dict(short or {})
        super().__init__(choices=choices, **kwargs)

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value)).strip()
        known = {_plain(key): key for key in self.words}
        known |= {_plain(word): target for word, target in self.short.items()}
        return known.get(_plain(text), text)


class LevelField(forms.TypedChoiceField):
    """A severity: ``2`` or ``SEV-2``."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("choices", Level.choices)
        kwargs.setdefault("widget", forms.RadioSelect)
        super().__init__(coerce=int, empty_value=None, **kwargs)

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value)).strip()
        return text.upper().removeprefix("SEV").lstrip("- ")


class AnswerField(forms.TypedChoiceField):
    """A question answered with yes or no, or not at all (None)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        kwargs.setdefault("widget", forms.RadioSelect)
        super().__init__(
            choices=[("yes", "Yes"), ("no", "No")],
            coerce=lambda word: word == "yes",
            empty_value=None,
            **kwargs,
        )

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value)).strip()
        if not text:
            return text
        answer = (YES | NO).get(text.casefold())
        return text if answer is None else ("yes" if answer else "no")


class FlagInput(forms.CheckboxInput):
    """A box to tick; the command line may also say ``no``."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return data.get(name, "")


class FlagField(forms.BooleanField):
    """Ticked or not; never required."""

    widget = FlagInput

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def to_python(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        answer = (YES | NO).get(str(value or "").strip().casefold())
        if answer is None:
            raise ValidationError("Answer yes or no.", code="invalid")
        return answer


class NamedField(forms.ModelChoiceField):
    """A client, system or playbook by its slug; its name is understood as well."""

    def __init__(self, queryset: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(queryset, to_field_name="slug", **kwargs)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return None
        found = find_named(_rows_of(self), [value])
        return next(iter(found), None)


class NamedListField(forms.ModelMultipleChoiceField):
    """Several clients or systems by slug or name; a list, in the order of their names."""

    def __init__(self, queryset: QuerySet[Any], **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.CheckboxSelectMultiple)
        super().__init__(queryset, to_field_name="slug", **kwargs)

    def clean(self, value: Any) -> list[Any]:  # type: ignore[override]
        given = value if isinstance(value, list | tuple) else [value]
        values = [word for word in given if word not in self.empty_values]
        if self.required and not values:
            raise ValidationError(self.error_messages["required"], code="required")
        return find_named(_rows_of(self), values)


class PersonField(forms.ModelChoiceField):
    """A responder: by number, by the name of the account, or by the person's name."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Responder.objects.filter(is_active=True), **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        rank = f", {obj.get_rank_display().lower()}" if obj.rank != "primary" else ""
        return f"{obj.name} ({obj.get_role_display().lower()}{rank})"

    def to_python(self, value: Any) -> Responder | None:
        if value in self.empty_values:
            return None
        wanted = _plain(str(value))
        people = list(_rows_of(self).select_related("user"))
        for read in (_number_of, _account_of, _name_of):
            for person in people:
                if read(person) == wanted:
                    return person
        raise ValidationError(f"There is no responder “{str(value)[:80]}”.", code="invalid_choice")


class StepForm(forms.Form):
    """The input of one step on one incident.

    Carries a one-time token (a double click does the step once) and the version of the incident
    that the person saw (a stale form is refused). Both may be missing.
    """

    #: Other names under which the command line takes a field.
    aliases: ClassVar[dict[str, str]] = {}

    form_token = TokenField(required=False)
    version = forms.IntegerField(
        required=False, min_value=0, max_value=LARGEST_VERSION, widget=forms.HiddenInput
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        incident: Incident | None = None,
        initial: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.incident = incident
        kwargs.setdefault("label_suffix", "")
        super().__init__(data, initial=self.first_values() | (initial or {}), **kwargs)
        zone = timezone.get_current_timezone_name()
        for field in self.fields.values():
            if isinstance(field, InstantField):
                field.help_text = f"{field.help_text} Time zone: {zone}.".strip()

    def first_values(self) -> dict[str, Any]:
        """What the form shows before anybody typed; a form adds what it knows of the incident."""
        values: dict[str, Any] = {"form_token": uuid.uuid4()}
        if self.incident is not None:
            values["version"] = self.incident.version
        return values

    def fill_in(self, data: QueryDict) -> None:
        """Add to ``data`` what a page would have shown filled in: for callers without a page."""

    def renew(self, version: int) -> None:
        """After a conflict: keep what was typed, but for the incident as it is now."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        data["version"] = str(version)
        self.data = data

    @property
    def token(self) -> uuid.UUID | None:
        """The one-time token of a valid form."""
        return self.cleaned_data.get("form_token")

    @property
    def seen_version(self) -> int | None:
        """The version the person saw, of a valid form."""
        return self.cleaned_data.get("version")


def clients_field(**kwargs: Any) -> NamedListField:
    """Any number of present clients."""
    return NamedListField(Client.objects.active(), **kwargs)


def systems_field(**kwargs: Any) -> NamedListField:
    """Any number of present systems."""
    return NamedListField(System.objects.active(), **kwargs)


def playbook_field(**kwargs: Any) -> NamedField:
    return NamedField(Playbook.objects.filter(is_active=True), **kwargs)


def find_named(queryset: QuerySet[Any], values: Iterable[Any]) -> list[Any]:
    """The rows with these slugs or names. Raises ValidationError that names the unknown ones."""
    rows = list(queryset.all())
    by_slug = {row.slug: row for row in rows}
    by_name = {_plain(str(row)): row for row in rows}
    found, unknown = set(), []
    for value in values:
        row = by_slug.get(str(value)) or by_name.get(_plain(str(value)))
        if row is None:
            unknown.append(f"“{str(value)[:80]}”")
        else:
            found.add(row.pk)
    if unknown:
        noun = queryset.model.__name__.lower()
        raise ValidationError(f"There is no {noun} {', '.join(unknown)}.", code="invalid_choice")
    return [row for row in rows if row.pk in found]


def _rows_of(field: forms.ModelChoiceField) -> QuerySet[Any]:
    """The rows a field offers; it always has some query."""
    if field.queryset is None:
        raise ValueError("This field was made without a queryset.")
    return field.queryset


def _plain(word: str) -> str:
    return " ".join(word.casefold().replace("-", "_").split())


def _number_of(person: Responder) -> str:
    return str(person.pk)


def _account_of(person: Responder) -> str:
    return _plain(person.user.get_username()) if person.user else ""


def _name_of(person: Responder) -> str:
    return _plain(person.name)
