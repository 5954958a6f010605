"""A server on loopback that speaks Telegram's Bot API as far as we use it."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.notifications.json_server import Asked, JsonServer, Reply

TOKEN = "4711:loopback-bot-token"


class TelegramServer(JsonServer):
    """Knows one bot and takes messages to every chat but those it was told to refuse.

    ``sent`` is what arrived, as (chat, text). ``chats`` limits the chats that exist.
    """

    def __init__(self, *, token: str = TOKEN, port: int = 0) -> None:
        super().__init__(port=port)
        self.token = token
        self.sent: list[tuple[str, str]] = []
        self.chats: set[str] | None = None
        self.blocked: set[str] = set()
        self.moved: dict[str, int] = {}
        self.updates: list[dict[str, Any]] = []
        self._numbers = count(101)

    def texts_to(self, chat: str) -> list[str]:
        return [text for to, text in self.sent if to == chat]

    def answer(self, asked: Asked) -> tuple[int, Any]:
        _, _, rest = asked.path.partition("/bot")
        token, _, method = rest.partition("/")
        if ":" not in token:
            return refused(404, "Not Found")
        if token != self.token:
            return refused(401, "Unauthorized")
        match method:
            case "sendMessage":
                return self._take(asked.json or {})
            case "getMe":
                bot = {"id": 4711, "is_bot": True, "first_name": "SOP", "username": "sop_bot"}
                return 200, {"ok": True, "result": bot}
            case "getUpdates":
                return 200, {"ok": True, "result": self.updates}
        return refused(404, "Not Found: method not found")

    def _take(self, asked: dict[str, Any]) -> tuple[int, Any]:
        chat, text = str(asked.get("chat_id", "")), str(asked.get("text", ""))
        if chat in self.moved:
            return refused(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved[chat],
            )
        if not chat or (self.chats is not None and chat not in self.chats):
            return refused(400, "Bad Request: chat not found")
        if chat in self.blocked:
            return refused(403, "Forbidden: bot was blocked by the user")
        if not text.strip():
            return refused(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > 4096:
            return refused(400, "Bad Request: message is too long")
        self.sent.append((chat, text))
        number = next(self._numbers)
        result = {"message_id": number, "chat": {"id": chat}, "date": 1767607200, "text": text}
        return 200, {"ok": True, "result": result}


def refused(status: int, description: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """What the Bot API answers when it refuses."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return status, body | ({"parameters": parameters} if parameters else {})


def refusal(status: int, description: str, **parameters: Any) -> Reply:
    """The same as a scripted reply."""
    return Reply(*refused(status, description, **parameters))


def too_many(seconds: int, *, header: int | None = None) -> Reply:
    """429, with the wait in the body and, where given, another one in the header."""
    status, body = refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
    return Reply(status, body, headers={"Retry-After": str(header)} if header else {})


def started_by(chat: int, first_name: str, *, username: str = "") -> dict[str, Any]:
    """An update: somebody pressed Start."""
    person = {"id": chat, "type": "private", "first_name": first_name}
    person |= {"username": username} if username else {}
    return {"update_id": chat, "message": {"message_id": 1, "chat": person, "text": "/start"}}
