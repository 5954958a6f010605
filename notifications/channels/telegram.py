"""Telegram: plain text through the Bot API, one request a message."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.conf import settings

from notifications.channels.base import DeliveryError
from notifications.channels.http import Answer, CallError, call
from notifications.channels.json_api import Stopwatch, json_of, seconds_to_wait
from notifications.models import Message
from notifications.moving import move_recipient
from notifications.redaction import redact

#: Telegram's limit; counted in UTF-16 units, the strictest way to count.
LONGEST_TEXT = 4096
REPEAT_MARK = "(repeat) "
CUT_MARK = "\n\n[… shortened]"
_LINK = re.compile(r"https?://\S+")
#: The bot's address is wrong or its token is none: the message is not at fault.
_NO_SUCH_BOT = {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the Bot API says when it does not do what was asked."""

    status: int
    description: str
    retry_after: float | None = None
    new_chat: str = ""

    def __str__(self) -> str:
        return f"{self.status} {self.description}"

    @property
    def is_about_the_bot(self) -> bool:
        """The token, or the address that it stands in, and not this message or its chat."""
        words = self.description.casefold()
        return self.status in _NO_SUCH_BOT and not ("chat" in words or "user not found" in words)


class TelegramSession:
    """Sends messages to chats as the bot of TELEGRAM_BOT_TOKEN."""

    def send(self, message: Message, *, seconds: float) -> str:
        """Hand one message over; Telegram's answer, or DeliveryError.

        A group that became a supergroup has a new id: it is kept, and the message goes there.
        The id of the message that arrived is its receipt.
        """
        if not settings.TELEGRAM_BOT_TOKEN:
            raise _bot_at_fault("Telegram: TELEGRAM_BOT_TOKEN is not set.")
        watch = Stopwatch(seconds)
        found = self._post(message, watch)
        if isinstance(found, Refusal) and found.new_chat:
            move_recipient(message, to=found.new_chat)
            found = self._post(message, watch)
        if isinstance(found, Refusal):
            raise _refused(found)
        receipt = str(found.get("message_id", ""))
        message.receipt = receipt
        return f"Telegram took it as message {receipt}."

    def close(self) -> None:
        """Nothing is kept open: a kept connection may break with a message on its way."""

    def _post(self, message: Message, watch: Stopwatch) -> Mapping[str, Any] | Refusal:
        payload = {
            "chat_id": message.recipient,
            "text": written(message),
            "link_preview_options": {"is_disabled": True},
        }
        try:
            result = ask_bot("sendMessage", payload, seconds=watch.left())
        except CallError as error:
            raise _unanswered(error) from error
        if isinstance(result, Refusal) and result.status == HTTPStatus.OK:
            raise DeliveryError(f"Telegram: {result.description}", ambiguous=True)
        return result if isinstance(result, Refusal) else dict(result or {})


def ask_bot(
    method: str, payload: Mapping[str, Any], *, seconds: float | None = None
) -> Any | Refusal:
    """One call of the Bot API: its result, or why it refused.

    The token stands in the address, so no address is ever part of an error. An answer with
    status 200 that is not the API's is a Refusal of that status. Raises CallError where there
    is no answer.
    """
    token = quote(settings.TELEGRAM_BOT_TOKEN, safe=":")
    answer = call(
        f"{settings.TELEGRAM_API_URL.rstrip('/')}/bot{token}/{method}",
        method="POST",
        headers={"Content-Type": "application/json"},
        body=json.dumps(payload).encode(),
        seconds=seconds,
        silence=seconds,
    )
    said = json_of(answer)
    if answer.status == HTTPStatus.OK and said.get("ok") is True:
        return said.get("result")
    return _refusal(answer, said)


def written(message: Message) -> str:
    """Subject and text as one plain text, at most as long as Telegram takes.

    A repeat says so first: an earlier try may have arrived. What is cut keeps its last link.
    """
    mark = REPEAT_MARK if message.repeats else ""
    text = mark + "\n\n".join(part for part in (message.subject, message.text.strip()) if part)
    if utf16_units(text) <= LONGEST_TEXT:
        return text
    links = _LINK.findall(message.text)
    end = CUT_MARK + (f"\n\n{links[-1]}" if links and utf16_units(links[-1]) < 1000 else "")
    return _cut(text, LONGEST_TEXT - utf16_units(end)).rstrip() + end


def utf16_units(text: str) -> int:
    """The length of a text as Telegram's clients count it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, units: int) -> str:
    # Half a pair at the end is left out.
    return text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore")


def _refusal(answer: Answer, said: Mapping[str, Any]) -> Refusal:
    parameters = said.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    new_chat = parameters.get("migrate_to_chat_id")
    description = str(said.get("description") or f"It answered with status {answer.status}.")
    return Refusal(
        status=answer.status,
        description=redact(description, limit=300),
        retry_after=seconds_to_wait(
            answer.headers.get("retry-after"), parameters.get("retry_after")
        ),
        new_chat=str(new_chat) if isinstance(new_chat, int) else "",
    )


def _refused(refusal: Refusal) -> DeliveryError:
    text = f"Telegram: {refusal}"
    if refusal.is_about_the_bot:
        return _bot_at_fault(f"Telegram refused the token ({refusal}).")
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return DeliveryError(text, retry_after=refusal.retry_after)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DeliveryError(text, ambiguous=True, retry_after=refusal.retry_after)
    return DeliveryError(text, permanent=True)


def _unanswered(error: CallError) -> DeliveryError:
    text = f"Telegram: {error}"
    if error.status is not None:
        return _bot_at_fault(f"{text} Is TELEGRAM_API_URL the right one?")
    if error.was_sent:
        return DeliveryError(text, ambiguous=True)
    return DeliveryError(text, channel_down=True)


def _bot_at_fault(text: str) -> DeliveryError:
    return DeliveryError(text, channel_down=True, counts=False, needs_a_person=True)
