"""The guards of the test suite itself."""

import smtplib
import socket

import pytest
from django.core.cache import cache
from django.core.mail import send_mail

from tests.conftest import SmtpServer


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80)])
def test_network_guard_counts_an_attempt_to_leave(
    network_guard: list[str], address: tuple[str, int]
) -> None:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as outside, pytest.raises(ConnectionRefusedError):
        outside.connect(address)
    assert len(network_guard) == 1
    network_guard.clear()


def test_network_guard_refuses_to_look_up_names(network_guard: list[str]) -> None:
    with pytest.raises(socket.gaierror):
        socket.create_connection(("example.com", 80))
    assert network_guard == ["look up 'example.com'"]
    network_guard.clear()


def test_smtp_server_records_what_django_sends(smtp_server: SmtpServer) -> None:
    send_mail("Grüße", "Hello", "a@example.com", ["b@example.com"], html_message="<p>Hello</p>")
    (mail,) = smtp_server.mails
    assert (mail.sender, mail.recipients) == ("a@example.com", ["b@example.com"])
    assert mail.message["Subject"] == "Grüße"
    assert mail.text.strip() == "Hello"
    assert mail.html.strip() == "<p>Hello</p>"


def test_smtp_server_refuses_when_told_to(smtp_server: SmtpServer) -> None:
    smtp_server.answers = ["451 later"]
    with pytest.raises(smtplib.SMTPDataError):
        send_mail("s", "t", "a@example.com", ["b@example.com"])
    assert smtp_server.mails == []


@pytest.mark.parametrize("_turn", [1, 2])
def test_cache_starts_empty(_turn: int) -> None:
    assert cache.get("seen") is None
    cache.set("seen", True)
    assert cache.get("seen") is True
