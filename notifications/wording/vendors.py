"""Who is meant: unnamed vendors, systems that bear a vendor's name, pronouns (rule M4)."""

import re

from notifications.wording.lexicon import (
    ADJECTIVE,
    FALTER,
    HARM,
    HARMING,
    INFRA,
    NOUN,
    OWN_THING,
    STATE,
    words,
)
from notifications.wording.sentences import Sentence

_DETERMINER = (
    r"(?:(?:one|some|two|several|any|all|most) of (?:our|your|the|these|those)|our|your|the|an?|"
    r"another|some|any|every|each|this|that|their|its|both|several|certain|whichever)"
)
_PLAIN = (
    r"(?!(?:in|at|on|by|with|to|from|for|of|and|or|but|our|your|the|an?|is|are|was|were|has|had|have|"
    r"will|because|that|which|who|whose|we|you|it|they|not|our|via|through|its|their|"
    rf"VEN|SYS|{ADJECTIVE}|{NOUN}) )[a-z]+ "
)
_HEAD = words(
    "providers?, vendors?, suppliers?, subcontractors?, contractors?, sub ?processors?, partners?, "
    "hosters?, carriers?, registrars?, isps?, esps?, third part(?:y|ies), manufacturer, "
    "hosting compan(?:y|ies), cloud hosts?, web hosts?, email hosts?, mail hosts?, hosts, "
    "makers of \\w+(?: \\w+)?, operators?"
)
_FOREIGN = (
    r"(?:upstream|external|outside|outsourced|third party|foreign|(?:an)?other party 's|"
    r"another company 's|vendor|supplier|provider)"
)
_RENTED = words(
    "outreach, e ?mail, mail, sending, crm, ai, hosting, cloud, payments?, messaging, sms, phone, "
    "calendar, dns, cdn, language model, llm, telephony, delivery, newsletter, enrichment, "
    "email delivery, e mail delivery, mail delivery, data enrichment, data, server, model"
)
_RENTED_THING = words(
    "tools?, platforms?, vendors?, compan(?:y|ies), hosts?, network, gateway, carrier"
)
_SOLD = (
    r"(?:services?|tools?|platforms?|software|systems?|apis?|products?|apps?|compan(?:y|ies)|firms?|"
    r"networks?|components?|librar(?:y|ies)|solutions?|infrastructure|people|business|engine|models?)"
)
_RELIES = (
    r"(?:rel(?:y|ies)|depends?|builds?|runs?|uses?|used|using|bu(?:y|ys)|bought|counts?|leans?|"
    r"integrates?|licen[cs]es?|rents?|pays?|works? with|connects?|outsource|subscribe|trust)"
)
_OUR_USERS = (
    r"(?:we|you|(?:our|your) (?:\w+ )?(?:system|systems|automations?|pipeline|team|sync|outreach|"
    r"sending|mails?|emails?|data|leads|workflows?))"
)

_UNNAMED = re.compile(
    rf"(?<= )(?:"
    rf"(?:{_DETERMINER} )?{_FOREIGN} (?:{_PLAIN})?{_SOLD}(?: of ours| providers?| vendors?)?"
    rf"|(?:{_DETERMINER} )?{_FOREIGN} (?:{_PLAIN})?(?:dependenc(?:y|ies)|part(?:y|ies)|sources?|servers?)"
    rf"|{_DETERMINER} (?:{_PLAIN}){{0,3}}?{_HEAD}(?: of (?:ours|yours))?"
    rf"(?: (?:that |which |who |whose \w+ )?{_OUR_USERS} (?:\w+ )?{_RELIES}(?: on| upon| with| to| from| for)?)?"
    rf"|(?:email |e mail |mail |hosting |cloud |service |data )?(?:providers?|vendors?|suppliers?)"
    rf"|third part(?:y|ies)"
    rf"|{_DETERMINER} (?:{_PLAIN}){{0,2}}?{_SOLD} (?:that |which |who |on which |upon which )?"
    rf"{_OUR_USERS} (?:\w+ )?{_RELIES}(?: on| upon| with| to| from| for)?(?: (?:for |your |our )?\w+ing(?= ))?"
    rf"|(?:our|the|an?|one of our|another) {_RENTED} {_RENTED_THING}"
    rf"|(?:our|the|an?) (?:e ?mail|mail|hosting|cloud|payment) service"
    rf"|(?:the )?(?:company|firm|people|business|vendor|tool|platform|software) (?:that|which|who|behind) "
    rf"(?:hosts?|runs?|sends?|delivers?|stores?|powers?|provides?|handles?|operates?|makes?|your|our)"
    rf"(?: (?:your|our|the) \w+)?"
    rf"|(?:some(?:one|body) else|another company|other (?:people|compan(?:y|ies)|firms))"
    rf"|upstream"
    rf"|external(?= {NOUN} )"
    rf")(?= )"
)

_OWN_WORD = (
    r"(?!\w{3,}ed |(?:in|at|on|by|with|to|from|for|of|and|or|but|our|your|the|an?|is|are|was|were|has|had|have|"
    r"every|each|all|some|any|no|this|these|those|many|two|three|will|would|can|could|did|does|do|because|that|which|who|we|you|it|they|not|through|via|its|"
    r"their|'s|keeps?|kept|never|lost|sent|broke|delivered|dropped|deleted|rejected|returned|gave|"
    r"made|marked|blocked|stopped|failed|crashed|wrongly|changed|removed|duplicated|delayed|bounced|"
    rf"suspended|throttled|cancelled|revoked|closed|disabled|ignored|skipped|VEN|,|:|;|—|{NOUN}) )[a-z]+ "
)
_SYSTEM = re.compile(
    rf"(?<= )VEN (?:{_OWN_WORD}){{0,2}}?{OWN_THING}(?= )(?! providers? | vendors? )"
    rf"|(?<= our )VEN {_OWN_WORD.replace('VEN|', f'VEN|{INFRA}|{FALTER}|{HARM}|{HARMING}|{STATE}|')}(?<= )"
)

_CARRIED_NOUN = re.compile(
    r"(?<= )(?:the|this|that|these|those|said) (?:service|platform|tool|company|vendor|provider|"
    r"supplier|system|api|app|software|site|latter|network|product|firm|host)s?(?: itself)?(?= )"
)
_CARRIED_POSSESSIVE = re.compile(rf"(?<= )(?:their|its)(?= (?:\w+ ){{0,2}}?(?:{INFRA}|{NOUN}) )")
_CLAUSE_START = (
    r"(?:(?<=^ )|(?<= , )|(?<= ; )|(?<= : )|(?<= — )|(?<= and )|(?<= but )|(?<= because )|(?<= that )|"
    r"(?<= when )|(?<= so )|(?<= since )|(?<= after )|(?<= where )|(?<= as )|(?<= then )|"
    r"(?<= yesterday )|(?<= unfortunately )|(?<= today )|(?<= morning )|(?<= TIM )|(?<= DAT )|(?<=day )|(?<= noon )|(?<= night )|(?<=ly )|(?<= hours )|(?<= now )|(?<= week )|(?<= while )|(?<= today , )|(?<=ly , ))"
)
_CARRIED_PRONOUN = re.compile(
    rf"{_CLAUSE_START}(?:it|they)(?= )(?! (?:is|was) (?:our|we|your|a|an|because) )"
)
_CARRIED_THEY = re.compile(rf"{_CLAUSE_START}they(?= )")


def find_vendors(sentence: Sentence) -> Sentence:
    """The sentence with unnamed vendors as VEN, and systems that bear a name as SYS."""
    return sentence.retag(_UNNAMED, "VEN").retag(_SYSTEM, "SYS")


def carry_nouns(sentence: Sentence, *, after: int = 0) -> Sentence:
    """After the naming of a vendor: "that service", "their servers" are the vendor."""
    nouns = sentence.retag(_CARRIED_NOUN, "VEN", after=after)
    return nouns.retag(_CARRIED_POSSESSIVE, "VEN 's", after=after)


def carry_pronouns(sentence: Sentence, *, after: int = 0) -> Sentence:
    """After the naming of a vendor: "it" and "they" stand for the vendor."""
    return sentence.retag(_CARRIED_PRONOUN, "VEN", after=after)


def carry_plurals(sentence: Sentence, *, after: int = 0) -> Sentence:
    """Where "it" is a system of ours or the client's: "they" alone stands for the vendor."""
    return sentence.retag(_CARRIED_THEY, "VEN", after=after)
