"""Questions to the DNS, bounded in time: “there is none” and “nobody could tell” kept apart."""

import ipaddress
import socket
import time
from typing import Any

import dns.exception
import dns.message
import dns.name
import dns.nameserver
import dns.rdatatype
import dns.resolver
from django.conf import settings

#: For one question, repeats included.
QUERY_SECONDS = 3.0
_DNS_PORT = 53

#: Nobody could tell.
UNANSWERED = (dns.resolver.LifetimeTimeout, dns.resolver.NoNameservers, dns.resolver.YXDOMAIN)


class UnansweredError(Exception):
    """Nobody could tell: silence, or a server that failed."""


class _BoundedNameserver(dns.nameserver.Do53Nameserver):
    """Gives no answer once its time is over, whoever asks and however often."""

    def __init__(self, address: str, port: int, *, ends: float) -> None:
        super().__init__(address, port)
        self._ends = ends

    def query(
        self, request: dns.message.QueryMessage, timeout: float, *args: Any, **kwargs: Any
    ) -> dns.message.Message:
        left = self._ends - time.monotonic()
        if left <= 0:
            # An OSError, because the resolver then stops asking this one.
            raise OSError("The time for these questions is over.")
        return super().query(request, min(timeout, left), *args, **kwargs)


class BoundedResolver(dns.resolver.Resolver):
    """The resolver of DNS_RESOLVER, or the system's, for so many seconds altogether.

    ``unanswered`` keeps what nobody could tell, as (name, type): the parsers that are given this
    resolver take silence for “there is none”.
    """

    def __init__(self, *, seconds: float) -> None:
        super().__init__(configure=False)
        ends = time.monotonic() + seconds
        servers = [_BoundedNameserver(host, port, ends=ends) for host, port in _servers()]
        self.nameservers = servers
        self.timeout = 1.0
        self.lifetime = QUERY_SECONDS
        self.unanswered: list[tuple[str, str]] = []

    def resolve(
        self, qname: Any, rdtype: Any = "A", *args: Any, **kwargs: Any
    ) -> dns.resolver.Answer:
        try:
            return super().resolve(qname, rdtype, *args, **kwargs)
        except UNANSWERED:
            kind = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rdtype))
            self.unanswered.append((str(qname).rstrip(".").lower(), kind))
            raise

    def ask(self, name: str, kind: str) -> list[Any]:
        """The records of that name and type, in no order; none where there are none.

        Raises UnansweredError.
        """
        try:
            return list(self.resolve(name, kind))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, UnicodeError) as error:
            raise UnansweredError(f"There was no answer about {name}.") from error

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, their strings joined. Raises UnansweredError."""
        return [b"".join(r.strings).decode("utf-8", "replace") for r in self.ask(name, "TXT")]


def _servers() -> list[tuple[str, int]]:
    """Address and port of each name server; none where the system names none."""
    host, _, port = settings.DNS_RESOLVER.rpartition(":")
    if host:
        return [(_as_address(host.strip("[]")), int(port))]
    try:
        system = dns.resolver.Resolver()
    except dns.exception.DNSException:
        return []
    return [(str(server), _DNS_PORT) for server in system.nameservers]


def _as_address(host: str) -> str:
    """An address as it is; a name as the system knows it, or as it is where it does not."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(host, None)[0][4][0])
    except OSError:
        return host
