"""A real name server on loopback, UDP and TCP, obliging and otherwise."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

#: No UDP answer is longer.
UDP_BYTES = 1232


@dataclass
class DnsServer:
    """Records by name and type; a name that has none does not exist.

    Names in ``failing`` are answered with SERVFAIL, those in ``refused`` with REFUSED, those in
    ``silent`` not at all, those in ``cut`` truncated over UDP; a name that ends in one of these is
    meant too. ``wildcards`` answers for every name that ends so.
    """

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    wildcards: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    asked_over_tcp: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def has(self, name: str, kind: str, *values: str) -> None:
        self.records[name.lower(), kind] = list(values)

    def txt(self, name: str, *texts: str) -> None:
        """One record for each text, in strings of at most 255 bytes."""
        self.has(name, "TXT", *map(_quoted, texts))

    def answer(self, wire: bytes, *, is_tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if is_tcp:
            self.asked_over_tcp.append(name)
        if _is_under(name, self.silent):
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if _is_under(name, self.failing):
            response.set_rcode(dns.rcode.SERVFAIL)
        elif _is_under(name, self.refused):
            response.set_rcode(dns.rcode.REFUSED)
        elif _is_under(name, self.cut) and not is_tcp:
            response.flags |= dns.flags.TC
        else:
            self._fill(response, name, kind)
        sent = response.to_wire()
        if not is_tcp and len(sent) > UDP_BYTES:
            response.answer.clear()
            response.flags |= dns.flags.TC
            sent = response.to_wire()
        return sent

    def _fill(self, response: dns.message.Message, name: str, kind: str) -> None:
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            found = self.records.get((name, kind)) or self._by_wildcard(name, kind)
            if found:
                response.answer.append(_rows(name, kind, found))
                return
            alias = self.records.get((name, "CNAME"))
            if not alias:
                break
            response.answer.append(_rows(name, "CNAME", alias))
            name = alias[0].rstrip(".").lower()
        if not self._exists(name):
            response.set_rcode(dns.rcode.NXDOMAIN)

    def _by_wildcard(self, name: str, kind: str) -> list[str]:
        for (suffix, each), values in self.wildcards.items():
            if each == kind and name.endswith(f".{suffix}"):
                return values
        return []

    def _exists(self, name: str) -> bool:
        if any(name.endswith(f".{suffix}") for suffix, _ in self.wildcards):
            return True
        return any(known == name or known.endswith(f".{name}") for known, _ in self.records)


def _is_under(name: str, suffixes: set[str]) -> bool:
    return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)


def _rows(name: str, kind: str, values: list[str]) -> dns.rrset.RRset:
    return dns.rrset.from_text(f"{name}.", 60, "IN", kind, *values)


def _quoted(text: str) -> str:
    """In strings of at most 255 bytes, every byte written so that none has a meaning."""
    wire = text.encode("utf-8", "surrogateescape")
    chunks = [wire[start : start + 255] for start in range(0, len(wire), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in chunk) + '"' for chunk in chunks)


@contextmanager
def running(server: DnsServer) -> Iterator[DnsServer]:
    """The server on one port, for UDP and TCP."""

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            answer = server.answer(wire, is_tcp=False)
            if answer is not None:
                sock.sendto(answer, self.client_address)

    class Tcp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            length = int.from_bytes(self.request.recv(2))
            answer = server.answer(self.request.recv(length), is_tcp=True)
            if answer is not None:
                self.request.sendall(len(answer).to_bytes(2) + answer)

    udp, tcp = _on_one_port(Udp, Tcp)
    server.port = udp.server_address[1]
    threads = [threading.Thread(target=each.serve_forever, args=(0.02,)) for each in (udp, tcp)]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        for each in (udp, tcp):
            each.shutdown()
            each.server_close()
        for thread in threads:
            thread.join()


def _on_one_port(
    udp_handler: type[socketserver.BaseRequestHandler],
    tcp_handler: type[socketserver.BaseRequestHandler],
) -> tuple[socketserver.ThreadingUDPServer, socketserver.ThreadingTCPServer]:
    """Both bound to a port that was free for the two of them."""
    while True:
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), udp_handler)
        try:
            return udp, socketserver.ThreadingTCPServer(udp.server_address, tcp_handler)
        except OSError:
            udp.server_close()
