"""Reading what was sent: any bytes, any length, any nonsense."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from monitoring.ingest.answers import RefusalError

#: Of a ping, as Healthchecks cuts it.
PING_BODY_LIMIT = 100_000
#: Of everything else.
BODY_LIMIT = 1_000_000
#: The rest of a body is read and thrown away up to here: a client whose body is left unread may
#: lose the connection before it sees the answer.
DRAIN_LIMIT = 32_000_000
CHUNK = 65_536


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")


#: JSON without NaN and the infinities. Made once: ``json.loads`` would make one for each body.
DECODER = json.JSONDecoder(parse_constant=_no_number)


def read_cut(request: HttpRequest, *, limit: int = PING_BODY_LIMIT) -> bytes:
    """The beginning of the body; the rest is dropped, and so is what a lost client never sent."""
    return _read(request, limit)[0]


def read_whole(request: HttpRequest, *, limit: int = BODY_LIMIT) -> bytes | None:
    """The body, or None where it is longer than that."""
    body, is_longer = _read(request, limit)
    return None if is_longer else body


def parse_json(body: bytes | None) -> Any:
    """A body as JSON, without characters that no text column takes. Raises RefusalError."""
    if body is None:
        raise RefusalError(413, f"The body is longer than {BODY_LIMIT} bytes. Send it in parts.")
    try:
        data = DECODER.decode(body.decode("utf-8-sig"))
        return mended(data) if b"\\u" in body else data
    except UnicodeDecodeError as error:
        raise RefusalError(400, "The body is not UTF-8.") from error
    except RecursionError as error:
        raise RefusalError(400, "The body is nested too deeply.") from error
    except ValueError as error:
        raise RefusalError(400, f"The body is not JSON: {str(error)[:120]}") from error


def mended(data: Any) -> Any:
    """The same data, with a replacement for NUL and half characters, which no database stores."""
    if isinstance(data, str):
        text = data.replace("\0", "\ufffd")
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, list):
        return [mended(item) for item in data]
    if isinstance(data, dict):
        return {mended(name): mended(value) for name, value in data.items()}
    return data


def _read(request: HttpRequest, limit: int) -> tuple[bytes, bool]:
    """At most ``limit`` bytes, and whether there was more."""
    read = _reader(request)
    parts: list[bytes] = []
    size = 0
    try:
        while size <= limit and (chunk := read(min(CHUNK, limit + 1 - size))):
            parts.append(chunk)
            size += len(chunk)
        drained = size
        while size > limit and drained < DRAIN_LIMIT and (chunk := read(CHUNK)):
            drained += len(chunk)
    except UnreadablePostError:
        pass
    return b"".join(parts)[:limit], size > limit


def _reader(request: HttpRequest) -> Callable[[int], bytes]:
    """A chunked body has no length; a server that ends its input lets it be read all the same."""
    if request.META.get("CONTENT_LENGTH") or not request.META.get("wsgi.input_terminated"):
        return request.read
    read: Callable[[int], bytes] = request.META["wsgi.input"].read
    return read
