"""Blame in words: where a vendor is the subject, the place, the cause or the doer of a fault.

The patterns search a sentence's line as :mod:`notifications.wording.lexicon` describes it.
"""

import re
from typing import NamedTuple

from notifications.wording import lexicon as lex

_STOP = (
    r"(?:we|our|ours|us|you|your|yours|i|my|because|so|but|while|whereas|although|though|after|"
    r"before|when|once|until|if|as|where|whether|;|:|—|\.|,|\?|!|\(|\)|"
    r"&|a|an|the|or|to|with|into|from|"
    r"through|via|by|than|stores|holds|receives|received|lists|needs|requires|uses|accepts|knows|"
    r"offers|supports|contains|and)"
)
_LEADS_TO = (
    r"(?:seem\w*|appear\w*|continu\w+|beg[aiu]n\w*|start\w*|used|"
    r"tend\w*|prov\w+|turned out|likely) to "
)
_TIME = (
    r"(?:(?:for|since|during|in|over|throughout|at|on|of|from|until) "
    r"(?:the |about |over |at least )?(?:\w+ ){1,3})"
)
_GAP = (
    rf"(?:{_LEADS_TO}|, (?:which|who|that) |(?:and|or|,|, and|nor) VEN |"
    rf"{_TIME}(?={lex.BE} |had |has |{lex.FALTER} )|(?!{_STOP} )\S+ )"
)
_ACTIVE = rf"(?:{_LEADS_TO}|(?:and|or|,|, and|nor) VEN |(?!{_STOP} )(?!{lex.BE} )\S+ )"
_ASIDE = (
    r"(?:, (?:(?![,.;:] )\S+ ){1,9}?, |\( (?:(?!\) )\S+ ){1,9}?\) |— "
    r"(?:(?!— )\S+ ){1,7}?— )?(?:, )?"
)
_RELATIVE_CLAUSE = r"(?:(?:that|which|who) (?:(?![,;:.—] |we |our )\S+ ){1,6}?)?"
_SUBJECT = (
    rf"(?<= )VEN (?:'s )?(?:(?:behind|for|of) (?:your|our|the) \w+ )?{_ASIDE}{_RELATIVE_CLAUSE}"
)
_SOME = rf"(?:(?:{lex.ADVERBS}|so|too|very|completely|rather|quite|all|still|the|a|not|one) )"
_LINKS = (
    rf"(?:{lex.BE}|'s|seem\w*|look\w*|appear\w*|remain\w*|stay\w*|"
    r"prov\w+|bec[ao]me\w*|went|sat|lay)"
)
_BARE_STATE = lex.words(
    "down, offline, unavailable, unreachable, broken, at fault, to "
    "blame, unresponsive, unstable, "
    "degraded, dead, flaky, faulty, out of service, slow, overloaded, unreliable, inaccessible"
)
_OBJECT = (
    r"(?:your|our|us|you|the|a|an|all|it|them|its|\d+|one|two|some|every|several|any|half|most|"
    r"outgoing|\w+ing|access|requests|leads|e ?mails|mails|deliver\w+|"
    r"accounts?|twelve|many|too|off|"
    r"back|up|without|everything)"
)
_NEEDS_OBJECT = r"(?:paused|delayed|limited|disabled|disconnected|restricted|interrupted|closed)"
_HARM = rf"(?!{_NEEDS_OBJECT} (?!{_OBJECT} )){lex.HARM}"
_NOUN = (
    rf"{lex.NOUN} (?!(?:logs?|handling|tracker|pages?|history|alerts?|codes?|rates?|messages?) )"
)
_INSIDE = (
    r"(?:(?!(?:;|:|\.|,|we|our|your|you|but|so|because|with|from|to|for|"
    r"after|before|when|if|VEN) )\S+ )"
)
_SENDS = (
    r"(?:send\w*|sent|deliver\w*|return\w*|g[ai]v\w+|serv\w+|suppl\w+|"
    r"provid\w+|count\w*|import\w*|s[oe]l[dl]s?|hand\w*|pass\w*|feeds?|"
    r"fed|"
    r"record\w*|calculat\w*|produc\w+|report\w*|wr[io]te\w*|show\w*|"
    r"respond\w*|answer\w*|display\w*|(?!received )\w{3,}ed)"
)
_WHEN = (
    r"(?:(?:this|last|yesterday|today|on|\w+day|morning|night|week|"
    r"afternoon|evening|TIM|DAT|earlier|"
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
    r"be back|sort\w*|gets? \w+ (?:\w+ )?(?:fixed|back|working|running)|"
    r"bring\w* \w+ back|patch\w*|"
    r"lifts?|unblock\w*|unlock\w*|reinstat\w*|is (?:fixed|repaired|up|"
    r"available|online|working)|mend\w*|(?:gets?|ups?) (?:its|their) "
    r"(?:act|game|house)|wakes? up)"
)
_BROAD = lex.words(
    "mistakes?, mistakenly, by accident, accidentally, errors?, "
    "errone\\w+, wrong, wrongly, faults?, faulty, "
    "fail\\w*, blam\\w+, responsib\\w+, unable, worse, worst, without "
    "(?:any )?(?:warning|notice|asking|telling|informing|reason), "
    "unannounced, unexpectedly, too (?:slow|late|long), problems?, "
    "refus\\w+, crash\\w*, broke\\w*, outages?, defects?, "
    "mess, guilty, apolog\\w+, unavailab\\w+, unreliab\\w+, "
    "negligen\\w+, careless\\w*, incorrect\\w*, from under us, "
    "offline, downtime, bugs?, disaster, let\\w* (?:us|you) down, too "
    "\\w+, unanswered, overload\\w*, expire\\w*, late, unstable, "
    "slow\\w*, unresponsive"
)
_CAUSE_NOUN = (
    r"(?:cause|reason|culprit|source|origin|fault|blame|responsibility|"
    r"problem|issue|error|trouble|"
    r"failure|guilt|mistake|bug|delay|outage|glitch|interruption|disruption|defect|explanation)s?"
)
_LIES = (
    r"(?:is|was|are|lies|lay|sits|sat|rests?|comes?|came|originat\w+|belongs?|stems?|stemmed|"
    r"start\w+|happen\w+|occurr\w+|:|falls?|came down|goes|went|began|arose|—)"
)


class Pattern(NamedTuple):
    regex: re.Pattern[str]
    is_predicate: bool = False
    is_denial: bool = False


def _predicate(text: str, *, is_denial: bool = False) -> Pattern:
    return Pattern(re.compile(_SUBJECT + text), is_predicate=True, is_denial=is_denial)


def _phrase(text: str, *, is_denial: bool = False) -> Pattern:
    return Pattern(re.compile("(?<= )" + text), is_denial=is_denial)


FAULTS = (
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
    _predicate(
        rf"{_GAP}{{0,4}}?{_SENDS} (?:(?!(?:,|;|:|\.|we|from|because|after|"
        rf"that) )\S+ ){{0,5}}?{lex.BAD} "
    ),
    _predicate(rf"(?:{_ACTIVE}){{0,3}}?{_NOUN}"),
    _predicate(rf"(?:(?!(?:the|a|an|our|your) )\w+ )?{lex.ADJECTIVE} "),
    _predicate(
        rf"{_GAP}{{0,4}}?(?:must|ha(?:s|ve) to|needs? to|should|working to|"
        r"trying to|promised to|will|"
        rf"working on|to) (?:\w+ )?{_MEND} "
    ),
    _predicate(
        rf"(?:related|side|wide|based) (?:\w+ ){{0,2}}?{_NOUN}|(?:induced|"
        r"caused|inflicted) "
    ),
    _phrase(
        rf"(?:{lex.NOUN}|wrong|broke\w*|failed|crashed|fell over|down) "
        rf"{_WHEN}{{0,4}}?{_MADE}{{0,2}}?"
        rf"{_PLACE} {_ARTICLE}?(?:\w+ (?={_PARTS}))?{_PARTS}?VEN "
    ),
    _phrase(rf"{lex.ADJECTIVE} (?:{lex.INFRA} (?:at|of|from|in|behind) {_ARTICLE}?)?VEN "),
    _phrase(
        rf"{lex.ADJECTIVE} (?:\w+ ){{1,3}}?(?:from|supplied by|sent by|"
        rf"delivered by) {_ARTICLE}?VEN "
    ),
    _phrase(rf"{lex.CAUSE} {_ARTICLE}?(?:(?!(?:our|your|own|we) )\w+ )?VEN "),
    _phrase(
        rf"{lex.CAUSE} {_ARTICLE}?(?:(?!(?:our|your|own|we) )\w+ "
        rf"){{0,2}}?(?:{_CHANGE}|{lex.INFRA}|{lex.NOUN}) "
        rf"(?:made |introduced )?(?:at|in|with|of|by|on|from|inside) {_ARTICLE}?VEN "
    ),
    _phrase(
        rf"{lex.HARMED} (?:(?!(?:,|;|:|\.|we|because) )\S+ ){{0,4}}?by "
        rf"{_ARTICLE}?(?:\w+ )?VEN "
    ),
    _phrase(
        r"(?:what|who|that|which|whoever|ones?|part|thing|system|tool|"
        r"service|culprit|party) (?:\w+ ){0,4}?"
        rf"(?:{lex.FALTER}|{lex.HARM}|{lex.STATE}) (?:\w+ ){{0,4}}?(?:is|was|are|were|:) "
        rf"(?:{lex.ADVERBS} )?(?:at |with |in )?{_ARTICLE}?VEN "
    ),
    _phrase(
        r"(?:responsible|to blame|at fault|guilty|down|down again|broken|"
        r"offline|failed) (?:for (?:\w+ ){1,3})?"
        rf"(?:is|was|are|:|—) {_ARTICLE}?VEN "
    ),
    _phrase(
        rf"{_CAUSE_NOUN} (?:(?:of|for|behind) (?:(?!(?:our|we|is|was) )\w+ "
        rf"){{1,4}}?)?(?:{lex.ADVERBS} |entirely |squarely )?{_LIES} "
        rf"(?:(?:{lex.ADVERBS}|to be|found|entirely) ){{0,2}}?"
        r"(?:(?:with|at|in|on|from|inside|to|by|down to|outside us at) "
        rf")?{_ARTICLE}?{_PARTS}?VEN "
    ),
    _phrase(
        r"(?:wait\w*|ask\w*|need\w*|expect\w*|hop\w+|rel(?:y|ies|ying)|"
        r"depend\w*|until|once|up to|requires?|want|soon as) "
        rf"(?:(?!with )\w+ ){{0,3}}?VEN (?:(?!(?:,|;|we) )\S+ ){{0,4}}?{_MEND} ",
        is_denial=True,
    ),
    _phrase(
        r"(?:no|little|without) (?:\w+ )?(?:sign of life|signs? of \w+|"
        r"signal|word|events?|confirmation|explanation|answer|response|"
        rf"reply|reaction|help|warning|notice|data) from {_ARTICLE}?VEN "
    ),
    _phrase(rf"(?:neither|nor) VEN (?:nor VEN )?(?:\w+ )?{lex.CAPABLE} "),
    _phrase(rf"(?:neither|nor) VEN nor VEN (?:{lex.BE} )?(?:\w+ )?{lex.CAPABLE} "),
    _phrase(
        rf"(?:VEN|{lex.NOUN}|it|this|that) (?:\S+ ){{0,8}}?(?:on|at|from|to) "
        r"VEN 's (?:side|end|part) "
    ),
    _phrase(
        r"(?:on|at|from) VEN (?:'s )?(?:side|end|part) (?:\S+ "
        rf"){{0,6}}?(?:{lex.NOUN}|{lex.FALTER}|{lex.STATE}) "
    ),
    _phrase(
        r"(?:had VEN|if VEN had) (?:been (?:more|better|\w+ enough)|"
        r"(?:tested|warned|told|checked|acted|informed|reacted|answered)) "
    ),
    _phrase(
        r"(?:worked|held|responded|ran|fine|well|correctly|ok|correct|right|"
        r"good|clean|healthy) (?:\S+ ){0,4}?VEN (?:'s )?(?:did|was|has|"
        r"could|were) not (?=[.,;!])",
        is_denial=True,
    ),
    _predicate(
        rf"{_GAP}{{0,2}}?(?:(?!(?:,|;|:|\.|we|our|your) )\S+ "
        r"){0,5}?(?:because of|due to) (?:a|an|its|their|some|internal) "
        rf"(?:(?!our )\w+ )?{_NOUN}(?!(?:in|on|of|with) (?:our|ours|your) )"
    ),
    _phrase(
        r"(?:vanish\w*|disappear\w*|got lost|lost|went missing|stuck|"
        rf"hanging) (?:\w+ )?(?:inside|within|in|at|by) {_ARTICLE}?VEN "
    ),
    _phrase(
        rf"(?:{lex.ADJECTIVE}|guilty|offending|responsible) (?:\w+ "
        r")?(?:component|part|piece|system|service|link|side|one|tool|party|"
        rf"culprit|element|dependency) (?:is|was|:) {_ARTICLE}?VEN "
    ),
    _phrase(
        r"(?:no|not|none|never) (?:\S+ ){1,6}?(?:;|,|—|but|, but) VEN "
        r"(?:did|was|is|has|were|do) (?=[.,;!])",
        is_denial=True,
    ),
    _phrase(
        r"(?:(?<=^ )|(?<=[,;:—(] )|(?<= (?:and|but) )|(?<= that )|(?<= "
        r"because )|(?<= when )|(?<= while )|(?<= since )|(?<= as ))"
        rf"(?:{lex.ADVERBS} |, )?{_ARTICLE}?VEN (?:'s )?(?:(?!(?:,|;|:|\.|—|"
        r"we|because|but|so|if|when|once|after|before) )\S+ "
        rf"){{0,9}}?{_BROAD} "
    ),
    _predicate(
        rf"{_GAP}{{0,3}}?(?:decided|chose|opted|managed|happened|thought|saw|"
        r"had the nerve|found it) (?:not |fit |right )?to \w+ "
    ),
    _predicate(
        rf"{_GAP}{{0,3}}?(?:sen[dt]s?|deliver\w*|return\w*|g[ai]ve\w*|"
        r"provid\w*|forward\w*|transmit\w*|pass\w* on|record\w*|process\w*|"
        r"answer\w*|has|had) (?:us |you )?"
        rf"(?:no|nothing|none|zero|not a single) (?!(?:\w+ )?(?:{lex.NOUN}|"
        r"duplicates?|effect|impact|influence|part|changes?|access|more) )",
        is_denial=True,
    ),
    _phrase(
        r"VEN 's (?:\w+ )?(?:fix|repair|recovery|apology|rollback|patch|"
        r"repairs|hotfix|admission|confession|statement of fault) "
    ),
    _phrase(rf"(?:since|after) {_ARTICLE}?VEN 's (?:\w+ )?(?:{_CHANGE}|{lex.NOUN}) "),
    _phrase(rf"{lex.HARMED} (?:\w+ )?(?:at|inside|within) {_ARTICLE}?VEN "),
    _phrase(rf"trac\w+ (?:\S+ ){{0,4}}?(?:back |down )?to {_ARTICLE}?VEN "),
    _phrase(
        r"(?:points?|pointed|pointing|leads|led|goes) (?:straight |back |"
        rf"directly )*(?:at|to) {_ARTICLE}?VEN (?=[.,;!:])"
    ),
    _phrase(
        r"(?:because|since|as|after|when) VEN (?:(?:has|had|have|suddenly|"
        r"again|\w+ly) )*(?:updated|changed|upgraded|"
        r"migrated|moved|deployed|released|switched|replaced|altered|"
        r"introduced|tightened|raised|reset|rebooted) "
    ),
    _phrase(
        rf"from {_ARTICLE}?VEN (?:{lex.BE}|came|arrived|contained|had|has|"
        r"have) (?:\w+ ){0,2}?(?:wrong|incorrect|outdated|"
        r"old|incomplete|invalid|stale|bad|garbled|broken|corrupt(?:ed)?|"
        r"faulty|useless|errors?|mistakes?|late|empty) "
    ),
    _phrase(rf"VEN (?:(?!(?:we|our|,|;) )\S+ ){{1,6}}?after (?:\w+ly )?{lex.HARMING} "),
    _phrase(r"blam(?:e|ing|ed) (?:\w+ ){0,3}?VEN "),
)

#: What only a vendor does, not a record or a sync that "it" or "they" may stand for.
_VENDORS_STATE = lex.words(
    "down, offline, unavailable, unreachable, unstable, unreliable, flaky, overloaded, "
    "unresponsive, at fault, to blame, responsible, the culprit, inaccessible, faulty, degraded, "
    "out of service, having"
)
_VENDORS_NOUN = lex.words(
    "outages?, downtime, incidents?, disruptions?, breakdowns?, problems?, difficult\\w+, bugs?, "
    "troubles?, glitch\\w*, interruptions?, mistakes?, crash\\w*, "
    "faults?, power \\w+, failures?, "
    "issues?, hiccups?, instability"
)
_VENDORS_FALTER = lex.words(
    "crash\\w*, (?:went|gone|go|goes|going) (?:down|dark|offline|silent|under), let us down, "
    "tim\\w+ out, collapsed, malfunction\\w*, dropped the ball, overran, messed up, screwed up, "
    "made an? (?:\\w+ )?(?:mistake|error), apologi[sz]ed, admitted"
)


def _strong(text: str) -> Pattern:
    start = rf"(?<= )VEN (?:'s )?(?:(?!{_STOP} )\S+ ){{0,5}}?"
    return Pattern(re.compile(start + text), is_predicate=True)


_STRONG_FAULTS = (
    _strong(rf"{_LINKS} {_SOME}{{0,4}}?{_VENDORS_STATE} "),
    _strong(rf"{lex.HAVING} {_INSIDE}{{0,5}}?{_VENDORS_NOUN} "),
    _strong(rf"{_VENDORS_FALTER} "),
    _strong(
        r"(?<! is )(?<! are )(?<! was )(?<! were )(?<! been )(?<! be "
        rf"){_HARM} (?={_OBJECT} )"
    ),
    _strong(rf"{lex.HARMING} (?={_OBJECT} )"),
    _strong(
        r"(?:sent|delivered|returned|gave|give|send|deliver|return|sold|provided) "
        rf"(?:\w+ ){{0,3}}?{lex.BAD} "
    ),
)
_STRONG_NEGATIONS = (
    _predicate(
        rf"{_GAP}{{0,4}}?not (?:\w+ly |been )?(?:respond\w*|accept\w*|"
        r"answer\w*|deliver\w*|available|reachable|stable|online|process\w*|"
        r"react\w*|be reached) ",
        is_denial=True,
    ),
)
STRONG_FAULTS = (*_STRONG_FAULTS, *_STRONG_NEGATIONS)

#: Blame that names nobody: "through no fault of ours".
INDIRECT = re.compile(
    r"(?<= )(?:no fault of (?:ours|our own|us)|(?:outside|beyond) (?:of "
    r")?our (?:\w+ )?(?:control|hands|influence|power|reach|"
    r"responsibility|scope)"
    r"|out of our (?:hands|control)|not (?:within|in|under) our (?:\w+ )?(?:control|hands|power)"
    r"|not (?:\w+ ){0,2}?(?:on|at|from) our (?:side|end|part)"
    r"|not (?:\w+ )?our (?:\w+ )?(?:fault|mistake|doing|error|bug|problem|responsibility)"
    r"|(?:none|nothing) (?:of|to do with) our(?:s| doing| side| end| "
    r"\w+)|nothing to do with us|nothing (?:that )?we (?:did|could "
    r"have)"
    r"|nothing (?:is |was )?wrong (?:on|at|with) our (?:side|end|systems?|code)"
    r"|(?:we|our (?:\w+ )?(?:team|side|systems?|code)) (?:(?:are|were|"
    r"is|was) not (?:\w+ )?(?:to blame|at fault|responsible|the cause|"
    r"the ones?)|(?:can|did|have) not (?:be blamed|be held|caused? "
    r"(?:it|this|that)))"
    r"|not (?:\w+ )?(?:caused|triggered|broken) by (?:us|our|anything (?:we|on our))"
    r"|not (?:\w+ )?(?:due|down) to (?:us|anything (?:we|on our))"
    r"|not (?:a |an )?(?:\w+ )?(?:problem|error|issue|fault|mistake|"
    r"bug) (?:of ours|on our (?:side|end|part))"
    r"|(?:fault|problem|error|cause|blame|mistake|failure|issue) (?:\w+ "
    r"){0,2}?(?:lies|lay|is|was|originated|happened|occurred|came from|"
    r"started) (?:\w+ )?(?:elsewhere|externally|outside (?:of )?(?:our|"
    r"us|leadspanther)\b[\w ]{0,24})"
    r"|(?:on|at) (?:the other|another|some(?:one|body) else 's) (?:side|"
    r"end)|external (?:factors?|circumstances|causes?|reasons?|events?)"
    r"|force majeure|some(?:one|body) else 's (?:fault|mistake|error|"
    r"problem|side|end|systems?|servers?|bug)|our hands (?:are|were) "
    r"tied|we did nothing wrong"
    r"|everything (?:is |was )?(?:\w+ )?(?:fine|ok|okay|working|right|"
    r"good|correct|healthy|running) (?:\w+ ){0,2}?(?:on|at) our (?:side|"
    r"end)"
    r"|(?:fault|faults|problem|problems|issue|issues|error|errors|bug|"
    r"trouble|wrong|mistake|outage|cause|failure|failed|broke|down|is|"
    r"was|lies) (?:\w+ ){0,3}?(?:on|at) their (?:side|end|part))(?= )"
)
