"""What the readers of status pages share: which page is asked, and what was found on it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from monitoring.enums import Indicator

#: From good to bad; what is unknown has no place in it.
BY_WEIGHT = (
    Indicator.NONE,
    Indicator.MAINTENANCE,
    Indicator.MINOR,
    Indicator.MAJOR,
    Indicator.CRITICAL,
)
#: Pages that look like a provider's and are somebody's demonstration.
DECOYS = frozenset({"apollo.statuspage.io"})
_NAMED_AT_MOST = 3


class OddPageError(Exception):
    """The page answered, and what it says cannot be trusted or understood: one sentence."""


@dataclass(frozen=True, slots=True)
class Page:
    """A provider's page; ``identity`` is how the page must call itself, empty: by its host.

    ``seconds`` limits each call to it, where HTTP_TIMEOUT is too long.
    """

    url: str
    identity: str = ""
    seconds: float | None = None

    @property
    def host(self) -> str:
        return host_of(self.url)

    def at(self, path: str) -> str:
        """The address of a file of the page; an address that names a file is taken as it is."""
        parts = urlsplit(self.url)
        if parts.path.endswith(".json"):
            return self.url
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a page says about its provider."""

    indicator: Indicator
    detail: str


def host_of(url: object) -> str:
    """The host of a web address in small letters, empty where it is none."""
    try:
        return (urlsplit(url).hostname or "").lower() if isinstance(url, str) else ""
    except ValueError:
        return ""


def check_identity(page: Page, *, names: list[object], hosts: list[str]) -> None:
    """That the page is the one meant: it calls itself by the identity that staff wrote down, or,
    where there is none, by the host that was asked.

    Raises OddPageError for another page, and for a known decoy whatever it calls itself.
    """
    own_hosts = {host.lower() for host in hosts if host}
    if DECOYS & {page.host, *own_hosts}:
        raise OddPageError("This page is a decoy with demonstration data, not the provider's.")
    called = {str(name).strip().lower() for name in names if isinstance(name, str | int)}
    wanted = page.identity.strip().lower()
    if wanted and wanted not in called | own_hosts:
        raise OddPageError(f"Another page answered: {_shown(names, hosts)}.")
    if not wanted and page.host not in own_hosts:
        raise OddPageError(
            f"The page calls itself {_shown(names, hosts)}, which is not the host that was asked."
        )


def worst(indicators: list[Indicator]) -> Indicator:
    """The heaviest of them, none for none."""
    return max(indicators, key=BY_WEIGHT.index, default=Indicator.NONE)


def member(data: Any, name: str, kind: type) -> Any:
    """One member of a JSON object, of that kind. Raises OddPageError."""
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, kind):
        raise OddPageError(f"Its answer has no {name} as such a page has.")
    return value


def listed(data: Any, name: str) -> list[Any]:
    """A list that may be missing. Raises OddPageError where it is something else."""
    return member(data, name, list) if isinstance(data, dict) and name in data else []


def named(troubles: list[tuple[str, str]]) -> str:
    """“CRM: major outage, Forms: degraded, and 2 more”."""
    shown = [f"{name}: {word.replace('_', ' ')}" for name, word in troubles[:_NAMED_AT_MOST]]
    more = len(troubles) - len(shown)
    return ", ".join(shown) + (f", and {more} more" if more else "")


def _shown(names: list[object], hosts: list[str]) -> str:
    words = [str(name)[:60] for name in [*names, *hosts] if name]
    return f"“{words[0]}”" if words else "nothing"
