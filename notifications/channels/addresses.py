"""Which addresses of the network may be asked."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

#: Carries an IPv4 address to a gateway, which would reach it on our behalf (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether an address belongs to somebody on the internet: not private, loopback, link-local,
    multicast or reserved, and neither is the IPv4 address that an IPv6 one may carry."""
    # A link-local address may name its interface.
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return _is_public(carried)
    return _is_public(address)


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
