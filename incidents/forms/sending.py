"""What is known about a sending domain: its name, its DKIM selectors, where it sends from."""

import ipaddress
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from incidents.models import SendingDomain
from incidents.models.client import validate_addresses, validate_selectors

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$)(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_WORDS_AT_MOST = 50


def as_domain(text: str) -> str:
    """A host name in lower case, other letters as their xn-- form. Raises ValidationError."""
    name = text.strip().rstrip(".").lower()
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise ValidationError(f"“{text[:80]}” is not a domain.") from error
    if not _DOMAIN.fullmatch(name):
        raise ValidationError(f"“{text[:80]}” is not a domain such as go.client.example.")
    return name


class WordsField(forms.CharField):
    """Several words in one line; a list without repeats."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 3_000)
        super().__init__(required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)

    def clean(self, value: Any) -> list[str]:
        text = super().clean(self.prepare_value(value)) or ""
        words = list(dict.fromkeys(filter(None, re.split(r"[\s,;]+", text))))
        if len(words) > _WORDS_AT_MOST:
            raise ValidationError(f"No more than {_WORDS_AT_MOST} of them.")
        return words


class SelectorsField(WordsField):
    """DKIM selectors in small letters, as the DNS takes them."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "DKIM selectors")
        kwargs.setdefault("help_text", "Such as s1, google: the words before ._domainkey.")
        super().__init__(**kwargs)

    def clean(self, value: Any) -> list[str]:
        selectors = list(dict.fromkeys(word.lower() for word in super().clean(value)))
        validate_selectors(selectors)
        return selectors


class AddressesField(WordsField):
    """IP addresses, each written in its short form."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Sends from the addresses")
        kwargs.setdefault("help_text", "IP addresses of its own; leave out shared ones.")
        super().__init__(**kwargs)

    def clean(self, value: Any) -> list[str]:
        words = super().clean(value)
        validate_addresses(words)
        return list(dict.fromkeys(str(ipaddress.ip_address(word)) for word in words))


class SendingDomainForm(forms.ModelForm):
    """One domain in the administration."""

    dkim_selectors = SelectorsField()
    sending_ips = AddressesField()

    class Meta:
        model = SendingDomain
        fields = ["client", "name", "dkim_selectors", "sending_ips"]

    def clean_name(self) -> str:
        return as_domain(self.cleaned_data["name"])
