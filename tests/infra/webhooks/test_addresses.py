"""A message goes to public addresses and to networks that the operator names, however an address is written."""

import socket
from typing import Any

import pytest

from infra.webhooks.addresses import LOOPBACK, AddressRefused, may_send_to, networks, resolve

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e", "::ffff:1.1.1.1"]
NOT_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # shared by providers; a cloud's metadata among them
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",  # metadata of most clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::a00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:a00:1::",
    "2002:7f00:1::1",
    "2001:0:a00:1::1",
    "2001:db8::1",
    "100::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
    "4000::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_sent_to_by_https_and_not_by_http(address: str) -> None:
    assert may_send_to(address, allowed=())
    assert not may_send_to(address, allowed=(), plain=True)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_no_other_address_is_sent_to(address: str) -> None:
    assert not may_send_to(address, allowed=())


def test_a_network_that_is_named_is_sent_to_and_no_other() -> None:
    named = networks("10.1.0.0/16,fd00:1::/64")
    assert may_send_to("10.1.2.3", allowed=named)
    assert may_send_to("::ffff:10.1.2.3", allowed=named)
    assert may_send_to("fd00:1::5", allowed=named)
    assert not may_send_to("10.2.0.1", allowed=named)
    assert not may_send_to("fd00:2::5", allowed=named)
    assert not may_send_to("10.1.2.3", allowed=named, plain=True)
    assert may_send_to("127.0.0.1", allowed=LOOPBACK, plain=True)


HOSTS = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "::1", "::ffff:7f00:1"]


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_judged_by_what_it_resolves_to_however_it_is_written(host: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(host, 443, allowed=(), plain=False)
    assert resolve(host, 443, allowed=LOOPBACK, plain=False)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one list after the other."""
    asked: list[str] = []
    waiting = list(answers)

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in waiting.pop(0)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_of_a_name_with_several_addresses_only_those_that_may_be_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["10.0.0.1", "93.184.215.14", "::1"])
    assert resolve("rebind.example", 443, allowed=(), plain=False) == [(socket.AF_INET, ("93.184.215.14", 443))]


def test_a_name_is_resolved_once_and_its_address_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    assert resolve("rebind.example", 443, allowed=(), plain=False)[0][1] == ("93.184.215.14", 443)
    assert asked == ["rebind.example"]


def test_a_refusal_names_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, ["10.11.12.13"])
    with pytest.raises(AddressRefused) as refused:
        resolve("intranet.example", 443, allowed=(), plain=False)
    assert "10.11" not in str(refused.value)
