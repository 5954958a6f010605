"""The way out over HTTP against real servers: obliging, slow, endless, and lying."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from monitoring.probes.fetching import fetch, fetch_json
from notifications.channels import http
from notifications.channels.addresses import is_public
from notifications.channels.http import MAX_BYTES, CallError

pytestmark = pytest.mark.fast

NOT_PUBLIC = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:db8::1",
    "fc00::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:0:53aa:64c:0:7bd6:f5ff:fffe",
]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says whatever `talk` makes it say to each that connects."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            # The other side may have left.
            with peer, suppress(OSError):
                talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def says(*pieces: bytes) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        peer.recv(4096)
        for piece in pieces:
            peer.sendall(piece)

    return talk


def drips(start: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """One piece every tenth of a second, for longer than anybody waits."""

    def talk(peer: socket.socket) -> None:
        peer.recv(4096)
        peer.sendall(start)
        for _ in range(100):
            peer.sendall(drop)
            time.sleep(0.1)

    return talk


def keeps_silent(peer: socket.socket) -> None:
    time.sleep(1.5)


def refusal(url: str, **options: Any) -> str:
    with pytest.raises(CallError) as error:
        fetch_json(url) if not options else fetch(url, **options)
    return str(error.value)


def test_answer_is_read(httpserver: HTTPServer):
    httpserver.expect_request("/a b", query_string={"q": "1"}).respond_with_json({"fine": True})
    assert fetch_json(httpserver.url_for("/a b?q=1")) == {"fine": True}
    sent = httpserver.log[0][0]
    assert sent.headers["Host"] == f"localhost:{httpserver.port}"
    assert "Authorization" not in sent.headers


def test_proxies_of_the_environment_are_not_asked(httpserver: HTTPServer, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    httpserver.expect_request("/").respond_with_json([])
    assert fetch_json(httpserver.url_for("/")) == []


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (301, "It sends to another address, which is not followed."),
        (307, "It sends to another address, which is not followed."),
        (304, "It sends to another address, which is not followed."),
        (204, "It answered with status 204."),
        (404, "It answered with status 404."),
        (500, "It answered with status 500."),
    ],
)
def test_other_status(httpserver: HTTPServer, status, sentence):
    headers = {"Location": httpserver.url_for("/next")}
    httpserver.expect_request("/").respond_with_data(status=status, headers=headers)
    httpserver.expect_request("/next").respond_with_json({})
    assert refusal(httpserver.url_for("/")) == sentence
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    ("body", "kind", "sentence"),
    [
        (b"<html>", "text/html", "It answered with text/html, not with JSON."),
        (b'{"a":1}', "text/html; charset=utf-8", "It answered with text/html, not with JSON."),
        (b'{"a":', "application/json", "Its answer is not valid JSON."),
        (b"", "application/json", "Its answer is not valid JSON."),
        (b"\xff\xfe\x00", "application/json", "Its answer is not valid JSON."),
        (b"[" * 100_000, "application/json", "Its answer is not valid JSON."),
        (b"9" * 5_000, "application/json", "Its answer is not valid JSON."),
        (
            b" " * (MAX_BYTES + 1),
            "application/json",
            "Its answer is longer than 1,000,000 bytes.",
        ),
    ],
)
def test_odd_body(httpserver: HTTPServer, body, kind, sentence):
    httpserver.expect_request("/").respond_with_data(body, content_type=kind)
    assert refusal(httpserver.url_for("/")) == sentence


def test_largest_body_is_read(httpserver: HTTPServer):
    body = b"[]".ljust(MAX_BYTES)
    httpserver.expect_request("/").respond_with_data(body, content_type="application/json")
    assert fetch_json(httpserver.url_for("/")) == []


def test_body_without_an_announced_length_is_capped():
    with raw_server(says(HEAD, b"\r\n", *[b" " * 100_000] * 11)) as url:
        assert refusal(url) == "Its answer is longer than 1,000,000 bytes."


@pytest.mark.parametrize(
    ("pieces", "sentence"),
    [
        ([], "The connection broke before its answer was complete."),
        ([b"SSH-2.0-OpenSSH\r\n"], "It does not speak HTTP as it should."),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200], "It does not speak HTTP as it should."),
        (
            [HEAD, b"Content-Length: 50\r\n\r\n{}"],
            "The connection broke before its answer was complete.",
        ),
        (
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
            "The connection broke before its answer was complete.",
        ),
    ],
)
def test_odd_conversation(pieces, sentence):
    with raw_server(says(*pieces)) as url:
        assert refusal(url) == sentence


@pytest.mark.parametrize(
    "talk",
    [
        drips(b"", b"H"),
        drips(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        drips(HEAD + b"Content-Length: 1000\r\n\r\n", b" "),
        drips(HEAD + b"\r\n", b" "),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        keeps_silent,
    ],
    ids=["status", "headers", "body", "endless", "chunks", "silent"],
)
def test_dripping_server_holds_nobody_beyond_the_total(talk):
    with raw_server(talk) as url:
        started = time.monotonic()
        sentence = refusal(url, seconds=0.6)
        assert time.monotonic() - started < 1.2
    assert sentence == "It did not answer within 0.6 seconds."


def test_silence_between_two_pieces_is_limited(monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    with raw_server(keeps_silent) as url:
        assert refusal(url) == "It was silent for 0.3 seconds."


def test_total_is_the_setting(settings):
    settings.HTTP_TIMEOUT = 0.5
    with raw_server(drips(HEAD, b"X: 1\r\n")) as url:
        assert refusal(url) == "It did not answer within 0.5 seconds."


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert refusal(f"http://127.0.0.1:{port}/") == (
        "No connection to 127.0.0.1: connection refused."
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "status.example",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:0/",
        "http://[::1/",
        "http://user:hunter2@127.0.0.1/",
        "http://" + "a" * 300 + ".example/",
        "http://a..example/",
        "http://\0/",
        "javascript:alert(1)",
    ],
)
def test_odd_address_is_refused(url):
    assert "hunter2" not in refusal(url)


def test_line_breaks_in_an_address_make_no_header(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_json({})
    url = httpserver.url_for("/") + "?a=1 HTTP/1.1\r\nX-Made: up"
    assert fetch_json(url) == {}
    assert "X-Made" not in httpserver.log[0][0].headers


def test_secrets_are_in_no_sentence(httpserver: HTTPServer):
    httpserver.expect_request("/").respond_with_data(status=403)
    sentence = refusal(httpserver.url_for("/?api_key=hunter2"))
    assert sentence == "It answered with status 403."


def test_unknown_host(network_guard: list[str]):
    assert refusal("http://status.invalid/") == "There is no host status.invalid."
    network_guard.clear()


# Private addresses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "0x7f000001", "127.1", "[::ffff:127.0.0.1]"]
)
def test_private_address_is_refused(httpserver: HTTPServer, settings, host, network_guard):
    settings.OUTBOUND_ALLOW_PRIVATE = False
    sentence = refusal(f"http://{host}:{httpserver.port}/")
    assert "is at a private address" in sentence or "There is no host" in sentence
    assert httpserver.log == []
    network_guard.clear()


@pytest.mark.parametrize(
    "address",
    NOT_PUBLIC,
)
def test_address_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_address_is_public(address):
    assert is_public(address)


def test_one_private_address_among_public_ones_refuses_all(settings, monkeypatch):
    settings.OUTBOUND_ALLOW_PRIVATE = False
    answer_lookups(monkeypatch, ["8.8.8.8", "127.0.0.1"])
    assert refusal("http://status.example/") == (
        "status.example is at a private address, which is not asked."
    )


def test_host_is_looked_up_once(httpserver: HTTPServer, monkeypatch):
    """A second look-up could be answered with another address (DNS rebinding)."""
    httpserver.expect_request("/").respond_with_json({})
    asked = answer_lookups(monkeypatch, ["127.0.0.1"])
    fetch_json(f"http://status.example:{httpserver.port}/")
    assert asked == ["status.example"]
    assert httpserver.log[0][0].headers["Host"] == f"status.example:{httpserver.port}"


def test_next_address_is_tried(httpserver: HTTPServer, monkeypatch):
    httpserver.expect_request("/").respond_with_json({})
    answer_lookups(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    assert fetch_json(f"http://status.example:{httpserver.port}/") == {}


def test_slow_look_up_is_given_up(monkeypatch):
    answer_lookups(monkeypatch, ["127.0.0.1"], seconds=1)
    sentence = refusal("http://status.example/", seconds=0.3)
    assert sentence == "Looking up status.example took too long."


def answer_lookups(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], *, seconds: float = 0
) -> list[str]:
    """The machine's DNS, which is the edge of the network, answers with these."""
    asked: list[str] = []
    original = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        if host != "status.example":
            return original(host, port, *args, **kwargs)
        asked.append(host)
        time.sleep(seconds)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


# TLS ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A self-made certificate of status.example, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "status.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("status.example")]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = HTTPServer(host="127.0.0.1", ssl_context=context)
    server.expect_request("/").respond_with_handler(lambda request: _hello(request))
    server.start()
    yield server
    server.stop()


def _hello(request: Request) -> Response:
    return Response('{"hello": true}', content_type="application/json")


@pytest.fixture
def trusts(certificate: Path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http._context.cache_clear()
    yield
    http._context.cache_clear()


def test_certificate_nobody_vouches_for_is_refused(tls_server):
    sentence = refusal(f"https://127.0.0.1:{tls_server.port}/")
    assert sentence.startswith("Its certificate is not valid: ")


def test_certificate_is_held_against_the_name(tls_server, trusts, monkeypatch):
    """By the name that was asked, though the connection goes to an address."""
    answer_lookups(monkeypatch, ["127.0.0.1"])
    assert fetch_json(f"https://status.example:{tls_server.port}/") == {"hello": True}
    sentence = refusal(f"https://127.0.0.1:{tls_server.port}/")
    assert sentence.startswith("Its certificate is not valid: ")


def test_server_without_tls():
    with raw_server(says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        sentence = refusal(url.replace("http:", "https:"))
    assert sentence == "It does not speak TLS as it should."


def test_dripping_handshake_holds_nobody():
    with raw_server(drips(b"\x16\x03\x03\x40\x00", b"\x00")) as url:
        started = time.monotonic()
        sentence = refusal(url.replace("http:", "https:"), seconds=0.5)
        assert time.monotonic() - started < 1.2
    assert sentence == "It did not answer within 0.5 seconds."
