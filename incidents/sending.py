"""What is known about the sending domains of a client (rule K10)."""

from collections.abc import Mapping
from dataclasses import dataclass

from incidents.models import Client


@dataclass(frozen=True, slots=True)
class Signing:
    """DKIM selectors, which cannot be found out, and IP addresses of the domain's own."""

    selectors: list[str]
    addresses: list[str]


def changed_signing(client: Client, said: Mapping[str, Signing]) -> dict[str, Signing]:
    """What is news about the stored domains, by name."""
    if not client.pk or not said:
        return {}
    return {
        domain.name: said[domain.name]
        for domain in client.sending_domains.filter(name__in=list(said))
        if said[domain.name] != Signing(domain.dkim_selectors, domain.sending_ips)
    }


def write_signing(client: Client, changed: Mapping[str, Signing]) -> None:
    """Write it, each domain with its history (rule A2)."""
    for domain in client.sending_domains.filter(name__in=list(changed)):
        news = changed[domain.name]
        domain.dkim_selectors, domain.sending_ips = news.selectors, news.addresses
        domain.save()
