"""DKIM: the public key under each selector (RFC 6376, RFC 8463)."""

import base64
import binascii

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from monitoring.enums import Verdict
from monitoring.probes.domains.resolving import BoundedResolver, UnansweredError
from monitoring.probes.domains.results import Result

CHECK = "DKIM"
#: Shorter RSA keys are not accepted (RFC 8301).
SHORTEST_RSA_BITS = 1024
_ED25519_BYTES = 32


def check_dkim(domain: str, selectors: list[str], resolver: BoundedResolver) -> list[Result]:
    """One result for each selector; selectors cannot be found out from outside."""
    if not selectors:
        detail = "Say which selectors the domain signs with; they cannot be found out."
        return [Result(CHECK, Verdict.UNKNOWN, detail)]
    return [_check_selector(domain, selector, resolver) for selector in selectors]


def _check_selector(domain: str, selector: str, resolver: BoundedResolver) -> Result:
    try:
        texts = resolver.texts(f"{selector}._domainkey.{domain}")
    except UnansweredError:
        return Result(CHECK, Verdict.UNKNOWN, "The DNS did not answer.", selector)
    keys = [tags for tags in map(_tags_of, texts) if "p" in tags or "v" in tags]
    if not keys:
        return Result(CHECK, Verdict.BAD, "There is no key under this selector.", selector)
    if len(keys) > 1:
        return Result(CHECK, Verdict.BAD, "There are several keys under one selector.", selector)
    trouble = _trouble(keys[0])
    if trouble:
        return Result(CHECK, Verdict.BAD, trouble, selector)
    return Result(CHECK, Verdict.GOOD, _described(keys[0]), selector)


def _tags_of(text: str) -> dict[str, str]:
    """The tags of a record; white space inside a value has no meaning here."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, sign, value in pairs if sign}


def _trouble(tags: dict[str, str]) -> str:
    """Why a signature with this key is not accepted, empty where nothing speaks against it."""
    if tags.get("v", "DKIM1") != "DKIM1":
        return "It is of another version than DKIM1."
    if "p" not in tags:
        return "It holds no key."
    if not tags["p"]:
        return "The key was revoked."
    if "h" in tags and "sha256" not in tags["h"].split(":"):
        return "It does not allow sha256, and nothing else is accepted."
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return "The key is not for e-mail."
    kind = tags.get("k", "rsa").lower()
    if kind == "ed25519":
        return "" if len(_decoded(tags["p"])) == _ED25519_BYTES else "The key is damaged."
    if kind != "rsa":
        return "The key is of a kind that nobody knows."
    bits = _rsa_bits(tags["p"])
    if not bits:
        return "The key is damaged."
    return f"The key has only {bits} bits." if bits < SHORTEST_RSA_BITS else ""


def _described(tags: dict[str, str]) -> str:
    kind = tags.get("k", "rsa").lower()
    words = [kind if kind == "ed25519" else f"rsa, {_rsa_bits(tags['p'])} bits"]
    if "y" in tags.get("t", "").split(":"):
        words.append("in test mode")
    return ", ".join(words)


def _rsa_bits(text: str) -> int:
    """The size of an RSA key, 0 where it is none."""
    try:
        key = load_der_public_key(_decoded(text))
    except (ValueError, UnsupportedAlgorithm):
        return 0
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
