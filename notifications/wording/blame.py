"""Blame: a vendor, named or not, together with a fault (rule M4).

1. Vendors are found and marked; a system of ours that bears a vendor's name is none.
2. "It", "they" and "the provider" stand for a vendor of the sentence before.
3. A fault counts where the vendor is its subject, its place, its cause or its doer.
4. Denied faults, our own mistakes, questions to the client and what is only supposed pass.
"""

import re
from enum import IntEnum

from notifications.wording.excuses import passes
from notifications.wording.faults import FAULTS, INDIRECT, STRONG_FAULTS, Pattern
from notifications.wording.sentences import Sentence
from notifications.wording.tokens import Token
from notifications.wording.vendors import (
    carry_nouns,
    carry_plurals,
    carry_pronouns,
    carry_singulars,
    find_vendors,
)

_CLIENT_SIDE = re.compile(
    r" (?:on|at) (?:your|the client 's) (?:side|end)| your (?:\w+ "
    r")?(?:team|password|settings?|account)| you (?:\w+ )?changed"
)
_OUR_THING = re.compile(r" (?:our (?!(?:team|support|colleagues?|clients?) )\w+|SYS) ")
_USES_VENDOR = re.compile(
    r" (?:uses?|using|runs? on|runs? through|hosted (?:on|by|with)|"
    r"sits? behind|rel(?:y|ies) on|depends? on|(?:go|pass|run|come|flow|"
    r"travel)(?:es|s)? through|(?:go|come)(?:es|s)? (?:to|from)|handled "
    r"by|processed by|stored (?:on|in|with|at)|lives? (?:in|on)|"
    r"powered by|behind|connected to|sent (?:by|through)|built on) VEN "
)
_WE_USE = re.compile(
    r" (?:we|i) (?:\w+ly |now |still )?(?:use|chose|trust|run|tried|"
    r"picked) VEN "
)
_PLURAL_SUBJECT = re.compile(
    r"^ (?:your|our|the|all|these) (?:\w+ )?\w+s (?:all )?(?:are|go|run|"
    r"pass|come|sit|live|use|were|depend|rely|flow|get|move|arrive) "
)
_VENDOR_SUBJECT = re.compile(
    r"^ (?:(?:the|both|yesterday|today|unfortunately|and|but|so|\w+ly) )*VEN "
)
_WE_AND_VENDOR = re.compile(
    r" (?:we|i|our team) (?:(?!(?:to|into|from|in|for|of|at|on) )\w+ ){1,4}?VEN "
)
_NAMED = re.compile(r" (?:VEN|SYS) ")
#: "HubSpot?" is a sentence that only names.
_NAME_ALONE = 2


class Carry(IntEnum):
    """How far "it" and "they" may stand for a vendor named before."""

    NONE = 0
    NOUNS = 1
    STRONG = 2
    IT = 3
    ALL = 4


class BlameReader:
    """Reads a text's sentences in order; remembers what pronouns may stand for."""

    def __init__(self) -> None:
        self._carry = Carry.NONE
        self._line_before = " "
        self._just_named: tuple[Token, ...] = ()

    def is_blame(self, plain_sentence: Sentence) -> bool:
        sentence = find_vendors(plain_sentence)
        if self._just_named:
            sentence = Sentence([*self._just_named, *sentence.tokens])
        carried, strong = self._carried(sentence)
        found = _is_indirect(sentence) or self._faults(carried, FAULTS)
        found = found or (strong is not None and self._faults(strong, STRONG_FAULTS))
        self._remember(sentence, carried, strong)
        return found

    def _faults(self, sentence: Sentence, patterns: tuple[Pattern, ...]) -> bool:
        if " VEN " not in sentence.line:
            return False
        return any(
            not passes(sentence, match, pattern, self._line_before)
            for pattern in patterns
            for match in pattern.regex.finditer(sentence.line)
        )

    def _carried(self, sentence: Sentence) -> tuple[Sentence, Sentence | None]:
        """The sentence with pronouns that surely mean a vendor, and one where they may."""
        level, after = self._carry, 0
        if level is Carry.NONE:
            named = _NAMED.search(sentence.line)
            if named is None:
                return sentence, None
            level, after = _level(sentence.line[: named.end()]), named.end() - 1
        nouns = carry_nouns(sentence, after=after)
        if level is Carry.ALL:
            return carry_pronouns(nouns, after=after), None
        if level is Carry.IT:
            nouns = carry_singulars(nouns, after=after)
            return nouns, carry_plurals(nouns, after=after)
        if level is Carry.STRONG:
            return nouns, carry_pronouns(nouns, after=after)
        return nouns, carry_plurals(nouns, after=after)

    def _remember(self, sentence: Sentence, carried: Sentence, strong: Sentence | None) -> None:
        level = _level(sentence.line)
        if level is Carry.NONE and (strong or carried).line != sentence.line:
            level = self._carry
        self._carry = level
        is_name = len(sentence.tokens) <= _NAME_ALONE and sentence.line.startswith(" VEN ")
        self._just_named = sentence.tokens if is_name else ()
        self._line_before = sentence.line


def _level(line: str) -> Carry:
    """What a pronoun after these words may stand for."""
    if " VEN " not in line:
        return Carry.NOUNS if " SYS " in line else Carry.NONE
    if _VENDOR_SUBJECT.search(line):
        return Carry.ALL
    if _WE_USE.search(line):
        return Carry.ALL
    if _PLURAL_SUBJECT.search(line) and _USES_VENDOR.search(line):
        return Carry.IT
    if _USES_VENDOR.search(line):
        return Carry.STRONG
    if _OUR_THING.search(line):
        return Carry.NOUNS
    return Carry.ALL if _WE_AND_VENDOR.search(line) else Carry.STRONG


def _is_indirect(sentence: Sentence) -> bool:
    """ "Through no fault of ours": blame that names nobody."""
    if sentence.is_question or _CLIENT_SIDE.search(sentence.line):
        return False
    return bool(INDIRECT.search(sentence.line))
