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
    r"(?!(?:in|at|on|by|with|to|from|for|of|and|or|but|our|your|the|an?|"
    r"is|are|was|were|has|had|have|"
    r"will|because|that|which|who|whose|we|you|it|they|not|our|via|through|its|their|"
    rf"VEN|SYS|{ADJECTIVE}|{NOUN}) )[a-z]+ "
)
_HEAD = words(
    "providers?, vendors?, suppliers?, subcontractors?, contractors?, "
    "sub ?processors?, partners?, "
    "hosters?, carriers?, registrars?, isps?, esps?, third part(?:y|ies), manufacturer, "
    "hosting compan(?:y|ies), cloud hosts?, web hosts?, email hosts?, mail hosts?, hosts, "
    "makers of \\w+(?: \\w+)?, operators?"
)
_FOREIGN = (
    r"(?:upstream|external|outside|outsourced|third party|foreign|(?:an)?other party 's|"
    r"another company 's|vendor|supplier|provider)"
)
_RENTED = words(
    "outreach, e ?mail, mail, sending, crm, ai, hosting, cloud, "
    "payments?, messaging, sms, phone, "
    "calendar, dns, cdn, language model, llm, telephony, delivery, newsletter, enrichment, "
    "email delivery, e mail delivery, mail delivery, data enrichment, data, server, model"
)
_RENTED_THING = words(
    "tools?, platforms?, vendors?, compan(?:y|ies), hosts?, network, gateway, carrier"
)
_SOLD = (
    r"(?:services?|tools?|platforms?|software|systems?|apis?|products?|"
    r"apps?|compan(?:y|ies)|firms?|"
    r"networks?|components?|librar(?:y|ies)|solutions?|infrastructure|"
    r"people|business|engine|models?)"
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
    rf"|(?:{_DETERMINER} )?{_FOREIGN} (?:{_PLAIN})?(?:dependenc(?:y|ies)|"
    r"part(?:y|ies)|sources?|servers?)"
    rf"|{_DETERMINER} (?:{_PLAIN}){{0,3}}?{_HEAD}(?: of (?:ours|yours))?"
    rf"(?: (?:that |which |who |whose \w+ )?{_OUR_USERS} (?:\w+ "
    rf")?{_RELIES}(?: on| upon| with| to| from| for)?)?"
    r"|(?:email |e mail |mail |hosting |cloud |service |data "
    r")?(?:providers?|vendors?|suppliers?)"
    rf"|third part(?:y|ies)"
    rf"|{_DETERMINER} (?:{_PLAIN}){{0,2}}?{_SOLD} (?:that |which |who |on which |upon which )?"
    rf"{_OUR_USERS} (?:\w+ )?{_RELIES}(?: on| upon| with| to| from| "
    r"for)?(?: (?:for |your |our )?\w+ing(?= ))?"
    rf"|(?:our|the|an?|one of our|another) {_RENTED} {_RENTED_THING}"
    rf"|(?:our|the|an?) (?:e ?mail|mail|hosting|cloud|payment) service"
    r"|(?:the )?(?:company|firm|people|business|vendor|tool|platform|"
    r"software) (?:that|which|who|behind) "
    r"(?:hosts?|runs?|sends?|delivers?|stores?|powers?|provides?|"
    r"handles?|operates?|makes?|your|our)"
    rf"(?: (?:your|our|the) \w+)?"
    rf"|(?:some(?:one|body) else|another company|other (?:people|compan(?:y|ies)|firms))"
    rf"|upstream"
    rf"|external(?= {NOUN} )"
    rf")(?= )"
)

_OWN_WORD = (
    r"(?!\w{3,}ed |(?:in|at|on|by|with|to|from|for|of|and|or|but|our|"
    r"your|the|an?|is|are|was|were|has|had|have|"
    r"every|each|all|some|any|no|this|these|those|many|two|three|will|"
    r"would|can|could|did|does|do|because|that|which|who|we|you|it|they|"
    r"not|through|via|its|"
    r"their|'s|keeps?|kept|never|lost|sent|broke|delivered|dropped|"
    r"deleted|rejected|returned|gave|"
    r"returns|sends|delivers|shows|gives|provides|makes|takes|gets|"
    r"loses|does|goes|wants|says|sees|wrong|bad|old|"
    r"bounces|rejects|drops|deletes|made|marked|blocked|stopped|failed|crashed|wrongly|changed|"
    r"removed|duplicated|delayed|bounced|"
    r"suspended|throttled|cancelled|revoked|closed|disabled|ignored|"
    rf"skipped|VEN|,|:|;|—|{NOUN}) )[a-z]+ "
)
_SYSTEM = re.compile(
    rf"(?<= )VEN (?:{_OWN_WORD}){{0,2}}?{OWN_THING}(?= )(?! "
    r"(?:providers?|vendors?|a|an|the|us|you|no|some|several|its|their) "
    r")"
    r"|(?<= our )VEN "
    rf"{_OWN_WORD.replace('VEN|', f'VEN|{INFRA}|{FALTER}|{HARM}|{HARMING}|{STATE}|')}(?<= "
    r")"
)

_CARRIED_NOUN = re.compile(
    r"(?<= )(?:the|this|that|these|those|said) (?:service|platform|tool|company|vendor|provider|"
    r"supplier|system|api|app|software|site|latter|network|product|firm|host)s?(?: itself)?(?= )"
)
_CARRIED_POSSESSIVE = re.compile(rf"(?<= )(?:their|its)(?= (?:\w+ ){{0,2}}?(?:{INFRA}|{NOUN}) )")
_CLAUSE_START = (
    r"(?:(?<=^ )|(?<= , )|(?<= ; )|(?<= : )|(?<= — )|(?<= and )|(?<= "
    r"but )|(?<= because )|(?<= that )|"
    r"(?<= when )|(?<= so )|(?<= since )|(?<= after )|(?<= where )|(?<= as )|(?<= then )|"
    r"(?<= yesterday )|(?<= unfortunately )|(?<= today )|(?<= morning )|(?<= overnight )|"
    r"(?<= TIM )|(?<= DAT )|(?<=day )|(?<= noon )|(?<= night )|(?<=ly )|"
    r"(?<= hours )|(?<= now )|(?<= week )|(?<= while )|(?<= today , )|"
    r"(?<=ly , ))"
)
_CARRIED_PRONOUN = re.compile(
    rf"{_CLAUSE_START}(?:it|they)(?= )(?! (?:is|was) (?:our|we|your|a|an|because) )"
)
_CARRIED_IT = re.compile(rf"{_CLAUSE_START}it(?= )(?! (?:is|was) (?:our|we|your|a|an|because) )")
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


def carry_singulars(sentence: Sentence, *, after: int = 0) -> Sentence:
    """Where "they" are records of the client's: "it" alone stands for the vendor."""
    return sentence.retag(_CARRIED_IT, "VEN", after=after)


def carry_plurals(sentence: Sentence, *, after: int = 0) -> Sentence:
    """Where "it" is a system of ours or the client's: "they" alone stands for the vendor."""
    return sentence.retag(_CARRIED_THEY, "VEN", after=after)
