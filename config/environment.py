"""Reading the environment: every wrong value ends the start with one clear line.

The line names the variable and what is expected. It never repeats the value, because
half of these variables carry passwords.
"""

import os
import secrets
import sys
import tempfile
from collections.abc import Callable
from email.utils import parseaddr
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}
MAIL_SCHEMES = set(environ.Env.EMAIL_SCHEMES)
SECRET_KEY_CHARACTERS = 64
#: A server that is gone without a word must hold nobody; the address may say otherwise
#: (?connect_timeout=…).
POSTGRESQL_LIMITS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 15_000,
    "options": "-c lock_timeout=30s -c idle_in_transaction_session_timeout=120s"
    " -c statement_timeout=300s",
}


def refuse(name: str, expected: str) -> NoReturn:
    """Stop the start: ``name`` is wrong, ``expected`` says what it must look like."""
    sys.exit(f"Cannot start: {name} must be {expected}.")


def make_folder(path: Path) -> None:
    """Make ``path`` and what leads there, open to the owner only."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        sys.exit(f"Cannot start: the folder {path} cannot be made or written.")


def read_dotenv(path: Path) -> None:
    """Take what ``path`` sets and the environment does not; a missing file is fine."""
    try:
        environ.Env.read_env(path)
    except (OSError, UnicodeDecodeError):
        sys.exit(f"Cannot start: {path.name} exists but cannot be read as UTF-8 text.")


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks; unset and empty both give the default."""
    value = os.environ.get(name, "").strip()
    if "\0" in value or "\n" in value or "\r" in value:
        refuse(name, "one line of text")
    return value or default


def flag(name: str, *, default: bool = False) -> bool:
    """A yes or no."""
    word = os.environ.get(name, "1" if default else "0").strip().lower()
    if word in TRUE_WORDS:
        return True
    if word not in FALSE_WORDS:
        refuse(name, "1, true, yes or on for yes, 0, false, no or off for no")
    return False


def number(name: str, default: float, *, low: float, high: float) -> float:
    """A number of seconds (or the like) from ``low`` to ``high``."""
    try:
        value = float(text(name, str(default)))
    except ValueError:
        refuse(name, f"a number from {low:g} to {high:g}")
    if not low <= value <= high:
        refuse(name, f"a number from {low:g} to {high:g}")
    return value


def whole_number(name: str, default: int, *, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        refuse(name, f"a whole number from {low} to {high}")
    return int(value)


def words(name: str, default: list[str]) -> list[str]:
    """A list, separated by commas."""
    given = [word.strip() for word in text(name).split(",") if word.strip()]
    return given or default


def host_names(name: str, default: list[str]) -> list[str]:
    """Host names as Django's ALLOWED_HOSTS takes them."""
    found = words(name, default)
    if any("/" in host or " " in host for host in found):
        refuse(name, "host names without scheme or path, separated by commas")
    return found


def origins(name: str, default: list[str]) -> list[str]:
    """Origins with their scheme, as Django's CSRF_TRUSTED_ORIGINS takes them."""
    found = words(name, default)
    if not all(origin.startswith(("http://", "https://")) for origin in found):
        refuse(name, "origins such as https://incidents.example.com, separated by commas")
    return found


def web_address(name: str, default: str = "", *, site: bool = False) -> str:
    """An http(s) address without a slash at the end; a ``site`` has no path either."""
    value = text(name, default)
    if not value:
        return ""
    parts = _split(name, value, "an address such as https://incidents.example.com")
    has_more = parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or has_more:
        refuse(name, "an address that begins with http:// or https:// and names a host")
    if site and parts.path.strip("/"):
        refuse(name, "an address without a path, such as https://incidents.example.com")
    return value.rstrip("/")


def url_password(name: str) -> str:
    """The password inside an address, so that logs can hide it."""
    value = text(name)
    return _split(name, value, "an address with its scheme").password or ""


def mail_address(name: str, default: str) -> str:
    """One address, with or without a display name."""
    value = text(name, default)
    _, address = parseaddr(value)
    user, at, domain = address.rpartition("@")
    if not (at and user and "." in domain.strip(".")) or "," in value or ";" in value:
        refuse(name, "one e-mail address, such as Support <support@example.com>")
    return value


def time_zone(name: str, default: str) -> str:
    """A zone of the time zone database."""
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        refuse(name, "a time zone such as Europe/Berlin")
    return value


def host_and_port(name: str) -> str:
    """``host:port``, or nothing."""
    value = text(name)
    host, _, port = value.rpartition(":")
    if value and not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        refuse(name, "host:port, such as 127.0.0.1:53")
    return value


def country(name: str, default: str, known: Callable[[], object]) -> str:
    """A country (or country-region) whose holidays the ``holidays`` package knows."""
    value = text(name, default).upper()
    code, _, region = value.partition("-")
    supported = known()
    assert isinstance(supported, dict)
    if code not in supported or (region and region not in supported[code]):
        refuse(name, "a country code such as DE, or with its region such as DE-BE")
    return value


def database(name: str, default: str) -> dict[str, object]:
    """Django's settings for SQLite or PostgreSQL from a database address."""
    value = text(name, default)
    expected = "sqlite:///path/to/file or postgres://user:password@host:port/name"
    parts = _split(name, value, expected)
    is_file = not parts.netloc and len(parts.path) > 1 and parts.path != "/:memory:"
    is_sqlite = parts.scheme == "sqlite" and is_file
    is_postgresql = parts.scheme in {"postgres", "postgresql"} and len(parts.path) > 1
    if not (is_sqlite or is_postgresql):
        refuse(name, expected)
    config = environ.Env.db_url_config(value)
    # These two are ours to say; django-environ would let the address change the rest.
    options = dict(POSTGRESQL_LIMITS if is_postgresql else {}) | dict(config.get("OPTIONS", {}))
    return {key: config[key] for key in ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")} | {
        "OPTIONS": options
    }


def redis_address(name: str) -> str:
    """The address of a Redis server, or nothing."""
    value = text(name)
    expected = "redis://host:port/number (rediss:// for TLS, unix:///path for a socket)"
    parts = _split(name, value, expected)
    if value and (
        parts.scheme not in {"redis", "rediss", "unix"}
        or not (parts.path if parts.scheme == "unix" else parts.hostname)
    ):
        refuse(name, expected)
    return value


def mail(name: str, default_folder: Path) -> dict[str, object]:
    """Django's EMAIL_* settings from a mail address; unset, mail goes into files."""
    value = text(name)
    if not value:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": str(default_folder),
        }
    expected = "smtp://user:password@host:port (smtp+tls:// for STARTTLS, smtp+ssl:// for TLS)"
    parts = _split(name, value, expected)
    if parts.scheme not in MAIL_SCHEMES:
        refuse(name, expected)
    if parts.scheme.startswith("smtp") and not parts.hostname:
        refuse(name, expected)
    if parts.scheme == "filemail" and len(parts.path) < 2:
        refuse(name, "filemail:///folder when mail goes into files")
    config = {key: found for key, found in environ.Env.email_url_config(value).items() if found}
    config.pop("OPTIONS", None)
    if parts.scheme == "filemail":
        config["EMAIL_FILE_PATH"] = parts.path
    if parts.scheme.startswith("smtp"):
        config.setdefault("EMAIL_PORT", {"smtp": 25, "smtp+ssl": 465}.get(parts.scheme, 587))
    return config


def secret_key(name: str, folder: Path) -> str:
    """The key of the environment, else the one kept in ``folder``, made at first use.

    Two processes that start together agree: the file appears whole (hard link of a
    finished file) and only the first one wins.
    """
    value = os.environ.get(name, "").strip()
    if value:
        return value
    path = folder / "secret_key"
    try:
        if not path.exists():
            _write_secret(path)
        kept = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        sys.exit(f"Cannot start: {path} must be a file that can be written and read.")
    if len(kept) < SECRET_KEY_CHARACTERS // 2:
        sys.exit(f"Cannot start: {path} holds no usable key; delete it and start again.")
    return kept


def _write_secret(path: Path) -> None:
    # mkstemp makes the file with mode 600.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".secret_key")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_urlsafe(SECRET_KEY_CHARACTERS))
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        Path(draft).unlink()


def _split(name: str, value: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        # Reading the port is what finds a wrong one.
        _ = parts.port
    except ValueError:
        refuse(name, expected)
    return parts
