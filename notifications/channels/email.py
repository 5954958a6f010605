"""E-mail: one recipient, text and HTML parts, fixed Message-ID, through Django's backend."""

from __future__ import annotations

import re
from email.header import Header
from email.utils import parseaddr
from functools import lru_cache

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.utils.encoding import punycode
from django.utils.module_loading import import_string

from notifications.channels.base import DeliveryError
from notifications.channels.limits import WallClockLimit
from notifications.channels.smtp import BrokenBeforeDataError, RefusedError, WatchedBackend
from notifications.models import Message

_GOODBYE_SECONDS = 2
_BREAKS_A_HEADER = re.compile("[\r\n]")


class EmailSession:
    """One batch of mails; an SMTP connection is opened at the first and kept for the rest."""

    def __init__(self) -> None:
        backend = import_string(settings.EMAIL_BACKEND)
        self._smtp = WatchedBackend() if issubclass(backend, SmtpBackend) else None
        self._limit = WallClockLimit(self._break_off, name="smtp-limit")

    def send(self, message: Message, *, seconds: float) -> str:
        """Hand one mail over; the server's answer, or DeliveryError."""
        mail = _build(message)
        if self._smtp is None:
            return _hand_to_local_backend(mail)
        return self._send_by_smtp(self._smtp, mail, seconds)

    def close(self) -> None:
        if self._smtp is not None:
            with self._limit.of(_GOODBYE_SECONDS):
                try:
                    self._smtp.close()
                except OSError:
                    self._smtp.drop()
        self._limit.close()

    def _break_off(self) -> None:
        if self._smtp is not None:
            self._smtp.break_off()

    def _send_by_smtp(
        self, smtp: WatchedBackend, mail: EmailMultiAlternatives, seconds: float
    ) -> str:
        payload = _payload(mail)
        sender, recipient = _envelope(mail.from_email), _envelope(mail.to[0])
        with self._limit.of(seconds) as is_over:
            try:
                try:
                    is_new = smtp.open_or_raise()
                    return smtp.deliver(sender, recipient, payload)
                except BrokenBeforeDataError:
                    # A kept connection may have been closed by the server in between.
                    if is_new or is_over.is_set():
                        raise
                    smtp.drop()
                    smtp.open_or_raise()
                    return smtp.deliver(sender, recipient, payload)
            except DeliveryError as error:
                if isinstance(error, RefusedError) and not error.channel_down:
                    smtp.reset()
                else:
                    smtp.drop()
                if is_over.is_set():
                    error.args = (f"No answer within {seconds:g} seconds. {error}",)
                raise


def _build(message: Message) -> EmailMultiAlternatives:
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.recipient],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={"Message-ID": message.message_id, **message.thread_headers},
    )
    if message.html:
        mail.attach_alternative(message.html, "text/html")
    return mail


def _payload(mail: EmailMultiAlternatives) -> bytes:
    subject, mail.subject = str(mail.subject), ""
    try:
        written = mail.message()
        written.replace_header("Subject", _written_subject(subject))
        return written.as_bytes()
    except (ValueError, UnicodeError) as error:
        raise DeliveryError(f"The mail cannot be written: {error}", permanent=True) from error


@lru_cache(maxsize=64)
def _written_subject(subject: str) -> str:
    """The subject as it stands in a header; many clients get the same one.

    Django would leave the first line of a long one empty, which some filters dislike.
    """
    if _BREAKS_A_HEADER.search(subject):
        raise ValueError("the subject has a line break")
    charset = None if subject.isascii() else "utf-8"
    return Header(subject, charset, header_name="Subject", maxlinelen=76).encode()


def _envelope(address: str) -> str:
    local, _, domain = parseaddr(address)[1].rpartition("@")
    envelope = f"{local}@{punycode(domain)}"
    if not envelope.isascii():
        raise DeliveryError(f"{address} cannot be addressed over SMTP.", permanent=True)
    return envelope


def _hand_to_local_backend(mail: EmailMultiAlternatives) -> str:
    try:
        get_connection(fail_silently=False).send_messages([mail])
    except (ValueError, UnicodeError) as error:
        raise DeliveryError(f"The mail cannot be written: {error}", permanent=True) from error
    except OSError as error:
        raise DeliveryError(f"The mail could not be stored: {error}") from error
    return "Handed to the local mail store."
