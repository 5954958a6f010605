"""Block lists in the DNS (RFC 5782): is a domain or an address listed, and does the list live?

A list answers with an address of 127.0.0.0/8 that is a code. Some codes are refusals: whoever
takes them for listings finds every domain listed, whoever overlooks them finds none.
"""

import datetime as dt
from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, ip_address

from checkdmarc.utils import get_base_domain

from monitoring.enums import ListKind, Verdict
from monitoring.models import BlockList
from monitoring.probes.domains.resolving import BoundedResolver, UnansweredError
from monitoring.probes.domains.results import Result

CHECK = "Block list"
#: Codes of refusal: a wrong name or a public resolver was used, too much was asked.
ERRORS = frozenset(
    {
        IPv4Address("127.0.0.1"),
        IPv4Address("127.0.1.255"),
        *(IPv4Address(f"127.255.255.{last}") for last in range(252, 256)),
    }
)
_LISTINGS = (IPv4Network("127.0.0.0/24"), IPv4Network("127.0.1.0/24"))
#: What every list lists, and what none may list, by what it is asked for (RFC 5782, section 5).
_TESTS = {ListKind.IP: ("127.0.0.2", "127.0.0.1"), ListKind.DOMAIN: ("TEST", "INVALID")}
_CODES_SHOWN = 5
#: How long the outcome of a test stands.
TESTED_EVERY = dt.timedelta(days=1)


class Word(Enum):
    """What a list says about one subject."""

    LISTED = "listed"
    CLEAN = "clean"
    REFUSED = "refused"
    SILENT = "silent"


def check_block_lists(
    domain: str,
    addresses: Iterable[str],
    lists: Iterable[BlockList],
    resolver: BoundedResolver,
    *,
    now: dt.datetime,
) -> list[Result]:
    """What each living list says about the domain (and the domain it belongs to) or the
    addresses it sends from.

    A list is first asked for its own test entries, once a day. A dead one is not counted.
    """
    subjects = {
        ListKind.DOMAIN.value: list(dict.fromkeys([domain, get_base_domain(domain)])),
        ListKind.IP.value: list(addresses),
    }
    results = []
    for block_list in lists:
        if subjects[block_list.kind] and _is_alive(block_list, resolver, now=now):
            results += _check_list(block_list, subjects[block_list.kind], resolver)
    if not results:
        detail = "No living block list could be asked."
        return [Result(CHECK, Verdict.UNKNOWN, detail)]
    return results


def _check_list(
    block_list: BlockList, subjects: list[str], resolver: BoundedResolver
) -> list[Result]:
    results = []
    for subject in subjects:
        word, codes = _ask(block_list, subject, resolver)
        verdict, detail = {
            Word.LISTED: (Verdict.BAD, f"Listed ({codes})."),
            Word.CLEAN: (Verdict.GOOD, "Not listed."),
            Word.REFUSED: (Verdict.UNKNOWN, f"The list refused to say ({codes})."),
            Word.SILENT: (Verdict.UNKNOWN, "The list did not answer."),
        }[word]
        results.append(Result(CHECK, verdict, detail, f"{subject} on {block_list.zone}"))
        if word is Word.SILENT:
            # The others would wait as long for nothing.
            break
    return results


def _is_alive(block_list: BlockList, resolver: BoundedResolver, *, now: dt.datetime) -> bool:
    """Whether the list lists what all must list and not what none may; dead otherwise.

    Where it refuses or is silent nothing is known, and it stays what it was.
    """
    checked_at = block_list.checked_at
    if checked_at is None or checked_at <= now - TESTED_EVERY:
        always, never = _TESTS[ListKind(block_list.kind)]
        first, _ = _ask(block_list, block_list.test_entry or always, resolver)
        second, _ = _ask(block_list, never, resolver) if first is not Word.SILENT else (first, "")
        if not {first, second} & {Word.REFUSED, Word.SILENT}:
            _record_test(block_list, (first, second) != (Word.LISTED, Word.CLEAN), now=now)
    return not block_list.is_dead


def _record_test(block_list: BlockList, is_dead: bool, *, now: dt.datetime) -> None:
    is_news = block_list.is_dead != is_dead
    block_list.is_dead, block_list.checked_at = is_dead, now
    if is_news:
        block_list.save(update_fields=["is_dead", "checked_at"])
    else:
        # The same every day: not worth a row of its history.
        BlockList.objects.filter(pk=block_list.pk).update(checked_at=now)


def _ask(block_list: BlockList, subject: str, resolver: BoundedResolver) -> tuple[Word, str]:
    """The list's word about a domain or an address, and the codes it answered with."""
    try:
        answers = resolver.ask(f"{_as_label(subject)}.{block_list.zone}", "A")
    except UnansweredError:
        return Word.SILENT, ""
    codes = sorted(IPv4Address(answer.address) for answer in answers)
    shown = ", ".join(map(str, codes[:_CODES_SHOWN]))
    if not codes:
        return Word.CLEAN, ""
    if all(code not in ERRORS and any(code in net for net in _LISTINGS) for code in codes):
        return Word.LISTED, shown
    return Word.REFUSED, shown


def _as_label(subject: str) -> str:
    """An address backwards, in octets or nibbles; a domain as it is."""
    try:
        pointer = ip_address(subject).reverse_pointer
    except ValueError:
        return subject
    return pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
