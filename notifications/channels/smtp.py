"""SMTP step by step: where a dialogue broke decides whether the mail may have arrived."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from notifications.channels.base import DeliveryError

DEFAULT_TIMEOUT_SECONDS = 10
# The server refuses us, not the mail: authentication required, too weak, or invalid.
_LOGIN_CODES = {530, 534, 535, 538}
_CLOSING_CODE = 421


class _WatchedSMTP(smtplib.SMTP):
    """Known to its backend before it connects, so that the greeting is under the limit too."""

    def __init__(self, backend: WatchedBackend, *args: Any, **kwargs: Any) -> None:
        backend.dialogue = self
        super().__init__(*args, **kwargs)


class _WatchedSMTPOverSSL(smtplib.SMTP_SSL):
    def __init__(self, backend: WatchedBackend, *args: Any, **kwargs: Any) -> None:
        backend.dialogue = self
        super().__init__(*args, **kwargs)


class WatchedBackend(EmailBackend):
    """Django's SMTP backend, speaking one mail at a time, that can be broken off.

    EMAIL_TIMEOUT limits each read; a server that drips one byte at a time would outlast it.
    """

    dialogue: smtplib.SMTP | None = None

    def __init__(self) -> None:
        super().__init__(timeout=settings.EMAIL_TIMEOUT or DEFAULT_TIMEOUT_SECONDS)

    @property
    def connection_class(self) -> Any:
        watched = _WatchedSMTPOverSSL if self.use_ssl else _WatchedSMTP
        return lambda *args, **kwargs: watched(self, *args, **kwargs)

    def break_off(self) -> None:
        """End whatever the connection waits for; from another thread."""
        sock = getattr(self.dialogue, "sock", None)
        if sock is not None:
            # Not sock.shutdown(): on TLS that would first drop the encryption under the reader.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def open_or_raise(self) -> bool:
        """Connect unless connected; true for a new connection. Raises DeliveryError."""
        try:
            is_new = bool(self.open())
            smtp = self._open_connection()
            if is_new and smtp.sock is not None:
                # The final dot is a write of its own: held back for an acknowledgement of the
                # mail before it, it would cost 40 ms each time.
                smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            smtp.ehlo_or_helo_if_needed()
            return is_new
        except smtplib.SMTPAuthenticationError as error:
            is_for_good = error.smtp_code >= 500
            raise DeliveryError(
                f"The mail server refused the login: {_answer(error.smtp_code, error.smtp_error)}",
                channel_down=True,
                counts=not is_for_good,
                needs_a_person=is_for_good,
            ) from error
        except (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
            # Neither our settings nor its certificate will be another one the next time.
            raise DeliveryError(
                f"The mail server cannot be used as it is set up: {error}",
                channel_down=True,
                counts=False,
                needs_a_person=True,
            ) from error
        except OSError as error:
            raise DeliveryError(
                f"No connection to the mail server: {error}", channel_down=True
            ) from error

    def reset(self) -> None:
        """Make the connection ready for the next mail after a refusal, or drop it."""
        try:
            self._expect(self._open_connection().rset())
        except (OSError, DeliveryError):
            self.drop()

    def drop(self) -> None:
        """Forget the connection without the courtesy of QUIT, which could hang."""
        for smtp in (self.dialogue, self.connection):
            if smtp is not None:
                smtp.close()
        self.connection = self.dialogue = None
        self._partial_connection = None

    def deliver(self, sender: str, recipient: str, payload: bytes) -> str:
        """One mail over the open connection; the server's answer, or DeliveryError.

        1. Envelope and DATA: a break here means that nothing was sent.
        2. The mail without its final dot: a server must not accept half a mail.
        3. The final dot: a break from here on may be a delivered mail.
        """
        smtp = self._open_connection()
        options = ["body=8bitmime"] if smtp.has_extn("8bitmime") else []
        try:
            self._expect(smtp.mail(sender, options))
            self._expect(smtp.rcpt(recipient))
            self._expect(smtp.docmd("DATA"), 354)
            smtp.send(_dot_stuffed(payload))
        except OSError as error:
            raise BrokenBeforeDataError(
                f"The connection broke before the mail was sent: {error}"
            ) from error
        try:
            smtp.send(b".\r\n")
            reply = smtp.getreply()
        except OSError as error:
            raise DeliveryError(
                f"The connection broke after the mail was sent: {error}", ambiguous=True
            ) from error
        self._expect(reply)
        return _answer(*reply)

    def _open_connection(self) -> smtplib.SMTP:
        if self.connection is None:
            raise smtplib.SMTPServerDisconnected("There is no open connection.")
        return self.connection

    def _expect(self, reply: tuple[int, bytes], *codes: int) -> None:
        code = reply[0]
        if code in (codes or (250, 251)):
            return
        raise RefusedError(
            _answer(*reply),
            permanent=500 <= code < 600 and code not in _LOGIN_CODES,
            channel_down=code in _LOGIN_CODES or code == _CLOSING_CODE,
            counts=code not in _LOGIN_CODES,
            needs_a_person=code in _LOGIN_CODES,
        )


class RefusedError(DeliveryError):
    """The server answered no; the connection itself is fine."""


class BrokenBeforeDataError(DeliveryError):
    """The connection broke when nothing had been sent; trying again cannot double."""


def _dot_stuffed(payload: bytes) -> bytes:
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", payload)
    if not lines.endswith(b"\r\n"):
        lines += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", lines)


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
