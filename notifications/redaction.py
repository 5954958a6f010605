"""Keeps secrets out of stored errors, answers and logs."""

import re
from base64 import b64encode
from urllib.parse import quote

from django.conf import settings

_SECRET_NAMES = ("_KEY", "_TOKEN", "_PASSWORD")
_TOKEN_IN_TEXT = re.compile(
    r"(?i)(/bot)\d+:[\w-]+|((?:api[_-]?key|token|password|secret)=)[^&\s\"']+|(bearer )[\w.~+/=-]+"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_MARK = "[secret]"


def redact(text: str, *, limit: int = 1000) -> str:
    """The text without known secrets and control characters, cut to `limit` characters."""
    for secret in _known_secrets():
        text = text.replace(secret, _MARK)
    text = _TOKEN_IN_TEXT.sub(lambda m: "".join(g or "" for g in m.groups()) + _MARK, text)
    return _CONTROL.sub(" ", text).strip()[:limit]


def _known_secrets() -> list[str]:
    names = [name for name in dir(settings) if name.endswith(_SECRET_NAMES)]
    secrets = [str(getattr(settings, name) or "") for name in names]
    password = str(settings.EMAIL_HOST_PASSWORD or "")
    if password:
        login = f"\0{settings.EMAIL_HOST_USER}\0{password}"
        secrets += [b64encode(text.encode()).decode() for text in (password, login)]
    # In an address a secret may stand percent-encoded; longer ones go first, as parts of others.
    forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
    return sorted((form for form in forms if len(form) >= 4), key=len, reverse=True)
