"""What a channel's answer means, as a person reads it."""

import pytest

from notifications.diagnosis import diagnose
from notifications.enums import Channel, MessageState


@pytest.mark.parametrize(
    ("channel", "answer", "words", "remedy"),
    [
        (Channel.EMAIL, "550 5.1.1 user unknown", "does not take mail", "Correct the contact"),
        (Channel.EMAIL, "550 mailbox unavailable", "does not take mail", "tell them another way"),
        (Channel.EMAIL, "552 5.2.2 mailbox full", "mailbox is full", "another way"),
        (Channel.EMAIL, "550 5.7.1 blocked by policy", "unwanted mail", "sending domain"),
        (Channel.EMAIL, "554 looks like spam", "unwanted mail", "sending domain"),
        (Channel.EMAIL, "421 too busy", "come back later", "by itself"),
        (Channel.EMAIL, "The mail server refused the login: 535 no", "our login", "EMAIL_URL"),
        (Channel.EMAIL, "530 5.7.0 authentication required", "our login", "EMAIL_URL"),
        (
            Channel.EMAIL,
            "The connection broke after the mail was sent: reset",
            "it may have arrived",
            "before you send it again",
        ),
        (Channel.EMAIL, "No connection to the mail server: [Errno 111]", "no connection", "itself"),
        (Channel.EMAIL, "No answer within 20 seconds. x", "too slow", "by itself"),
        (Channel.TELEGRAM, "401 Unauthorized", "bot's token", "TELEGRAM_BOT_TOKEN"),
        (Channel.TELEGRAM, "403 bot was blocked by the user", "not let the bot", "press Start"),
        (Channel.TELEGRAM, "400 Bad Request: chat not found", "not know this chat", "check_"),
        (Channel.TELEGRAM, "429 Too Many Requests: retry after 7", "slow down", "Nothing to do"),
        (Channel.TELEGRAM, "Telegram: TELEGRAM_BOT_TOKEN is not set.", "no Telegram bot", "token"),
        (
            Channel.TELEGRAM,
            "Telegram refused the token (404 Not Found).",
            "bot's token",
            "TELEGRAM_BOT_TOKEN",
        ),
        (
            Channel.TELEGRAM,
            "Telegram: It redirects. Is TELEGRAM_API_URL the right one?",
            "not Telegram",
            "TELEGRAM_API_URL",
        ),
        (Channel.TELEGRAM, "Telegram: It did not answer within 9 seconds.", "too slow", "itself"),
        (Channel.HUBSPOT, "HubSpot: HUBSPOT_TOKEN is not set.", "no HubSpot token", "by hand"),
        (
            Channel.HUBSPOT,
            "HubSpot: 403 x. Give the token of HUBSPOT_TOKEN the scope crm.objects.deals.read.",
            "may not write notes",
            "scopes",
        ),
        (
            Channel.HUBSPOT,
            "HubSpot: 404 x. Is 12 the number of a deal, and is HUBSPOT_API_VERSION right?",
            "does not know this deal",
            "client's page",
        ),
        (Channel.HUBSPOT, "401 Unauthorized", "our token", "HUBSPOT_TOKEN"),
        (Channel.HUBSPOT, "403 missing scopes", "may not write notes", "private app"),
        (Channel.HUBSPOT, "404 not found", "does not know this deal", "client's page"),
        (Channel.HUBSPOT, "429 policyName DAILY", "used up", "counts anew"),
        (Channel.HUBSPOT, "400 VALIDATION_ERROR", "did not accept", "by hand"),
    ],
)
def test_answer_is_said_in_words_with_what_mends_it(
    channel: str, answer: str, words: str, remedy: str
) -> None:
    meaning = diagnose(channel=channel, answer=answer)
    assert meaning is not None
    assert words in meaning.words
    assert remedy in meaning.remedy


@pytest.mark.parametrize("channel", Channel.values)
def test_unknown_answer_still_says_what_to_do(channel: str) -> None:
    waiting = diagnose(channel=channel, answer="Wibble.")
    assert waiting is not None
    assert "tried again by itself" in waiting.remedy
    failed = diagnose(channel=channel, answer="Wibble.", state=MessageState.DEAD)
    assert failed is not None
    assert "refused for good" in failed.words
    assert "by itself" not in failed.remedy


def test_no_answer_has_no_meaning() -> None:
    assert diagnose(channel=Channel.EMAIL, answer="") is None
