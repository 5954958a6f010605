"""Blame: a vendor, named or not, together with a fault (rule M4).

1. Vendors are found and marked; a system of ours that bears a vendor's name is none.
2. "It", "they" and "the provider" stand for a vendor of the sentence before.
3. A fault counts where the vendor is its subject, its place, its cause or its doer.
4. Denied faults, our own mistakes, questions to the client and what is only supposed pass.
"""

import re
from enum import IntEnum
from typing import NamedTuple

from notifications.wording import lexicon as lex
from notifications.wording.sentences import Sentence
from notifications.wording.tokens import Token
from notifications.wording.vendors import (
    carry_nouns,
    carry_plurals,
    carry_pronouns,
    find_vendors,
)

_STOP = (
    r"(?:we|our|ours|us|you|your|yours|i|my|because|so|but|while|whereas|although|though|after|"
    r"before|when|once|until|if|as|where|whether|;|:|—|\.|,|\?|!|\(|\)|&|a|an|the|or|to|with|into|from|"
    r"through|via|by|than|stores|holds|receives|received|lists|needs|requires|uses|accepts|knows|"
    r"offers|supports|contains|and)"
)
_LEADS_TO = r"(?:seem\w*|appear\w*|continu\w+|beg[aiu]n\w*|start\w*|used|tend\w*|prov\w+|turned out|likely) to "
_TIME = r"(?:(?:for|since|during|in|over|throughout|at|on|of|from|until) (?:the |about |over |at least )?(?:\w+ ){1,3})"
_GAP = rf"(?:{_LEADS_TO}|, (?:which|who|that) |(?:and|or|,|, and|nor) VEN |{_TIME}(?={lex.BE} |had |has |{lex.FALTER} )|(?!{_STOP} )\S+ )"
_ACTIVE = rf"(?:{_LEADS_TO}|(?:and|or|,|, and|nor) VEN |(?!{_STOP} )(?!{lex.BE} )\S+ )"
_ASIDE = r"(?:, (?:(?![,.;:] )\S+ ){1,9}?, |\( (?:(?!\) )\S+ ){1,9}?\) |— (?:(?!— )\S+ ){1,7}?— )?(?:, )?"
_RELATIVE_CLAUSE = r"(?:(?:that|which|who) (?:(?![,;:.—] |we |our )\S+ ){1,6}?)?"
_SUBJECT = rf"(?<= )VEN (?:'s )?{_ASIDE}{_RELATIVE_CLAUSE}"
_SOME = rf"(?:(?:{lex.ADVERBS}|so|too|very|completely|rather|quite|all|still|the|a|not|one) )"
_LINKS = rf"(?:{lex.BE}|'s|seem\w*|look\w*|appear\w*|remain\w*|stay\w*|prov\w+|bec[ao]me\w*|went|sat|lay)"
_BARE_STATE = lex.words(
    "down, offline, unavailable, unreachable, broken, at fault, to blame, unresponsive, unstable, "
    "degraded, dead, flaky, faulty, out of service, slow, overloaded, unreliable, inaccessible"
)
_OBJECT = (
    r"(?:your|our|us|you|the|a|an|all|it|them|its|\d+|one|two|some|every|several|any|half|most|"
    r"outgoing|\w+ing|access|requests|leads|e ?mails|mails|deliver\w+|accounts?|twelve|many|too|off|"
    r"back|up|without|everything)"
)
_NEEDS_OBJECT = r"(?:paused|delayed|limited|disabled|disconnected|restricted|interrupted|closed)"
_HARM = rf"(?!{_NEEDS_OBJECT} (?!{_OBJECT} )){lex.HARM}"
_NOUN = (
    rf"{lex.NOUN} (?!(?:logs?|handling|tracker|pages?|history|alerts?|codes?|rates?|messages?) )"
)
_INSIDE = r"(?:(?!(?:;|:|\.|,|we|our|your|you|but|so|because|with|from|to|for|after|before|when|if|VEN) )\S+ )"
_SENDS = (
    r"(?:send\w*|sent|deliver\w*|return\w*|g[ai]v\w+|serv\w+|suppl\w+|provid\w+|count\w*|import\w*|s[oe]l[dl]s?|hand\w*|pass\w*|feeds?|fed|"
    r"record\w*|calculat\w*|produc\w+|report\w*|wr[io]te\w*|show\w*|respond\w*|answer\w*|display\w*|(?!received )\w{3,}ed)"
)
_WHEN = (
    r"(?:(?:this|last|yesterday|today|on|\w+day|morning|night|week|afternoon|evening|TIM|DAT|earlier|"
    r"early|late|recent|currently|ongoing|overnight|again|now|major|that|which|we|saw|found) )"
)
_PLACE = (
    r"(?:at|in|with|on|from|by|of|inside|within|affecting|hitting|across|for|around|concerning|"
    r"involving|over at|down to|behind)"
)
_MADE = (
    r"(?:(?:coming|returned|reported|caused|confirmed|thrown|raised|announced|introduced|made|"
    r"stemming|originating|happening|occurring|starting|there|found|still|going on|out|somewhere|"
    r"entirely|solely|lies|lay|rests|lying|starts|started|began|sits) )"
)
_ARTICLE = r"(?:(?:the|a|an|their|both|either|poor|dear|our friends|good old) )"
_PARTS = rf"(?:(?:\w+ )?{lex.INFRA} (?:of|at|in|from|behind|inside|used by|by) {_ARTICLE}?)"
_CHANGE = (
    r"(?:changes?|updates?|maintenance|moves?|decisions?|limits?|polic(?:y|ies)|migrations?|"
    r"upgrades?|work|works|release|actions?|behaviou?r|errors?|restrictions?|filters?|deployment)"
)
_MEND = (
    r"(?:fix\w*|repair\w*|resolv\w*|solv\w*|restor\w*|recover\w*|correct\w*|comes? back|is back|"
    r"be back|sort\w*|gets? \w+ (?:\w+ )?(?:fixed|back|working|running)|bring\w* \w+ back|patch\w*|"
    r"lifts?|unblock\w*|unlock\w*|reinstat\w*|is (?:fixed|repaired|up|available|online|working)|mend\w*|(?:gets?|ups?) (?:its|their) (?:act|game|house)|wakes? up)"
)
_BROAD = lex.words(
    "mistakes?, mistakenly, by accident, accidentally, errors?, errone\\w+, wrong, wrongly, faults?, faulty, "
    "fail\\w*, blam\\w+, responsib\\w+, unable, worse, worst, without (?:any )?(?:warning|notice|asking|telling|informing|reason), "
    "unannounced, unexpectedly, too (?:slow|late|long), problems?, refus\\w+, crash\\w*, broke\\w*, outages?, defects?, "
    "mess, guilty, apolog\\w+, unavailab\\w+, unreliab\\w+, negligen\\w+, careless\\w*, incorrect\\w*, from under us, "
    "offline, downtime, bugs?, disaster, let\\w* (?:us|you) down"
)
_CAUSE_NOUN = (
    r"(?:cause|reason|culprit|source|origin|fault|blame|responsibility|problem|issue|error|trouble|"
    r"failure|guilt|mistake|bug|delay|outage|glitch|interruption|disruption|defect|explanation)s?"
)
_LIES = (
    r"(?:is|was|are|lies|lay|sits|sat|rests?|comes?|came|originat\w+|belongs?|stems?|stemmed|"
    r"start\w+|happen\w+|occurr\w+|:|falls?|came down|goes|went|began|arose|—)"
)


class _Pattern(NamedTuple):
    regex: re.Pattern[str]
    is_predicate: bool = False
    is_denial: bool = False


def _predicate(text: str, *, is_denial: bool = False) -> _Pattern:
    return _Pattern(re.compile(_SUBJECT + text), is_predicate=True, is_denial=is_denial)


def _phrase(text: str, *, is_denial: bool = False) -> _Pattern:
    return _Pattern(re.compile("(?<= )" + text), is_denial=is_denial)


_PATTERNS = (
    _predicate(rf"{_GAP}{{0,6}}?{lex.FALTER} "),
    _predicate(rf"{_GAP}{{0,5}}?{_LINKS} {_SOME}{{0,4}}?{lex.STATE} "),
    _predicate(rf"(?:: |— |\? )?(?:(?:{lex.ADVERBS}|being|both|all) ){{0,2}}{_BARE_STATE} "),
    _predicate(rf"{_ACTIVE}{{0,5}}?{_HARM} "),
    _predicate(rf"{_GAP}{{0,5}}?{lex.HARMING} "),
    _predicate(
        rf"{_GAP}{{0,5}}?(?:{lex.NOT}|yet to) (?:(?:{lex.ADVERBS}|always) ){{0,2}}?"
        rf"(?:been (?=\w+(?:ing|able|line) )|being )?{lex.CAPABLE} ",
        is_denial=True,
    ),
    _predicate(rf"{_GAP}{{0,5}}?{lex.HAVING} {_INSIDE}{{0,5}}?{_NOUN}"),
    _predicate(rf"{_GAP}{{0,4}}?{_SENDS} (?:(?!(?:,|;|:|\.|we|from|because|after|that) )\S+ ){{0,5}}?{lex.BAD} "),
    _predicate(rf"(?:{_ACTIVE}){{0,3}}?{_NOUN}"),
    _predicate(rf"(?:(?!(?:the|a|an|our|your) )\w+ )?{lex.ADJECTIVE} "),
    _predicate(
        rf"{_GAP}{{0,4}}?(?:must|ha(?:s|ve) to|needs? to|should|working to|trying to|promised to|will|"
        rf"working on|to) (?:\w+ )?{_MEND} "
    ),
    _predicate(rf"(?:related|side|wide|based) (?:\w+ ){{0,2}}?{_NOUN}|(?:induced|caused|inflicted) "),
    _phrase(
        rf"(?:{lex.NOUN}|wrong|broke\w*|failed|crashed|fell over|down) {_WHEN}{{0,4}}?{_MADE}{{0,2}}?"
        rf"{_PLACE} {_ARTICLE}?(?:\w+ (?={_PARTS}))?{_PARTS}?VEN "
    ),
    _phrase(rf"{lex.ADJECTIVE} (?:{lex.INFRA} (?:at|of|from|in|behind) {_ARTICLE}?)?VEN "),
    _phrase(rf"{lex.ADJECTIVE} (?:\w+ ){{1,3}}?(?:from|supplied by|sent by|delivered by) {_ARTICLE}?VEN "),
    _phrase(rf"{lex.CAUSE} {_ARTICLE}?(?:(?!(?:our|your|own|we) )\w+ )?VEN "),
    _phrase(rf"{lex.CAUSE} {_ARTICLE}?(?:(?!(?:our|your|own|we) )\w+ ){{0,2}}?(?:{_CHANGE}|{lex.INFRA}|{lex.NOUN}) "
            rf"(?:made |introduced )?(?:at|in|with|of|by|on|from|inside) {_ARTICLE}?VEN "),
    _phrase(rf"{lex.HARMED} (?:(?!(?:,|;|:|\.|we|because) )\S+ ){{0,4}}?by {_ARTICLE}?(?:\w+ )?VEN "),
    _phrase(
        rf"(?:what|who|that|which|whoever|ones?|part|thing|system|tool|service|culprit|party) (?:\w+ ){{0,4}}?"
        rf"(?:{lex.FALTER}|{lex.HARM}|{lex.STATE}) (?:\w+ ){{0,4}}?(?:is|was|are|were|:) "
        rf"(?:{lex.ADVERBS} )?(?:at |with |in )?{_ARTICLE}?VEN "
    ),
    _phrase(rf"(?:responsible|to blame|at fault|guilty|down|down again|broken|offline|failed) (?:for (?:\w+ ){{1,3}})?"
            rf"(?:is|was|are|:|—) {_ARTICLE}?VEN "),
    _phrase(
        rf"{_CAUSE_NOUN} (?:{lex.ADVERBS} |entirely |squarely )?{_LIES} (?:(?:{lex.ADVERBS}|to be|found|entirely) ){{0,2}}?"
        rf"(?:(?:with|at|in|on|from|inside|to|by|down to|outside us at) )?{_ARTICLE}?{_PARTS}?VEN "
    ),
    _phrase(
        rf"(?:wait\w*|ask\w*|need\w*|expect\w*|hop\w+|rel(?:y|ies|ying)|depend\w*|until|once|up to|requires?|want|soon as) "
        rf"(?:(?!with )\w+ ){{0,3}}?VEN (?:(?!(?:,|;|we) )\S+ ){{0,4}}?{_MEND} ",
        is_denial=True,
    ),
    _phrase(rf"(?:no|little|without) (?:\w+ )?(?:sign of life|signs? of \w+|signal|word|events?|confirmation|explanation|answer|response|reply|reaction|help|warning|notice|data) from {_ARTICLE}?VEN "),
    _phrase(rf"(?:neither|nor) VEN (?:nor VEN )?(?:\w+ )?{lex.CAPABLE} "),
    _phrase(rf"(?:neither|nor) VEN nor VEN (?:{lex.BE} )?(?:\w+ )?{lex.CAPABLE} "),
    _phrase(rf"(?:VEN|{lex.NOUN}|it|this|that) (?:\S+ ){{0,8}}?(?:on|at|from|to) VEN 's (?:side|end|part) "),
    _phrase(rf"(?:on|at|from) VEN (?:'s )?(?:side|end|part) (?:\S+ ){{0,6}}?(?:{lex.NOUN}|{lex.FALTER}|{lex.STATE}) "),
    _phrase(rf"(?:had VEN|if VEN had) (?:been (?:more|better|\w+ enough)|(?:tested|warned|told|checked|acted|informed|reacted|answered)) "),
    _phrase(rf"(?:worked|held|responded|ran|fine|well|correctly|ok|correct|right|good|clean|healthy) (?:\S+ ){{0,4}}?VEN (?:'s )?(?:did|was|has|could|were) not (?=[.,;!])", is_denial=True),
    _predicate(rf"{_GAP}{{0,2}}?(?:(?!(?:,|;|:|\.|we|our|your) )\S+ ){{0,5}}?(?:because of|due to) (?:a|an|its|their|some|internal) (?:(?!our )\w+ )?{_NOUN}(?!(?:in|on|of|with) (?:our|ours|your) )"),
    _phrase(rf"(?:vanish\w*|disappear\w*|got lost|lost|went missing|stuck|hanging) (?:\w+ )?(?:inside|within|in|at|by) {_ARTICLE}?VEN "),
    _phrase(rf"(?:{lex.ADJECTIVE}|guilty|offending|responsible) (?:\w+ )?(?:component|part|piece|system|service|link|side|one|tool|party|culprit|element|dependency) (?:is|was|:) {_ARTICLE}?VEN "),
    _phrase(r"(?:no|not|none|never) (?:\S+ ){1,6}?(?:;|,|—|but|, but) VEN (?:did|was|is|has|were|do) (?=[.,;!])", is_denial=True),
    _phrase(r"(?:(?<=^ )|(?<=[,;:—(] )|(?<= (?:and|but) )|(?<= that )|(?<= because )|(?<= when )|(?<= while )|(?<= since )|(?<= as ))"
            rf"(?:{lex.ADVERBS} |, )?{_ARTICLE}?VEN (?:'s )?(?:(?!(?:,|;|:|\.|—|we|because|but|so|if|when|once|after|before|VEN) )\S+ ){{0,9}}?{_BROAD} "),
    _predicate(rf"{_GAP}{{0,3}}?(?:decided|chose|opted|managed|happened|thought|saw|had the nerve|found it) (?:not |fit |right )?to \w+ "),
    _predicate(rf"{_GAP}{{0,3}}?(?:sen[dt]s?|deliver\w*|return\w*|g[ai]ve\w*|provid\w*|forward\w*|transmit\w*|pass\w* on|record\w*|process\w*|answer\w*|has|had) (?:us |you )?"
               rf"(?:no|nothing|none|zero|not a single) (?!(?:\w+ )?(?:{lex.NOUN}|duplicates?|effect|impact|influence|part|changes?|access|more) )", is_denial=True),
    _phrase(r"VEN 's (?:\w+ )?(?:fix|repair|recovery|apology|rollback|patch|repairs|hotfix|admission|confession|statement of fault) "),
    _phrase(rf"blam(?:e|ing|ed) (?:\w+ ){{0,3}}?VEN "),
)  # fmt: skip

#: What only a vendor does, not a record or a sync that "it" or "they" may stand for.
_STRONG = tuple(
    _Pattern(re.compile(rf"(?<= )VEN (?:'s )?(?:(?!{_STOP} )\S+ ){{0,5}}?" + text), True)
    for text in (
        rf"{_LINKS} {_SOME}{{0,4}}?{lex.words('down, offline, unavailable, unreachable, unstable, unreliable, flaky, overloaded, unresponsive, at fault, to blame, responsible, the culprit, inaccessible, faulty, degraded, out of service, having')} ",
        rf"{lex.HAVING} {_INSIDE}{{0,5}}?(?:outages?|downtime|incidents?|disruptions?|breakdowns?|problems?|difficult\w+|bugs?|troubles?|glitch\w*|interruptions?|mistakes?|crash\w*|fault|power \w+|failures?|issues?|faults|hiccups?|instability) ",
        r"(?:crash\w*|(?:went|gone|go|goes|going) (?:down|dark|offline|silent|under)|let us down|tim\w+ out|collapsed|malfunction\w*|dropped the ball|overran|messed up|screwed up|made an? (?:\w+ )?(?:mistake|error)|apologi[sz]ed|admitted) ",
        rf"(?<! is )(?<! are )(?<! was )(?<! were )(?<! been )(?<! be ){_HARM} (?={_OBJECT} )",
        rf"{lex.HARMING} (?={_OBJECT} )",
        rf"(?:sent|delivered|returned|gave|give|send|deliver|return|sold|provided) (?:\w+ ){{0,3}}?{lex.BAD} ",
    )
)  # fmt: skip

_STRONG_DENIALS = (
    _predicate(
        rf"{_GAP}{{0,4}}?not (?:\w+ly |been )?(?:respond\w*|accept\w*|answer\w*|deliver\w*|available|reachable|stable|online|process\w*|react\w*|be reached) ",
        is_denial=True,
    ),
)
_INDIRECT = re.compile(
    r"(?<= )(?:no fault of (?:ours|our own|us)|(?:outside|beyond) (?:of )?our (?:\w+ )?(?:control|hands|influence|power|reach|responsibility|scope)"
    r"|out of our (?:hands|control)|not (?:within|in|under) our (?:\w+ )?(?:control|hands|power)"
    r"|not (?:\w+ ){0,2}?(?:on|at|from) our (?:side|end|part)"
    r"|not (?:\w+ )?our (?:\w+ )?(?:fault|mistake|doing|error|bug|problem|responsibility)"
    r"|(?:none|nothing) (?:of|to do with) our(?:s| doing| side| end| \w+)|nothing to do with us|nothing (?:that )?we (?:did|could have)"
    r"|nothing (?:is |was )?wrong (?:on|at|with) our (?:side|end|systems?|code)"
    r"|(?:we|our (?:\w+ )?(?:team|side|systems?|code)) (?:(?:are|were|is|was) not (?:\w+ )?(?:to blame|at fault|responsible|the cause|the ones?)|(?:can|did|have) not (?:be blamed|be held|caused? (?:it|this|that)))"
    r"|not (?:\w+ )?(?:caused|triggered|broken) by (?:us|our|anything (?:we|on our))"
    r"|not (?:\w+ )?(?:due|down) to (?:us|anything (?:we|on our))"
    r"|not (?:a |an )?(?:\w+ )?(?:problem|error|issue|fault|mistake|bug) (?:of ours|on our (?:side|end|part))"
    r"|(?:fault|problem|error|cause|blame|mistake|failure|issue) (?:\w+ ){0,2}?(?:lies|lay|is|was|originated|happened|occurred|came from|started) (?:\w+ )?(?:elsewhere|externally|outside (?:of )?(?:our|us|leadspanther)\b[\w ]{0,24})"
    r"|(?:on|at) (?:the other|another|some(?:one|body) else 's) (?:side|end)|external (?:factors?|circumstances|causes?|reasons?|events?)"
    r"|force majeure|some(?:one|body) else 's (?:fault|mistake|error|problem|side|end|systems?|servers?|bug)|our hands (?:are|were) tied|we did nothing wrong"
    r"|everything (?:is |was )?(?:\w+ )?(?:fine|ok|okay|working|right|good|correct|healthy|running) (?:\w+ ){0,2}?(?:on|at) our (?:side|end)"
    r"|(?:fault|faults|problem|problems|issue|issues|error|errors|bug|trouble|wrong|mistake|outage|cause|failure|failed|broke|down|is|was|lies) (?:\w+ ){0,3}?(?:on|at) their (?:side|end|part))(?= )"
)  # fmt: skip
_CLIENT_SIDE = re.compile(
    r" (?:on|at) (?:your|the client 's) (?:side|end)| your (?:\w+ )?(?:team|password|settings?|account)| you (?:\w+ )?changed"
)

_OBLIQUE = re.compile(
    r" (?:to|with|through|via|into|from|in|on|of|between|for|using|over|inside|against|onto|under|by|"
    r"than|towards?|called|behind|including|like|within|per|at|across|and|both) "
    r"(?:the |both |a |an |our |your |their )?(?:VEN (?:and |or |, ))*$"
)
_STILL_SUBJECT = re.compile(
    rf"(?: (?:because of|due to|thanks to|owing to|result of|account of|fault of|case of|instead of) (?:the |a )?"
    rf"| (?:{lex.INFRA}|{lex.NOUN}|some(?:one|body)|any(?:one|body)|persons?|employees?|friends|developers?|management|folks|guys) (?:of|at|in|from|behind|inside|with|by) (?:the |a |an )?"
    r"|(?:^ |[,;:—.] )(?:with|at|over at|on|in|both|and) (?:the |both )?"
    r"| (?:wait\w*|hop\w+|need|reason|both|prevented|caused|blamed?) (?:for|on|by|that|is)? ?(?:the )?"
    rf"| (?:fine|not|ours|good|well|ok|worked|correct|innocent|healthy|down|\w+ed|quickly|now|failed) (?:,? ?)and |, and )(?:VEN (?:and |or |, ))*$"
)
_OUR_OBJECT = re.compile(
    r" (?:we|i|our (?:team|code|script|import|engineers?|developers?|mapping|colleagues?)) (?:(?:have|had|\w+ly|also|then|now|not|still) ){0,3}"
    r"(?!(?:not\w+|saw|see|seen|found|find|think|thought|believe|know|knew|learn\w*|hear\w*|underst\w+|suspect\w*|assum\w+|fear|sa(?:y|id)|told|confirm\w*|hope\w*|wish|expect\w*|because|that|"
    r"when|while|since|as|and|but|discover\w*|detect\w*|realis\w+|realiz\w+|observ\w+|caught|watch\w*|read|if|so|are|were|is|was) )\w+ (?:the |a |your |both )?$"
)
_RELATIVE = re.compile(r" (?:which|that|who) ")
_OUR_ACT = re.compile(
    r" (?:we|i|our team|us) (?:\w+ ){0,4}?(?:took|taken|take|taking|switch\w*|turn\w*|shut\w*|put|keep|kept|"
    r"keeping|mark\w*|set|pull\w*|tak\w+) (?:the )?$"
)
_OUR_CAUSATION = re.compile(
    r" (?:we|our|us) (?:\w+ ){0,8}?(?:made|caused|led|forced|let|overloaded|cause|makes|make) (?:the )?$"
)
_DENIED = re.compile(
    r" (?:not|no|never|neither|nor|without|nothing|none|zero|free of)(?! (?:only|just|merely|longer|least|responding|a single)) "
)
_DENIED_BEFORE = re.compile(
    r" (?:not|no|any|never|nothing|neither|nor|ruled? out|rather than|instead of|excluded?|none)"
    r"(?! (?:know|only|just|sure|merely|longer))(?: (?!(?:we|but|because|though) )[\w']+){0,3} $"
)
_COUNTERFACTUAL = re.compile(r" (?:had VEN|if VEN had|without VEN 's|but for VEN) ")
_SUPPOSED = re.compile(
    r" (?:if|should|whenever|in case|even if|unless|in the event that|next time|the day) (?:ever )?(?:the |a |any |an |one )?$"
)
_SUPPOSED_NOUN = re.compile(
    r" (?:any|future|possible|potential|every|each|case of|event of|next)(?: \w+){0,3} $"
)
_RULE_OF_OURS = re.compile(
    r" (?:now|alert\w*|warn\w*|automatically|from now on|in future|in the future|next time|planned|tells us|notif\w+) "
)
_WHEN_BEFORE = re.compile(
    r" (?:when|if|as soon as|whenever|while|where|that) (?:the |a |any |an )?$"
)
_PAST = re.compile(r" (?:was|were|had|went|been|again|still|did|\w{3,}ed) ")
_OWN_CAUSE = re.compile(
    r"^(?:(?!(?:;|\.) )\S+ ){0,6}?(?:because|due to|because of|by|owing to|as a result of|thanks to|from|through|as) "
    r"(?:of )?(?:(?:a|an|the|one of|one|some) )?(?:(?!(?:your|their|VEN|that|which) )\w+ ){0,4}?(?:we|our|us|ours)(?! (?:rely|depend|use|trust|side|customers|clients)) "
)
_OWN_TRIGGER = re.compile(
    r"^(?:(?!(?:;|\.) )\S+ ){0,6}?(?:after|since|when|once|as|following) (?:\w+ ){0,2}?(?:we|our|us|ours) "
)
OWN_FAULT = re.compile(
    r" (?:we|our|us|ours|own|my) (?:\S+ ){0,10}?(?:mistakes?|errors?|bugs?|wrong\w*|forgot\w*|expired?|misconfigur\w+|"
    r"exceed\w*|too (?:many|much|fast|often|quickly)|overlook\w*|missed|missing|run out|ran out|not (?:renew\w*|test\w*|update\w*|notice\w*|check\w*|set|paid?|pay)|"
    r"faulty|incorrect\w*|typo|changed|broke\w*|deleted|invalid|failed to|bad|outdated|fault|oversight|let|duplicat\w*|hit|reached|used up|revoked|removed|rotated|without|malformed|twice) "
)
_REACTION = re.compile(rf" {lex.REACTION} ")
_OWN_DOING = re.compile(
    r" (?:we|our \w+|i) (?:(?:have|had|has|\w+ly|also|then|ourselves) ){0,3}(?:made|caused|introduced|created|corrected|cleaned up|imported|entered|used|set|uploaded|sent|put|left|wrote) (?:\w+ ){0,4}$"
)
_OURS_BEFORE = re.compile(r" (?:our|my|own)(?: (?!(?:is|are|was|were|has|had|have) )\w+){0,2} $")
_ASKS_CLIENT = re.compile(r" (?:you|your) ")
_PRESUMES = re.compile(
    r" (?:did you know|have you (?:heard|seen|noticed)|are you aware|do you know|outages?|because|caused|blame|since|broke|crash\w*|failed) "
)
_OUR_THING = re.compile(r" (?:our (?!(?:team|support|colleagues?|clients?) )\w+|SYS) ")
_USES_VENDOR = re.compile(
    r" (?:uses?|using|runs? on|runs? through|hosted (?:on|by|with)|sits? behind|rel(?:y|ies) on|depends? on|go(?:es)? through|powered by|behind|connected to|sent (?:by|through)|built on) VEN "
)
_VENDOR_SUBJECT = re.compile(
    r"^ (?:(?:the|both|yesterday|today|unfortunately|and|but|so|\w+ly) )*VEN "
)
_WE_AND_VENDOR = re.compile(
    r" (?:we|i|our team) (?:(?!(?:to|into|from|in|for|of|at|on) )\w+ ){1,4}?VEN "
)


#: "HubSpot?" is a sentence that only names.
_NAME_ALONE = 2


class Carry(IntEnum):
    """How far "it" and "they" may stand for a vendor named before."""

    NONE = 0
    NOUNS = 1
    STRONG = 2
    ALL = 3


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
        found = _is_indirect(sentence) or self._faults(carried, _PATTERNS)
        found = found or (strong is not None and self._faults(strong, _STRONG + _STRONG_DENIALS))
        self._remember(sentence, carried, strong)
        return found

    def _faults(self, sentence: Sentence, patterns: tuple[_Pattern, ...]) -> bool:
        if " VEN " not in sentence.line:
            return False
        return any(
            not _passes(sentence, match, pattern, self._line_before)
            for pattern in patterns
            for match in pattern.regex.finditer(sentence.line)
        )

    def _carried(self, sentence: Sentence) -> tuple[Sentence, Sentence | None]:
        """The sentence with pronouns that surely mean a vendor, and one where they may."""
        level, after = self._carry, 0
        if level is Carry.NONE:
            place = (
                min(p for p in (_place(sentence, tag) for tag in (" VEN ", " SYS ")) if p >= 0)
                if " VEN " in sentence.line or " SYS " in sentence.line
                else -1
            )
            if place < 0:
                return sentence, None
            level, after = _level(sentence.line[: place + 5]), place + 4
        nouns = carry_nouns(sentence, after=after)
        if level is Carry.ALL:
            return carry_pronouns(nouns, after=after), None
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


def _place(sentence: Sentence, tag: str) -> int:
    return sentence.line.find(tag)


def _level(line: str) -> Carry:
    """What a pronoun after these words may stand for."""
    if " VEN " not in line:
        return Carry.NOUNS if " SYS " in line else Carry.NONE
    if _VENDOR_SUBJECT.search(line):
        return Carry.ALL
    if _USES_VENDOR.search(line):
        return Carry.STRONG
    if _OUR_THING.search(line):
        return Carry.NOUNS
    return Carry.ALL if _WE_AND_VENDOR.search(line) else Carry.STRONG


def _is_indirect(sentence: Sentence) -> bool:
    """ "Through no fault of ours": blame that names nobody."""
    if sentence.is_question or _CLIENT_SIDE.search(sentence.line):
        return False
    return bool(_INDIRECT.search(sentence.line))


def _passes(sentence: Sentence, match: re.Match[str], pattern: _Pattern, line_before: str) -> bool:
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


def _is_denied(line: str, before: str, words: str, pattern: _Pattern) -> bool:
    if pattern.is_denial or _COUNTERFACTUAL.search(line):
        return False
    if (
        "neither" in words.split()[:1]
        or "nor" in words.split()[:1]
        or words.startswith((" no ", " little ", " without "))
    ):
        return False
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


def _is_ours(before: str, words: str, after: str, pattern: _Pattern, line_before: str) -> bool:
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
        _OWN_TRIGGER.search(after) or OWN_FAULT.search(before) or OWN_FAULT.search(line_before)
    )
