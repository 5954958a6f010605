import io
import logging

import pytest
import structlog

from config import logs

SECRET = "s3cr3t-value-0815"


@pytest.fixture
def log_output(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    found = next(
        h for h in logging.getLogger().handlers if isinstance(h.formatter, logs.RedactingFormatter)
    )
    monkeypatch.setattr(found, "stream", stream)
    return stream


@pytest.mark.parametrize(
    "text",
    [
        f"POST https://api.telegram.org/bot12345:{SECRET}/sendMessage failed",
        f"Authorization: Bearer {SECRET}",
        f"{{'Authorization': 'Basic {SECRET}'}}",
        f"GET https://server.smartlead.ai/api/v1/campaigns?api_key={SECRET}&limit=1",
        f"postgres://root:{SECRET}@db/incidents",
        f'{{"password": "{SECRET}"}}',
        f"token={SECRET}",
        f"HUBSPOT_TOKEN={SECRET}",
    ],
)
def test_redact_hides_what_looks_like_a_secret(text: str) -> None:
    cleaned = logs.redact(text)
    assert SECRET not in cleaned
    assert logs.HIDDEN in cleaned


@pytest.mark.parametrize(
    "text",
    [
        "INC-2026-0001 acknowledged by rick",
        "https://incidents.example.com/incidents/INC-2026-0001/",
        "The token was revoked",
        "robot 5: arm moved",
    ],
)
def test_redact_leaves_plain_text_alone(text: str) -> None:
    assert logs.redact(text) == text


def test_log_line_hides_fields_and_tracebacks(log_output: io.StringIO) -> None:
    try:
        raise ValueError(f"refused: https://x/bot99:{SECRET}/send")
    except ValueError:
        structlog.get_logger("config.test").exception(
            "call failed", headers={"Authorization": SECRET}, url=f"https://a:{SECRET}@b/"
        )
    logging.getLogger("incidents.test").warning("password=%s", SECRET)
    lines = log_output.getvalue()
    assert "call failed" in lines
    assert "ValueError" in lines
    assert SECRET not in lines
    assert lines.count("\n") == 2


def test_known_secret_is_hidden_anywhere() -> None:
    from django.conf import settings

    assert settings.SECRET_KEY not in logs.redact(f"odd place {settings.SECRET_KEY} here")
