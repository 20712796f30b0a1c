"""Where may a webhook be sent to? To public addresses, and to networks that the operator names.

Nobody gets a message into the network that the desk stands in, by an address or by what a name resolves to. A host is
resolved once for each connection, every address is judged, and one that passed is connected to: between judging and
connecting there is no second look-up that could answer otherwise (DNS rebinding).
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
SocketAddress = tuple[Any, ...]

LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_COMPATIBLE = IPv6Network("::/96")


class AddressRefused(Exception):
    """No address of the host may be sent to. The message names none: whoever chose the host need not learn them."""


def networks(text: str) -> tuple[Network, ...]:
    """Return networks written with commas between them, such as `10.1.0.0/16, fd00:1::/64`. Raises `ValueError`."""
    return tuple(ip_network(part.strip()) for part in text.split(","))


def resolve(host: str, port: int, *, allowed: Sequence[Network], plain: bool) -> list[tuple[int, SocketAddress]]:
    """Return family and socket address of each address of a host that may be sent to.

    `plain` (http) is for this machine alone. Raises `AddressRefused`, or `socket.gaierror` where there is no such host.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    usable = [
        (int(family), address)
        for family, _, _, _, address in found
        if may_send_to(str(address[0]), allowed=allowed, plain=plain)
    ]
    if not usable:
        raise AddressRefused(
            "http is for this machine alone" if plain else "the host has no public address (CASELOG_WEBHOOK_NETWORKS)"
        )
    return usable


def may_send_to(text: str, *, allowed: Sequence[Network], plain: bool = False) -> bool:
    """Return whether an address, as the resolver gives it, may be sent to."""
    address = _meant(ip_address(text))
    if any(address in network for network in allowed):
        return address.is_loopback or not plain
    return not plain and _is_public(address)


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant(address: Address) -> Address:
    """Return the address that packets end up at: one of IPv4 may be written within one of IPv6 in several ways."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return address if inner is None else inner
