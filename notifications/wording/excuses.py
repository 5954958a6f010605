"""What looks like blame and is none: denied, supposed, asked, or our own mistake (rule M4)."""

import re

from notifications.wording import lexicon as lex
from notifications.wording.faults import Pattern
from notifications.wording.sentences import Sentence

_OBLIQUE = re.compile(
    r" (?:to|with|through|via|into|from|in|on|of|between|for|using|over|"
    r"inside|against|onto|under|by|"
    r"than|towards?|called|behind|including|like|within|per|at|across|and|both) "
    r"(?:the |both |a |an |our |your |their )?(?:VEN (?:and |or |, ))*$"
)
_STILL_SUBJECT = re.compile(
    r"(?: (?:because of|due to|thanks to|owing to|result of|account of|"
    r"fault of|case of|instead of) (?:the |a )?"
    rf"| (?:{lex.INFRA}|{lex.NOUN}|some(?:one|body)|any(?:one|body)|"
    r"persons?|employees?|friends|developers?|management|folks|guys) "
    r"(?:of|at|in|from|behind|inside|with|by) (?:the |a |an )?"
    r"|(?:^ |[,;:—.] )(?:with|at|over at|on|in|both|and) (?:the |both )?"
    r"| (?:wait\w*|hop\w+|need|reason|both|prevented|caused|blamed?) "
    r"(?:for|on|by|that|is)? ?(?:the )?"
    r"| (?:fine|not|ours|good|well|ok|worked|correct|innocent|healthy|"
    r"down|\w+ed|quickly|now|failed) (?:,? ?)and |, and )(?:VEN (?:and |"
    r"or |, ))*$"
)
_OUR_OBJECT = re.compile(
    r" (?:we|i|our (?:team|code|script|import|engineers?|developers?|"
    r"mapping|colleagues?)) (?:(?:have|had|\w+ly|also|then|now|not|"
    r"still) ){0,3}"
    r"(?!(?:not\w+|saw|see|seen|found|find|think|thought|believe|know|"
    r"knew|learn\w*|hear\w*|underst\w+|suspect\w*|assum\w+|fear|sa(?:y|"
    r"id)|told|confirm\w*|hope\w*|wish|expect\w*|because|that|"
    r"when|while|since|as|and|but|discover\w*|detect\w*|realis\w+|"
    r"realiz\w+|observ\w+|caught|watch\w*|read|if|so|are|were|is|was) "
    r")\w+ (?:the |a |your |both )?$"
)
_RELATIVE = re.compile(r" (?:which|that|who) ")
_OUR_ACT = re.compile(
    r" (?:we|i|our team|us) (?:\w+ ){0,4}?(?:took|taken|take|taking|"
    r"switch\w*|turn\w*|shut\w*|put|keep|kept|"
    r"keeping|mark\w*|set|pull\w*|tak\w+) (?:the )?$"
)
_OUR_CAUSATION = re.compile(
    r" (?:we|our|us) (?:\w+ ){0,8}?(?:made|caused|led|forced|let|"
    r"overloaded|cause|makes|make) (?:the )?$"
)
_DENIED = re.compile(
    r" (?:not(?! (?:only|just|merely|us|our|ours|we|responding|a single) )|no(?! longer )|never|"
    r"neither|nor|without(?! (?:any |a )?(?:warning|notice|asking|"
    r"telling|informing|reason|word) )|"
    r"nothing(?! but )|none|zero|free of) "
)
_DENIED_BEFORE = re.compile(
    r" (?:not|no|any|never|nothing|neither|nor|ruled? out|rather than|instead of|excluded?|none)"
    r"(?! (?:know|only|just|sure|merely|longer))(?: (?!(?:we|but|because|though) )[\w']+){0,3} $"
)
_COUNTERFACTUAL = re.compile(r" (?:had VEN|if VEN had|without VEN 's|but for VEN) ")
_SUPPOSED = re.compile(
    r" (?:if|should|whenever|in case|even if|unless|in the event that|"
    r"next time|the day) (?:ever )?(?:the |a |any |an |one )?$"
)
_SUPPOSED_NOUN = re.compile(
    r" (?:any|future|possible|potential|every|each|case of|event of|next)(?: \w+){0,3} $"
)
_RULE_OF_OURS = re.compile(
    r" (?:now|alert\w*|warn\w*|automatically|from now on|in future|in "
    r"the future|next time|planned|tells us|notif\w+) "
)
_WHEN_BEFORE = re.compile(
    r" (?:when|if|as soon as|whenever|while|where|that) (?:the |a |any |an )?$"
)
_PAST = re.compile(r" (?:was|were|had|went|been|again|still|did|\w{3,}ed) ")
_OWN_CAUSE = re.compile(
    r"^(?:(?!(?:;|\.) )\S+ ){0,6}?(?:because|due to|because of|by|owing "
    r"to|as a result of|thanks to|from|through|as) "
    r"(?:of )?(?:(?:a|an|the|one of|one|some) )?(?:(?!(?:your|their|VEN|"
    r"that|which) )\w+ ){0,4}?(?:we|our|us|ours)(?! (?:rely|depend|use|"
    r"trust|side|customers|clients)) "
)
_OWN_TRIGGER = re.compile(
    r"^(?:(?!(?:;|\.) )\S+ ){0,6}?(?:after|since|when|once|as|"
    r"following) (?:\w+ ){0,2}?(?:we|our|us|ours) "
)
_OWN_FAULT = re.compile(
    r" (?:we|our|us|ours|own|my) (?:\S+ ){0,10}?(?:mistakes?|errors?|"
    r"bugs?|wrong\w*|forgot\w*|expired?|misconfigur\w+|"
    r"exceed\w*|too (?:many|much|fast|often|quickly)|overlook\w*|missed|"
    r"missing|run out|ran out|not (?:renew\w*|test\w*|update\w*|"
    r"notice\w*|check\w*|set|paid?|pay)|"
    r"faulty|incorrect\w*|typo|changed|broke\w*|deleted|invalid|failed "
    r"to|bad|outdated|fault|oversight|let|duplicat\w*|hit|reached|used "
    r"up|revoked|removed|rotated|without|malformed|twice) "
)
_REACTION = re.compile(rf" {lex.REACTION} ")
_OWN_DOING = re.compile(
    r" (?:we|our \w+|i) (?:(?:have|had|has|\w+ly|also|then|ourselves) "
    r"){0,3}(?:made|caused|introduced|created|corrected|cleaned up|"
    r"imported|entered|used|set|uploaded|sent|put|left|wrote) (?:\w+ "
    r"){0,4}$"
)
_OURS_BEFORE = re.compile(r" (?:our|my|own)(?: (?!(?:is|are|was|were|has|had|have) )\w+){0,2} $")
_ASKS_CLIENT = re.compile(r" (?:you|your) ")
_PRESUMES = re.compile(
    r" (?:did you know|have you (?:heard|seen|noticed)|are you aware|do "
    r"you know|outages?|because|caused|blame|since|broke|crash\w*|"
    r"failed) "
)


def passes(sentence: Sentence, match: re.Match[str], pattern: Pattern, line_before: str) -> bool:
    """Whether what looks like blame is none."""
    line = sentence.line
    before, after = line[: match.start()], line[match.end() :]
    words = f" {match.group().strip()} "
    if pattern.is_predicate and _is_elsewhere(before, words, after):
        return True
    if _is_denied(line, before, words, pattern) or _is_supposed(line, before, words):
        return True
    if sentence.is_question and _ASKS_CLIENT.search(line) and not _PRESUMES.search(line):
        return True
    return _is_ours(before, words, after, pattern, line_before)


def _is_elsewhere(before: str, words: str, after: str) -> bool:
    """ "The sync with VEN failed", "we took VEN offline": the vendor is not the subject."""
    if _OUR_ACT.search(before):
        return True
    if _OUR_OBJECT.search(before) and not _RELATIVE.search(words):
        return True
    if not _OBLIQUE.search(before) or _STILL_SUBJECT.search(before):
        return False
    return not _RELATIVE.search(words) and not words.startswith(" VEN 's ")


def _is_denied(line: str, before: str, words: str, pattern: Pattern) -> bool:
    if pattern.is_denial or _COUNTERFACTUAL.search(line):
        return False
    if words.startswith((" neither ", " nor ", " no ", " little ", " without ")):
        return False  # the denial is the fault: "no answer from VEN"
    if pattern.is_predicate:
        return bool(_DENIED.search(words)) or before.endswith(
            (" no ", " neither ", " not because ", " nor ")
        )
    return bool(_DENIED.search(words) or _DENIED_BEFORE.search(before))


def _is_supposed(line: str, before: str, words: str) -> bool:
    """ "If a provider fails, …": nobody says that it did."""
    if _PAST.search(words) and not re.search(r" (?:is|are|be) \w+ed ", words):
        return False
    if _SUPPOSED.search(before) or _SUPPOSED_NOUN.search(before):
        return True
    return bool(_WHEN_BEFORE.search(before) and _RULE_OF_OURS.search(line))


def _is_ours(before: str, words: str, after: str, pattern: Pattern, line_before: str) -> bool:
    """Our own mistake that names a vendor, or what the vendor did in answer to it."""
    if _OWN_CAUSE.search(after) or (pattern.is_predicate and _OUR_CAUSATION.search(before)):
        return True
    if not (pattern.is_predicate or pattern.is_denial) and (
        _OURS_BEFORE.search(before) or _OWN_DOING.search(before)
    ):
        return True
    if not _REACTION.search(words):
        return False
    return bool(
        _OWN_TRIGGER.search(after) or _OWN_FAULT.search(before) or _OWN_FAULT.search(line_before)
    )
