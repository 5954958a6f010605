"""SPF: who may send for the domain (RFC 7208)."""

import ipaddress
from typing import Any

import dns.exception
from checkdmarc import spf as checkdmarc

from monitoring.enums import Verdict
from monitoring.probes.domains.resolving import BoundedResolver
from monitoring.probes.domains.results import Result

CHECK = "SPF"
#: Networks so large that whoever wants to send is in one.
_TOO_WIDE = {4: 8, 6: 16}
_QUALIFIERS = {"pass": "+", "fail": "-", "softfail": "~", "neutral": "?"}
#: Records that matter to the verdict; the parser asks for more, out of curiosity.
_ASKED = {"TXT", "A", "AAAA", "MX"}
#: Certain, whatever else went unanswered.
_CERTAIN = (
    checkdmarc.MultipleSPFRTXTRecords,
    checkdmarc.SPFSyntaxError,
    checkdmarc.SPFTooManyDNSLookups,
    checkdmarc.SPFTooManyVoidDNSLookups,
    checkdmarc.SPFRedirectLoop,
    checkdmarc.SPFIncludeLoop,
)


def check_spf(domain: str, resolver: BoundedResolver) -> Result:
    """Good: one valid record that does not let everybody send; what it ends in is told."""
    resolver.unanswered.clear()
    try:
        record = checkdmarc.query_spf_record(domain, resolver=resolver, retries=0)["record"]
        parsed = checkdmarc.parse_spf_record(
            record,
            domain,
            resolver=resolver,
            # The look-up of an explanation (exp=) does not take the resolver.
            nameservers=resolver.nameservers,
            timeout=1.0,
            retries=0,
        )
    except _CERTAIN as error:
        return Result(CHECK, Verdict.BAD, str(error))
    except (checkdmarc.SPFError, dns.exception.DNSException, OSError, ValueError) as error:
        if _is_incomplete(resolver):
            return Result(CHECK, Verdict.UNKNOWN, "The DNS did not answer.")
        return Result(CHECK, Verdict.BAD, str(error))
    return _judge(parsed, is_complete=not _is_incomplete(resolver))


def _judge(parsed: Any, *, is_complete: bool) -> Result:
    content = parsed["parsed"]
    if _lets_everybody(content):
        return Result(CHECK, Verdict.BAD, "It lets everybody send for the domain.")
    if not is_complete:
        return Result(CHECK, Verdict.UNKNOWN, "The DNS did not answer all it refers to.")
    ending = f"Ends in {_QUALIFIERS[content['all']]}all"
    return Result(CHECK, Verdict.GOOD, f"{ending}, {parsed['dns_lookups']} of 10 look-ups.")


def _lets_everybody(content: Any) -> bool:
    """Whether a sender from anywhere passes: by “+all” at its end or at that of the record it is
    redirected to, by including such a record, or by a network as wide as the internet."""
    passing = [row for row in content["mechanisms"] if row["action"] == "pass"]
    return content["all"] == "pass" or any(map(_matches_everybody, passing))


def _matches_everybody(mechanism: Any) -> bool:
    included = mechanism.get("parsed")
    if included:
        return _lets_everybody(included)
    networks = mechanism.get("addresses") or []
    if mechanism["mechanism"] in ("ip4", "ip6"):
        networks = [mechanism["value"]]
    return any(map(_is_too_wide, networks))


def _is_too_wide(text: str) -> bool:
    network = ipaddress.ip_network(text, strict=False)
    return network.prefixlen < _TOO_WIDE[network.version]


def _is_incomplete(resolver: BoundedResolver) -> bool:
    return any(kind in _ASKED for _, kind in resolver.unanswered)
