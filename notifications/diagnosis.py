"""What a channel's answer means, in words a person understands, and what to do about it.

Pure: the stored answer goes in. The answer itself is shown beside these words, never instead.
"""

import re
from dataclasses import dataclass

from notifications.enums import Channel, MessageState

WAIT = "Nothing to do yet: it is tried again by itself. If it lasts, ask who runs the server."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What happened, and what mends it."""

    words: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """An answer that is known by its words; the first one that fits counts."""

    pattern: re.Pattern[str]
    words: str
    remedy: str


def diagnose(*, channel: str, answer: str, state: str = "") -> Diagnosis | None:
    """The meaning of the last answer; None where there was none.

    ``state`` tells a message that is tried again from one that was given up.
    """
    if not answer:
        return None
    for sign in (*_SIGNS.get(channel, ()), *_ANY):
        if sign.pattern.search(answer):
            return Diagnosis(sign.words, sign.remedy)
    if state == MessageState.DEAD:
        return Diagnosis("It was refused for good.", "Mend what the answer names, then send again.")
    if state == MessageState.UNCERTAIN:
        return Diagnosis("No answer came after it was handed over.", "Look whether it arrived.")
    return Diagnosis("It did not go through.", WAIT)


def _sign(pattern: str, words: str, remedy: str) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), words, remedy)


_ANY = (
    _sign(
        r"broke after|sender died while|no answer (came )?after",
        "It was handed over and the answer was lost: it may have arrived.",
        "Look whether it arrived before you send it again.",
    ),
    _sign(
        r"senders died before",
        "The worker died each time before it could send this.",
        "Send it again. If that fails too, ask who runs the server to read the log.",
    ),
    _sign(
        r"no connection|refused.*errno|errno 111|cannot be reached|broke before",
        "There was no connection.",
        WAIT,
    ),
    _sign(
        r"no(t)? answer within|timed? ?out|silent for",
        "The other side was too slow to answer.",
        WAIT,
    ),
    _sign(
        r"cannot start",
        "This channel is not set up right.",
        "Check its settings in the environment, then restart the program.",
    ),
)

_MAIL = (
    _sign(
        r"refused the login|\b53[0458]\b",
        "The mail server refused our login.",
        "Put the right user and password into EMAIL_URL, restart the program, then press "
        "“Try again”.",
    ),
    _sign(
        r"5\.2\.2|\b552\b|mailbox (is )?full|quota",
        "The recipient's mailbox is full.",
        "Tell them another way and record it, or send again later.",
    ),
    _sign(
        r"5\.1\.[0-6]|user unknown|no such (user|recipient|mailbox)|mailbox unavailable"
        r"|does not exist|\b55[0-3]\b(?!.{0,8}5\.7)",
        "The recipient's mail server does not take mail for this address.",
        "Correct the contact's address, then write the mail anew; or tell them another way and "
        "record it.",
    ),
    _sign(
        r"5\.7\.|spam|blocked|blacklist|block ?list|policy|dmarc|spf|\b554\b",
        "The recipient's mail server took it for unwanted mail.",
        "Tell them another way and record it, and have the sending domain checked.",
    ),
    _sign(
        r"cannot be written|cannot be addressed",
        "This mail cannot be sent to that address.",
        "Correct the contact's address.",
    ),
    _sign(r"\b4\d\d\b", "The mail server asks us to come back later.", WAIT),
    _sign(
        r"certificate|ssl|tls",
        "The mail server's certificate was not accepted.",
        "Check EMAIL_URL; if it is right, ask who runs the mail server.",
    ),
)

_TELEGRAM = (
    _sign(
        r"TELEGRAM_BOT_TOKEN is not set",
        "There is no Telegram bot yet.",
        "Put the bot's token into TELEGRAM_BOT_TOKEN, restart the program, then press “Try again”.",
    ),
    _sign(
        r"TELEGRAM_API_URL",
        "What answers is not Telegram.",
        "Put the right address into TELEGRAM_API_URL, restart the program, then press “Try again”.",
    ),
    _sign(
        r"\b401\b|unauthori[sz]ed|token (was|is) refused|refused the token|\b404\b.*not found$",
        "Telegram refused the bot's token.",
        "Put the right token into TELEGRAM_BOT_TOKEN, restart the program, then press “Try again”.",
    ),
    _sign(
        r"\b403\b|blocked by|can't initiate|kicked",
        "Telegram does not let the bot write to this person.",
        "Ask them to open the bot and press Start. Until then choose e-mail on their account page.",
    ),
    _sign(
        r"chat not found|chat_id|peer_id",
        "Telegram does not know this chat.",
        "Find the right number with check_telegram and put it on the person's account page.",
    ),
    _sign(
        r"\b429\b|too many requests|retry after",
        "Telegram asks us to slow down.",
        "Nothing to do: it is sent when Telegram's wait is over.",
    ),
    _sign(r"\b5\d\d\b", "Telegram has trouble.", WAIT),
)

_HUBSPOT = (
    _sign(
        r"HUBSPOT_TOKEN is not set",
        "There is no HubSpot token yet.",
        "Put it into HUBSPOT_TOKEN, restart the program, then press “Try again”; or copy the note "
        "by hand and tick it.",
    ),
    _sign(
        r"HUBSPOT_API_URL",
        "What answers is not HubSpot.",
        "Put the right address into HUBSPOT_API_URL, restart the program, then press “Try again”.",
    ),
    _sign(
        r"\b401\b|unauthori[sz]ed|token (was|is) refused|refused the token",
        "HubSpot refused our token.",
        "Put the right token into HUBSPOT_TOKEN, restart the program, then press “Try again”.",
    ),
    _sign(
        r"\b403\b|scope",
        "Our HubSpot token may not write notes on deals.",
        "Give the private app the scopes that the answer names, or copy the note by hand and "
        "tick it.",
    ),
    _sign(
        r"\b404\b|not found",
        "HubSpot does not know this deal.",
        "Choose the right deal on the client's page, or copy the note by hand and tick it.",
    ),
    _sign(
        r"daily",
        "Today's calls to HubSpot are used up.",
        "Nothing to do: it is sent when HubSpot counts anew.",
    ),
    _sign(
        r"\b429\b|rate limit",
        "HubSpot asks us to slow down.",
        "Nothing to do: it is sent when HubSpot's wait is over.",
    ),
    _sign(
        r"\b400\b|validation",
        "HubSpot did not accept this note.",
        "Copy the note by hand and tick it on the incident.",
    ),
    _sign(r"\b5\d\d\b", "HubSpot has trouble.", WAIT),
)

_SIGNS: dict[str, tuple[_Sign, ...]] = {
    Channel.EMAIL: _MAIL,
    Channel.TELEGRAM: _TELEGRAM,
    Channel.HUBSPOT: _HUBSPOT,
}
