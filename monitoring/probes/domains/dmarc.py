"""DMARC: what receivers do with mail that fails both (RFC 7489, RFC 9989)."""

from typing import Any

import dns.exception
from checkdmarc import dmarc as checkdmarc

from monitoring.enums import Verdict
from monitoring.probes.domains.resolving import BoundedResolver
from monitoring.probes.domains.results import Result

CHECK = "DMARC"
#: Certain, whatever else went unanswered.
_CERTAIN = (checkdmarc.MultipleDMARCRecords, checkdmarc.DMARCRecordStartsWithWhitespace)


def check_dmarc(domain: str, resolver: BoundedResolver) -> Result:
    """Good: one valid record with a policy, the domain's own or that of a domain above.

    A policy of none is valid and enforces nothing, which is told.
    """
    resolver.unanswered.clear()
    try:
        query = checkdmarc.query_dmarc_record(
            domain, resolver=resolver, retries=0, ignore_unrelated_records=True
        )
    except _CERTAIN as error:
        return Result(CHECK, Verdict.BAD, str(error))
    except (checkdmarc.DMARCError, dns.exception.DNSException, OSError, ValueError) as error:
        if any(name.startswith("_dmarc.") for name, _ in resolver.unanswered):
            return Result(CHECK, Verdict.UNKNOWN, "The DNS did not answer.")
        return Result(CHECK, Verdict.BAD, str(error))
    try:
        tags = checkdmarc.parse_dmarc_record(
            query["record"],
            query["location"],
            resolver=resolver,
            retries=0,
            ignore_unrelated_records=True,
        )["tags"]
    except (checkdmarc.DMARCError, dns.exception.DNSException, OSError, ValueError) as error:
        return Result(CHECK, Verdict.BAD, str(error))
    return _judge(tags, location=query["location"], domain=domain)


def _judge(tags: Any, *, location: str, domain: str) -> Result:
    if not tags["p"]["explicit"]:
        return Result(CHECK, Verdict.BAD, "It names no policy (p=).")
    is_own = location == domain
    policy = tags["p" if is_own else "sp"]["value"]
    words = [f"Policy {policy}"]
    if policy == "none":
        words.append("nothing is enforced")
    if not is_own:
        words.append(f"from {location}")
    return Result(CHECK, Verdict.GOOD, ", ".join(words))
