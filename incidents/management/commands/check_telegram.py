import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from incidents.command_line import IncidentCommand, Outcome
from incidents.errors import WorkflowError
from incidents.fallback import keep_chat
from incidents.models import Responder
from notifications.channels.http import CallError
from notifications.channels.telegram import Refusal, ask_bot

HOW = (
    "To find a chat id: 1. the person opens Telegram and searches for @{bot}; 2. they press Start "
    "or write anything to it (a group: add the bot and write there); 3. run this command again "
    "within a day, it lists the chat; 4. check_telegram --chat ID sends a test; add --save NAME "
    "to keep it for that responder."
)
TEST_TEXT = "Test message of the incident SOP. You will be told here. Nothing is asked of you."


class Command(IncidentCommand):
    help = (
        "Check the Telegram bot: who it is, which chats have written to it, and, with --chat, "
        "whether a test message arrives there. Changes nothing without --save."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--chat", metavar="ID", help="send a test message there")
        parser.add_argument(
            "--save", metavar="RESPONDER", help="keep --chat for this person: name or user name"
        )

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        if not settings.TELEGRAM_BOT_TOKEN:
            raise WorkflowError("TELEGRAM_BOT_TOKEN is not set, so Telegram is not used.")
        if options["save"] and not options["chat"]:
            raise WorkflowError("--save needs the chat: check_telegram --chat ID --save RESPONDER.")
        person = find_responder(options["save"]) if options["save"] else None
        bot = str(_ask("getMe").get("username", ""))
        if options["chat"]:
            return _test(bot, options["chat"].strip(), person)
        chats = chats_that_wrote()
        known = dict(
            Responder.objects.exclude(telegram_chat="").values_list("telegram_chat", "name")
        )
        for chat in chats:
            chat["responder"] = known.get(str(chat["id"]))
        return Outcome(_listing(bot, chats), {"ok": True, "bot": bot, "chats": chats})


def find_responder(name: str) -> Responder:
    """The active responder of that name, user name or address. Raises WorkflowError."""
    people = Responder.objects.filter(is_active=True)
    for field in ("name__iexact", "user__username__iexact", "email__iexact"):
        found = list(people.filter(**{field: name.strip()})[:2])
        if len(found) == 1:
            return found[0]
        if found:
            raise WorkflowError(f"“{name}” is more than one person: give the user name.")
    raise WorkflowError(f"There is no responder “{name}”.")


def chats_that_wrote() -> list[dict[str, Any]]:
    """The chats of the bot's latest updates, each once, with a name that a person recognises."""
    found: dict[str, dict[str, Any]] = {}
    updates = _ask("getUpdates", {"limit": 100, "timeout": 0})
    for update in updates if isinstance(updates, list) else []:
        for part in update.values() if isinstance(update, dict) else []:
            chat = _chat_in(part)
            if chat and "id" in chat:
                found[str(chat["id"])] = {
                    "id": chat["id"],
                    "type": str(chat.get("type", "")),
                    "name": _name_of(chat),
                }
    return list(found.values())


def _chat_in(part: object) -> dict[str, Any] | None:
    """An update carries its chat in the message, or one level deeper in a pressed button's."""
    if not isinstance(part, dict):
        return None
    chat = part.get("chat")
    return chat if isinstance(chat, dict) else _chat_in(part.get("message"))


def _name_of(chat: Mapping[str, Any]) -> str:
    names = [chat.get("title"), chat.get("first_name"), chat.get("last_name")]
    name = " ".join(str(part) for part in names if part)
    username = f"@{chat['username']}" if chat.get("username") else ""
    return " ".join(part for part in (name, username) if part) or "no name"


def _test(bot: str, chat: str, person: Responder | None) -> Outcome:
    sent = _ask("sendMessage", {"chat_id": chat, "text": TEST_TEXT})
    line = f"@{bot} sent a test to chat {chat} (message {sent.get('message_id')})."
    if person is not None:
        keep_chat(person, chat, reason="Set with check_telegram")
        line += f" It is kept for {person.name}."
        if person.channel != "telegram":
            line += " They still chose e-mail; the SOP's escalations use Telegram all the same."
    else:
        line += " Nothing was saved."
    saved = person.name if person else None
    return Outcome(line, {"ok": True, "bot": bot, "chat": chat, "saved": saved})


def _listing(bot: str, chats: list[dict[str, Any]]) -> str:
    lines = [f"The bot is @{bot}."]
    for chat in chats:
        whose = f", kept for {chat['responder']}" if chat["responder"] else ""
        lines.append(f"{chat['id']}  {chat['name']} ({chat['type']}{whose})")
    if not chats:
        lines.append("Nobody has written to it lately.")
    return "\n".join([*lines, HOW.format(bot=bot)])


def _ask(method: str, payload: Mapping[str, Any] | None = None) -> Any:
    """One call of the Bot API. Raises WorkflowError with one clear line."""
    try:
        result = ask_bot(method, payload or {})
    except CallError as error:
        raise WorkflowError(f"Telegram cannot be asked: {error}") from error
    if not isinstance(result, Refusal):
        return result
    if result.is_about_the_bot:
        raise WorkflowError(
            f"Telegram refused the token ({result}). Put the one that @BotFather gave into "
            "TELEGRAM_BOT_TOKEN."
        )
    raise WorkflowError(f"Telegram: {result}")
