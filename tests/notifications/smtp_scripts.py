"""Mail servers that do one thing wrong, over the bare socket; and one that speaks TLS."""

import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Talk = Callable[[socket.socket], None]

HANG_UP = "hang up"
SILENT = "silent"
DRIP = "drip"
_USUAL = {"DATA": "354 go", "QUIT": "221 bye"}


def misbehaving(at: str, how: str) -> Talk:
    """A server that answers as it should until `at`: a verb, "greeting", or "dot", the end of
    the mail. There it gives the answer `how`, or hangs up, falls silent, or drips."""

    def talk(client: socket.socket) -> None:
        if not _reply(client, "220 hello", how if at == "greeting" else ""):
            return
        is_mail = False
        for line in client.makefile("rb"):
            verb = "dot" if is_mail and line == b".\r\n" else line[:4].decode().strip().upper()
            if is_mail and verb != "dot":
                continue
            is_mail = verb == "DATA"
            if not _reply(client, _USUAL.get(verb, "250 ok"), how if verb == at else ""):
                return
            if is_mail and at == "mail":
                return

    return talk


def _reply(client: socket.socket, usual: str, instead: str) -> bool:
    """Whether the dialogue goes on."""
    if instead == HANG_UP:
        return False
    if instead == SILENT:
        while client.recv(1024):
            pass
        return False
    if instead == DRIP:
        client.sendall(b"220-" if usual.startswith("220") else b"250-")
        for _ in range(160):
            client.sendall(b".")
            time.sleep(0.05)
        return False
    client.sendall(f"{instead or usual}\r\n".encode())
    return True


def make_certificates(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority of our own, and a server's context with a certificate by it."""
    authority, key = _certificate("Test authority", is_authority=True)
    server, server_key = _certificate("127.0.0.1", issuer=authority, signer=key)
    root, chain = folder / "authority.pem", folder / "server.pem"
    root.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        server.public_bytes(serialization.Encoding.PEM)
        + server_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return root, context


def _certificate(
    name: str,
    *,
    issuer: x509.Certificate | None = None,
    signer: ec.EllipticCurvePrivateKey | None = None,
    is_authority: bool = False,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer or key, hashes.SHA256()), key
