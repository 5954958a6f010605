"""HubSpot: one note on a client's deal, never a second one (rule M10)."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from datetime import UTC
from http import HTTPStatus
from typing import Any

from django.conf import settings

from notifications.channels.base import DeliveryError
from notifications.channels.http import CallError
from notifications.channels.hubspot_api import Refusal, ask_hubspot
from notifications.channels.hubspot_notes import find_note
from notifications.channels.json_api import Stopwatch
from notifications.models import Message

#: HubSpot's limit for the body of a note.
LONGEST_BODY = 65_536
#: A note that HubSpot has just taken may not be on the deal's list yet.
SECONDS_UNTIL_LISTED = 5.0
#: The daily allowance is full: knocking every few minutes would only be refused.
DAILY_WAIT_SECONDS = 2 * 3600.0
ROLLING_WAIT_SECONDS = 10.0
_NOTE_TO_DEAL = 214
_CUT_MARK = "<br>[… shortened. The whole record is in the incident log.]"
_TRY_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.LOCKED,
    HTTPStatus.TOO_EARLY,
}


class HubSpotSession:
    """Writes notes with the token of HUBSPOT_TOKEN; the recipient is the deal's number."""

    def send(self, message: Message, *, seconds: float) -> str:
        """Write one note; how it went, or DeliveryError.

        1. Where an earlier try may have arrived, look for the note on the deal by its mark.
        2. Found: it counts as sent, and nothing is written.
        3. Otherwise write it. A lost answer is ambiguous: the next try starts with the look-up,
           a moment later, because the deal's list lags behind.

        The note's number is the message's receipt.
        """
        if not settings.HUBSPOT_TOKEN:
            raise _token_at_fault("HubSpot: HUBSPOT_TOKEN is not set.")
        watch = Stopwatch(seconds)
        if _may_have_arrived(message):
            earlier = self._look_up(message, watch)
            if earlier:
                message.receipt = earlier
                return f"Already in HubSpot as note {earlier}; nothing was written."
        message.receipt = self._write(message, watch)
        return f"HubSpot took it as note {message.receipt}."

    def close(self) -> None:
        """Nothing is kept open: a kept connection may break with a note on its way."""

    def _look_up(self, message: Message, watch: Stopwatch) -> str:
        try:
            found = find_note(deal=message.recipient, mark=mark_of(message), watch=watch)
        except CallError as error:
            raise _unanswered(error, was_writing=False) from error
        if isinstance(found, Refusal):
            raise _refused(found, message, was_writing=False)
        return found

    def _write(self, message: Message, watch: Stopwatch) -> str:
        try:
            said = ask_hubspot(
                "POST",
                f"/crm/objects/{settings.HUBSPOT_API_VERSION}/notes",
                _note(message),
                seconds=watch.left(),
            )
        except CallError as error:
            raise _unanswered(error, was_writing=True) from error
        if isinstance(said, Refusal):
            raise _refused(said, message, was_writing=True)
        if not said.get("id"):
            raise _lost("HubSpot took it, and its answer does not say as which note.")
        return str(said["id"])[:200]


def mark_of(message: Message) -> str:
    """What finds the note again: unique per message, made of letters that HubSpot leaves alone."""
    fingerprint = hashlib.sha256(message.message_id.encode()).hexdigest()[:12]
    return f"{message.reference or 'note'}-{fingerprint}"


def body_of(message: Message) -> str:
    """The note as HTML with its mark, everything typed escaped, at most LONGEST_BODY long."""
    end = f"<br><br>Reference: {html.escape(mark_of(message))}"
    body = _as_html(message.text.strip())
    if len(body) + len(end) <= LONGEST_BODY:
        return body + end
    room = LONGEST_BODY - len(end) - len(_CUT_MARK)
    kept, length = [], 0
    for sign in message.text.strip():
        piece = _as_html(sign)
        length += len(piece)
        if length > room:
            break
        kept.append(piece)
    return "".join(kept) + _CUT_MARK + end


def _as_html(text: str) -> str:
    return html.escape(text).replace("\n", "<br>")


def _note(message: Message) -> Mapping[str, Any]:
    at = message.created_at.astimezone(UTC)
    return {
        "properties": {
            "hs_timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "hs_note_body": body_of(message),
        },
        "associations": [
            {
                "to": {"id": message.recipient},
                "types": [
                    {
                        "associationCategory": "HUBSPOT_DEFINED",
                        "associationTypeId": _NOTE_TO_DEAL,
                    }
                ],
            }
        ],
    }


def _may_have_arrived(message: Message) -> bool:
    """Anything but the first try; a person's “send again” counts from one, its log does not."""
    is_second = message.attempts > 1 or message.repeats > 0
    return is_second or message.delivery_attempts.count() > 1


def _refused(refusal: Refusal, message: Message, *, was_writing: bool) -> DeliveryError:
    text = f"HubSpot: {refusal}"
    match refusal.status:
        case HTTPStatus.UNAUTHORIZED:
            return _token_at_fault(f"HubSpot refused the token ({refusal}).")
        case HTTPStatus.FORBIDDEN:
            scopes = refusal.scopes or "crm.objects.contacts.write and crm.objects.deals.read"
            return DeliveryError(
                f"{text}. Give the token of HUBSPOT_TOKEN the scope {scopes}.", permanent=True
            )
        case HTTPStatus.NOT_FOUND:
            return DeliveryError(
                f"{text}. Is {message.recipient} the number of a deal, and is "
                "HUBSPOT_API_VERSION right?",
                permanent=True,
            )
        case HTTPStatus.TOO_MANY_REQUESTS:
            least = DAILY_WAIT_SECONDS if refusal.is_daily else ROLLING_WAIT_SECONDS
            return DeliveryError(text, retry_after=max(least, refusal.retry_after or 0))
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR and was_writing:
        return _lost(text, refusal.retry_after)
    if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR or refusal.status in _TRY_LATER:
        return DeliveryError(text, retry_after=refusal.retry_after)
    return DeliveryError(text, permanent=True)


def _unanswered(error: CallError, *, was_writing: bool) -> DeliveryError:
    text = f"HubSpot: {error}"
    if error.status is not None:
        return _token_at_fault(f"{text} Is HUBSPOT_API_URL the right one?")
    if error.was_sent:
        return _lost(text) if was_writing else DeliveryError(text)
    return DeliveryError(text, channel_down=True)


def _lost(text: str, retry_after: float | None = None) -> DeliveryError:
    return DeliveryError(
        text, ambiguous=True, retry_after=max(SECONDS_UNTIL_LISTED, retry_after or 0)
    )


def _token_at_fault(text: str) -> DeliveryError:
    return DeliveryError(text, channel_down=True, counts=False, needs_a_person=True)
