"""Every way a mail server can fail, as one table: the state, the attempts, the next try."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from notifications.delivery import Pace, deliver_due
from notifications.models import ChannelPause
from tests.notifications.conftest import (
    NOW,
    PASSWORD,
    MailServer,
    check_login,
    free_port,
    use_smtp,
)
from tests.notifications.smtp_scripts import (
    DRIP,
    HANG_UP,
    SILENT,
    make_certificates,
    misbehaving,
)

pytestmark = [
    pytest.mark.fast,
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

PACE = Pace(send=0.6)
#: What the wall clock may show beyond the limit of one send: the goodbye, and a busy machine.
SLACK = 4


@dataclass(frozen=True)
class Outcome:
    state: str
    attempts: int
    paused_for: float = 0
    needs_a_person: bool = False


LATER = Outcome("pending", 1)
AFTER_A_PAUSE = Outcome("pending", 1, paused_for=5)
DEAD = Outcome("dead", 1)
UNCLEAR = Outcome("uncertain", 1)
SHUT = Outcome("pending", 0, paused_for=60, needs_a_person=True)

TABLE = [
    # at, what the server does there, what comes of it
    ("greeting", "421 too busy", AFTER_A_PAUSE),
    ("greeting", "554 not you", AFTER_A_PAUSE),
    ("greeting", HANG_UP, AFTER_A_PAUSE),
    ("greeting", SILENT, AFTER_A_PAUSE),
    ("greeting", DRIP, AFTER_A_PAUSE),
    ("EHLO", HANG_UP, AFTER_A_PAUSE),
    ("MAIL", "421 closing", AFTER_A_PAUSE),
    ("MAIL", "450 later", LATER),
    ("MAIL", "530 log in first", SHUT),
    ("MAIL", "550 no", DEAD),
    ("MAIL", HANG_UP, LATER),
    ("RCPT", "421 closing", AFTER_A_PAUSE),
    ("RCPT", "450 greylisted", LATER),
    ("RCPT", "451 local error", LATER),
    ("RCPT", "550 no such user", DEAD),
    ("RCPT", HANG_UP, LATER),
    ("RCPT", SILENT, LATER),
    ("RCPT", DRIP, LATER),
    ("DATA", "421 closing", AFTER_A_PAUSE),
    ("DATA", "451 later", LATER),
    ("DATA", "554 no", DEAD),
    ("DATA", HANG_UP, LATER),
    ("dot", "421 closing", AFTER_A_PAUSE),
    ("dot", "452 disk full", LATER),
    ("dot", "550 spam", DEAD),
    ("dot", HANG_UP, UNCLEAR),
    ("dot", SILENT, UNCLEAR),
    ("dot", DRIP, UNCLEAR),
]


def check(message: Any, wanted: Outcome) -> None:
    message.refresh_from_db()
    pause = ChannelPause.objects.first()
    assert (
        Outcome(
            message.state,
            message.attempts,
            (pause.until - NOW).total_seconds() if pause else 0,
            pause.needs_a_person if pause else False,
        )
        == wanted
    )
    assert message.next_attempt_at >= NOW
    assert message.last_error
    assert message.delivery_attempts.get().answer == message.last_error


@pytest.mark.parametrize(("at", "how", "wanted"), TABLE, ids=[f"{a}: {h}" for a, h, _ in TABLE])
def test_misbehaving_server(queue, raw_server, at, how, wanted):
    raw_server(misbehaving(at, how))
    message = queue()
    began = time.monotonic()
    deliver_due(now=NOW, pace=PACE)
    assert time.monotonic() - began < PACE.send + SLACK
    check(message, wanted)
    if wanted.state == "pending":
        soonest = max(timedelta(seconds=wanted.paused_for), message.next_attempt_at - NOW)
        assert deliver_due(now=NOW + soonest - timedelta(microseconds=1)).claimed == 0
    else:
        assert deliver_due(now=NOW + timedelta(days=1)).claimed == 0


def test_connection_lost_before_the_final_dot_is_tried_again(queue, raw_server):
    """What the server lets fall with the mail's first lines was not sent; a mail longer than
    the buffers between us shows that before the dot."""
    raw_server(misbehaving("mail", HANG_UP))
    message = queue(text="All of our mail is paused.\n" * 400_000)
    deliver_due(now=NOW, pace=Pace(send=10))
    check(message, LATER)


def test_nobody_there(queue, closed_port):
    message = queue()
    deliver_due(now=NOW)
    check(message, AFTER_A_PAUSE)


# Encryption and login ----------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path):
    return make_certificates(tmp_path)


@pytest.fixture
def trusted(certificates, monkeypatch):
    """Our authority is one of those that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[0]))


@pytest.fixture
def tls_server(certificates, settings, request) -> Iterator[MailServer]:
    """Speaks TLS from the start, or on STARTTLS, and wants a login."""
    is_implicit = request.param == "implicit"
    server, (_, context) = MailServer(), certificates
    options: dict[str, Any] = {"authenticator": check_login, "auth_required": True}
    options |= (
        {"ssl_context": context, "auth_require_tls": False}
        if is_implicit
        else {"tls_context": context, "require_starttls": True}
    )
    controller = Controller(server, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    use_smtp(settings, controller.port)
    settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = is_implicit, not is_implicit
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "incidents", PASSWORD
    yield server
    controller.stop(no_assert=True)


both = pytest.mark.parametrize("tls_server", ["starttls", "implicit"], indirect=True)


@both
@pytest.mark.usefixtures("trusted")
def test_mail_leaves_over_tls_with_a_login(queue, tls_server):
    for name in ("anna", "bela"):
        queue(recipient=f"{name}@client.example")
    assert deliver_due(now=NOW).sent == 2
    assert len(tls_server.envelopes) == 2


@both
@pytest.mark.usefixtures("trusted")
def test_login_refused_over_tls(queue, tls_server, settings):
    settings.EMAIL_HOST_PASSWORD = "wrong-password-99"
    message = queue()
    deliver_due(now=NOW)
    check(message, SHUT)
    assert "wrong-password-99" not in message.last_error


@both
def test_certificate_that_nobody_vouches_for_stops_the_channel(queue, tls_server):
    message = queue()
    deliver_due(now=NOW)
    check(message, SHUT)
    assert not tls_server.envelopes
    assert "certificate" in message.last_error.lower()


def test_server_without_starttls_gets_no_password(queue, mail_server, settings):
    settings.EMAIL_USE_TLS = True
    message = queue()
    deliver_due(now=NOW)
    check(message, SHUT)
    assert not mail_server.envelopes


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("tls_server", ["starttls"], indirect=True)
def test_limit_holds_over_tls_too(queue, tls_server):
    async def never(*args: Any) -> str:
        await asyncio.sleep(3)
        return "250 late"

    tls_server.handle_DATA = never
    message = queue()
    began = time.monotonic()
    deliver_due(now=NOW, pace=PACE)
    assert time.monotonic() - began < PACE.send + SLACK
    check(message, UNCLEAR)
