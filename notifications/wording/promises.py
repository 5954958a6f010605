"""Promises: a commitment to a fix time outside the next update (rule M5).

1. A sentence is cut into clauses; each is asked for a time, a repair and a future.
2. A time alone belongs to its neighbour: "By 6pm | you'll be sending again".
3. Next updates, requests to the client, what is past and what is denied pass.
"""

import re
from typing import NamedTuple

from notifications.wording.lexicon import words
from notifications.wording.sentences import Sentence

_CUT = re.compile(
    r" (?:;|:|—|,|\(|\)|and|but|so|(?<!by )(?<!until )(?<!before )then|because|while|although|though|until we|once|(?<!by )which|or) (?!then )"
)
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?|moments?|nights?|evenings?|mornings?|weekends?|jiffy|instant|tick|blink)"
_WORKING = r"(?:working |business |short |full |more |further |good |extra |additional |odd )"
_NUMBER = (
    r"(?:\d+(?: to \d+| or \d+| — \d+)?|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|"
    r"fifteen|twenty|thirty|forty|forty five|forty eight|sixty|ninety|a few|a couple(?: of)?|couple(?: of)?|few|"
    r"several|half an?|half a|the|the next|this|another|an hour or|one or|two or|two to|three to|a quarter of an|a day or|a matter of|"
    r"a handful of|next|no)"
)
_LENGTH = rf"(?:{_NUMBER} ){{1,3}}{_WORKING}{{0,2}}{_UNIT}"
_ABOUT = r"(?:(?:about|around|roughly|approximately|approx\.|less than|under|another|no more than|at most|at the most|just|only|max|maximum|more than|the next|well|as little as|at latest|at the latest|some|maybe|perhaps|likely|probably|say|circa|shortly) )"
_ZONE = r"(?: (?:cet|cest|gmt|utc|bst|est|edt|pst|pdt|london time|your time|local time|o'clock|o clock|sharp))?"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
_DATE = rf"(?:(?:the )?\d+(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} (?:the )?\d+(?:st|nd|rd|th)?|DAT|the \d+(?:st|nd|rd|th))"
_PART = r"(?:morning|afternoon|evening|night|noon|lunch|lunchtime|week|weekend|month|midday)"
_POINT = (
    rf"(?:TIM{_ZONE}|\d+ o 's? ?clock|\d+ o'clock|\d+ oclock|(?:half past|quarter past|quarter to) \w+|noon|midday|midnight|lunch(?:time| time)?|dinner|breakfast|teatime|dawn|sunrise|sunset|nightfall|"
    rf"(?:the )?(?:close|end|start|middle|beginning|top) of (?:the |this |your |our |next |play|today 's )?(?:\w+(?: \w+)?)?|eod|cob|eob|eow|close of business|"
    rf"then|now|tomorrow(?: {_PART})?|tonight|today|\d+ h|the latest|{_DATE}|(?:the |this |next |early |late |mid |coming |following |on )*{_DAY}(?: {_PART})?|"
    rf"(?:the |this |next |mid |early |late |later this |that |your )*{_PART}(?: s)?|mid ?day|q[1-4]|which (?:time|point)|that time|\d+(?={_ZONE} )|your (?:next )?(?:\w+ )?(?:campaign|shift|meeting|call|launch))"
)
_BY = r"(?:by|before|until|till|no later than|not later than|not after|come|ahead of|in time for|as early as|as soon as(?= (?:TIM|tomorrow|monday|tonight))|from|starting|as of|latest|after|around|towards)"
#: Times that lie ahead whatever the tense.
_AHEAD = (
    rf"(?:{_BY} {_ABOUT}{{0,2}}{_POINT}|(?:within|inside|in under|in less than) {_ABOUT}{{0,2}}(?:{_LENGTH}|the (?:hour|day|week))"
    rf"|in {_ABOUT}{{0,3}}{_LENGTH}(?! (?:before|earlier|ago))|(?:another|give us|give it|allow|need|needs|takes?|taking) {_ABOUT}{{0,2}}{_LENGTH}"
    rf"|(?:another|only) {_LENGTH}|{_LENGTH} (?:more|left|away|from now|at most|at the most|tops|max|maximum|or so|or less|or sooner|later)|(?:\w+ )more {_UNIT}"
    rf"|(?:longer|more|later|less) than {_ABOUT}?(?:{_LENGTH}|{_POINT})|tomorrow|tonight|later (?:today|tonight|this {_PART}|on)|next (?:{_PART}|{_DAY}|{_MONTH})"
    rf"|first thing|overnight|end of (?:the )?(?:day|week|business|month)|eod|cob|any (?:minute|moment|second|time now)|momentarily"
    rf"|in no time|before (?:you|your|the) \w+(?: \w+)?|in time for \w+|by the time|when you (?:wake|arrive|start|get|log|come)"
    rf"|(?<!as )(?:very |quite |pretty )?(?:soon|shortly)(?! (?:after|as|before))|right away|straight away|imminently|the same day|same day|in a (?:moment|bit|while)|{_BY} (?:the )?{_LENGTH}|this (?:afternoon|evening|weekend)|(?:within|in) (?:minutes|hours|days|moments|seconds)|(?:in|during|over) the course of (?:the|this) \w+|during the (?:day|night|evening|afternoon)|over the weekend|at some point (?:today|tomorrow))"
)
#: Times that may as well be past.
_AT = rf"(?:(?:at|on|around|about|over|during|for|from|after) (?:about |around |exactly |the )?{_POINT}|today|this {_PART}|{_DAY}|TIM{_ZONE}|{_DATE})"
_PAST_VERBS = words(
    "stopped, failed, lost, found, reported, received, sent, started, began, broke, missed, happened, "
    "occurred, created, made, went, came, since, between, last(?= \\w+day| week| month| night), changed, noticed, detected, "
    "identified, saw, arrived, expired, appeared, disappeared, released, told you, wrote, crashed, "
    "(?<!is )(?<!are )(?<!be )(?<!fix )(?<!repair )(?<!solution )(?<!release )(?:planned|scheduled|booked) for, dated, every, each, old, affected, ran, left, entered"
)
_TIME_AHEAD = re.compile(rf"(?<= ){_AHEAD}(?= )")
_TIME_AT = re.compile(rf"(?<= ){_AT}(?= )")
_PAST_TIME = re.compile(
    rf"(?<= ){_PAST_VERBS} (?:(?:you|us|it|them|here|down|again|early|late|around) )?(?:{_AT}|{_AHEAD}|{_POINT}|{_LENGTH})(?= )"
    rf"|(?<= )(?:{_DAY}|yesterday|today) 's \w+(?= )|(?<= )(?<!scheduled )(?<!planned )(?<!expected )(?<!set )(?<!track )(?<!due )(?<!aiming )for (?!\w+ more )(?:the )?(?:next |last )?(?:{_LENGTH}|{_POINT})(?= )|(?<= )(?<!as )of (?:yesterday|today|{_DAY}|TIM)(?= )"
    rf"|(?<= )from TIM{_ZONE} to TIM{_ZONE}(?= )|(?<= )every {_LENGTH}(?= )|(?<= )in the (?:past|last|meantime|end|morning of)(?: \w+)*"
)

#: "We have scheduled the fix for tonight."
_FOR_WHEN = re.compile(
    r" (?:schedul|plan|aim|book|target|earmark|pencil)\w+ (?:\w+ )?(?:fix|repair|resolution|solution|recovery|restart|release|patch) (?:for|on|in|at|by) "
)

_STRONG = words(
    "fix(?:es|ed|ing)?, bug ?fix, hot ?fix, resolv(?:e|es|ed|ing), resolution, repair(?:s|ed|ing)?, "
    "solv(?:e|es|ed|ing), solution, restor(?:e|es|ed|ing), restoration, recover(?:s|ed|y|ing)?, sort(?:ed|ing)?(?: out)?, "
    "back(?! to you| to us), up and running, \\w+ing again, \\w+ again, again, "
    "normal(?:ly)?(?: service| operations?)?, full service, full speed, business as usual, working, operational, corrected?, "
    "backfill(?:s|ed|ing)?, patch(?:es|ed|ing)?, clean(?:s|ed|ing)? up, cleared, caught up, catch up, "
    "put right, right again, rectif(?:y|ied), remed(?:y|ied), iron(?:ed)? out, dealt with, deal with this, tak(?:e|en) care of, "
    "under control, reconnect(?:s|ed|ing)?, reactivat(?:e|es|ed|ion|ing), resum(?:e|es|ed|ing|ption), restart(?:s|ed|ing)?, "
    "unpaus(?:e|ed), switch(?:ed)? \\w+ \\w+ back on, good to go, all good, good as new, ship ?shape, functional, functioning, "
    "re ?enabled?, re ?instated?, healed, cured, mended?, unblock(?:ed)?, everything works?, over, history, "
    "(?:outage|interruption|pause|delay|downtime|problem|issue|disruption|trouble) (?:will |should |to )?(?:last|lasts|end|ends|be over|be gone|clear), "
    "be long, take long, be quick, be a quick fix, root cause, error free, trouble free, gone, behind us, no longer, replayed?, re ?processed?, re ?sent, re ?imported?, re ?synced?"
)
_WEAK = words(
    "done, live, finish(?:ed|es)?, completed?, completes, ready, out, land(?:s|ed)?, deploy(?:s|ed)?, "
    "ship(?:s|ped)?, roll(?:s|ed)? out, released?, in place, available, online, up, running, flowing, "
    "sending, arriv(?:e|es|ing), return(?:s|ed)?, show, stable, active, in production, "
    "closed, reachable, usable, accessible, healthy, green, (?:right|correct|accurate|complete) \\w+, "
    "able to \\w+, missing, remaining, wrapped up, works?, run, flow, update, sync(?:s|ed|ing)?, "
    "follows?, removed, merged, deleted, imported, replaced, renewed, re\\w{3,}ed, good, well, fine, okay, ok, use (?:it|your|the), quiet, smooth(?:ly)?, at full \\w+, 100 %?, in order, through, migrated, goes out, go out, delivered, there"
)
_SERVICE = re.compile(
    r" (?:fix|repair|issue|problem|workaround|sync|sending|outreach|automations?|leads|records|contacts|"
    r"import|export|dashboard|reporting|service|systems?|everything|it|this|that|all|pipeline|connection|integration|"
    r"backfill|patch|solution|mails?|e ?mails?|enrichment|forms?|SYS|VEN|we|you|bounces?|queue|delivery|crm|data|"
    r"numbers?|reports?|workflows?|sequence|messages?|replies|drafts?|rest|last part|change|missing|remaining|they|work|migration|account|page|app|bot|tool) "
)
_SCHEDULED = re.compile(
    r" (?:newsletter|invoice|meeting|call|review|webinar|training|digest|summary|postmortem|post mortem|"
    r"analysis|measures?|alerts?|checks?|monitoring|policy|playbook|second pair|document|as planned|as scheduled|"
    r"as usual|maintenance|workshop|new \w+ (?:alert|check)|weekly report|monthly report|office|colleague|holiday|vacation|entry|investigation|details) "
)
_REPAIR = re.compile(rf"(?<= ){_STRONG}(?= )")
_WEAK_REPAIR = re.compile(rf"(?<= ){_WEAK}(?= )")
_STARTS_DONE = re.compile(rf"^ (?:all )?{_WEAK} (?:by|in|within|before|until|tomorrow|tonight) ")
_NO_REPAIR = re.compile(
    r" (?:(?:update|hear|write|check|test|look|try|review|contact|call|speak|ask|report|verify|message|reply|talk|meet|inform|assess|e mail|email)"
    r" (?:\w+ ){0,4}?again|(?:work|working|works|worked) (?:\w+ ){0,2}?(?:on|with|through|hard|around|tonight|overnight)"
    r"|(?:test\w*|check\w*|review\w*|discuss\w*|look\w*|investigat\w+|monitor\w*|watch\w*|observ\w+|prepar\w+|verify\w*|confirm\w*|start\w*|begin\w*|continu\w+|search\w*|explain\w*|describ\w+)"
    r" (?:\w+ ){0,4}?(?:fix\w*|repair\w*|solution|patch|backfill|recovery|resolution|root cause|normal\w*)"
    r"|(?:get|come|go|call|report|write) back (?:to|with)|over (?:the|this|night)|we (?:will|are) (?:be |still |keep )?working|no longer than|once again|roll back|back and forth|from over) "
)
_FUTURE = re.compile(
    r"(?<! was)(?<! were)(?<! had)(?<! been)(?<= )(?:will|shall|going to|gonna|about to|expect(?:s|ed|ing)?|eta|estimat(?:e|es|ed|ing)|should|aim(?:s|ed|ing)?|hop(?:e|es|ing)|"
    r"plan(?:s|ned|ning)?|target(?:s|ed|ing)?|on track|on course|promis(?:e|es|ed|ing)|guarantee(?:s|d)?|count on|rely on|rest assured|bank on|look forward|"
    r"commit(?:ted|ment)?|give us|give it|needs?|takes?|can|due|set to|bound to|certain(?:ly)?|sure|confident|anticipat\w+|looking at|forecast|project(?:ed|ion)|"
    r"likely|allow|assured?|vow|pledge|swear|intend\w*|scheduled|scheduling|within reach|want to|fix time|time to fix|resolution time|repair time|deadline|try(?:ing)? to|working to(?:wards)?|shooting for|striv\w+|gunning for|push\w+ for|head\w+ for|racing to|have your word|our word|finish(?:es)?(?= by)|"
    r"would like|another|only|more|latest|awaiting|foresee|foreseen|must|have to|no doubt|consider it|see you)(?= )"
)
_PRESENT_FINITE = re.compile(
    r"(?<= )(?:lands|goes|ships|arrives|rolls|follows?|comes?|resumes?|returns?|restarts?|kicks|ends|starts|finishes|completes|reopens|begins|flow|works|"
    r"(?:is|are|am) (?:\w+ly )?(?:deploying|releasing|shipping|rolling|restoring|restarting|launching|repairing|finishing|completing|reconnecting|switching|coming|landing|following|on (?:its|their|the) way|going (?:out|live))|gets?|launches|drops|deploys|we (?:fix|repair|restore|resolve|solve|deploy|release|finish|ship|switch|have)|you (?:have|get|can|are))(?= )"
)
_PRESENT_BE = re.compile(
    rf"(?<= )(?:is|are|be|being|am) (?:(?:all|fully|completely|\w+ly|back|being|up) ){{0,3}}?(?:{_STRONG}|{_WEAK})(?= )"
)
_PAST_FINITE = re.compile(
    r" (?:was|were|had|has|have been|have (?:\w+ )?\w+ed|did|took|since|went|came|got|began|found|found|would|ago|already|yesterday|as of|(?:we|team|it|they|sending|sync|service|outreach|you) (?:\w+ )?(?:fixed|restored|resolved|repaired|solved|resumed|returned|recovered|"
    r"finished|deployed|released|corrected|patched|restarted|reconnected|sorted|applied|completed)|resumed|returned|recovered|\w+ed again|(?:began|ran|came|went|got) again) "
)
_ELLIPTIC = re.compile(
    rf"^ (?:(?!(?:we|it|they|he|she|i|team|who|which|to|our|was|were|is|are|has|had) )\S+ ){{0,3}}?"
    rf"(?:{_STRONG}|up|done|live|ready|online|finished|working|running|sorted) (?:\w+ly |up |online |again |to normal |and running |service |in place |time |expected |is |operation )*(?:{_AHEAD}|(?<=back )at TIM|(?<=live )at TIM|(?<=up )at TIM|(?<=online )at TIM|(?<=again )at TIM)(?= )"
)
_JUST_REPAIR = re.compile(
    rf"^ (?:(?:the|full|our|a|expected|estimated|planned|target|time|date|for|of|to|please) )*(?:{_STRONG}|eta|deadline|target)(?: (?:time|date|expected|eta|planned|target|due|service|for|the|of|estimate))* $"
)
_UPDATE = re.compile(
    r" (?:(?:an|another|next|further|our|status|first|more|regular|the|new|your|of) updates?|updates? (?:you|by|at|on|every|to|will|follow)|updating you|updated (?:on|about|by|at)|"
    r"hear (?:\w+ ){0,3}?(?:from|back|more)|hear(?:ing)? from|(?:next|our|another|a|further|short) (?:\w+ )?(?:message|mail|e ?mail|note|report|word|contact|news|call|summary|status|reply|response)|"
    r"(?:write|writing|report|get|come|reach|be|reply|respond|speak|talk|turn|revert|follow up) (?:back |again |out |in touch )?(?:to|with) you|"
    r"let you know|lets? you know|inform|tell you|keep you (?:\w+ )?(?:posted|informed|updated|in the loop)|keep you|in touch|(?:contact|call|ring|phone|message|brief|notify|ping|email|e ?mail|text|alert) you|"
    r"send you (?:an?|another|the|our|more|a full|details)(?! (?:missing|remaining|lost|outstanding))|share (?:\w+ )?(?:more|our|what|the|an|details|news)|news|status update|"
    r"follow up|check in|touch base|(?:more|further) (?:information|details|news)|know more|findings|postmortem|post mortem|status report|progress report|next report|hear how|post (?:an|another|a)|come back to|get back to|report back|where (?:we|things) (?:are|stand)) "
)
_DELIVERS_FIX = re.compile(
    rf" with (?:the |a |an |your |our )?(?:\w+ )?(?:fix|solution|repair(?:ed)?|working|fixed|restored|corrected)(?: \w+)? | that (?:it|this|everything|the \w+) (?:is|will be|has been) (?:{_STRONG}) "
)
_REQUEST = re.compile(
    r" (?:please(?! (?:expect|rest|be|allow|bear|count))|(?:could|can|would|will|did|do|have) you (?!(?:have|be|see|count|expect) )|tell us|let us know|reply to|send us|we need your|need you to|confirm|if you (?:would|want|need|like|prefer)|ask(?:ing)? you|you asked|you need|you (?:must|should|have) to|your (?:reply|answer|approval|confirmation)) "
)
_DENIED = re.compile(
    r" (?:(?:can|could|will|do|did|would|am|are|is|be|may|might|should) not (?:yet |currently |now |be able to |able to |want to |in a position to |going to |reliably |honestly |possibly |have |be )*"
    r"(?:know|say|sure|certain|promise|commit|guarantee|give|tell|predict|estimate|name|confirm|expect|rule|anticipate|foresee|an?(?= eta| estimate| fix)|a (?:fix|time)|clear|"
    rf"{_STRONG}|ready|done|live|finished|complete|completed|in time|possible|make it)|no (?:\w+ )?(?:eta|fix time|estimate|promises?|time frame|timeframe|forecast|guarantee|date|timeline)|too early|unclear|unknown|without (?:a )?(?:promise|promising)|rather than promis\w+|never promise\w*|unable to|cannot|not (?:yet )?(?:an|a) (?:fix|eta|time|date)) "
)
_BOUND = re.compile(
    r" (?:not|never) (?:\w+ ){0,3}?(?:long|longer|more|later|beyond|exceed|past|after|until) "
)
_TAKES = re.compile(
    rf"(?<= )(?:it|this|that|they|(?:the|our|this) (?:\w+ )?(?:work|repair|job|fix|backfill|outage|interruption|issue|problem|rest|recovery|import|resync|downtime|restart|delay)|we(?: are| will| just| only| still)?|everything|all)"
    rf" (?:will |should |would |can |is going to |may )?(?:not )?(?:\w+ly |only |be |just )?(?:takes?|needs?|be|lasts?|is|are|looking at|done in|over in|require|finish\w*) (?:up to |us |about |another |only |around |roughly |some |at most |maybe |no |longer |more |than |a further )*(?:{_LENGTH}|until {_POINT}|{_NUMBER} {_UNIT})(?= )"
    rf"|(?<= )(?:will|should) not (?:\w+ ){{1,5}}?(?:more|longer|later) than (?:{_LENGTH}|{_POINT})(?= )"
)
_HAVE_IT = re.compile(
    r" (?:expect|you will have|you will get|you will see|you have|you can have|you shall have|look for) (?:(?!(?:update|news|message|answer|reply|report|word|mail|e ?mail|summary|our|an|another|details|entry|call|response|information|more) )\w+ ){1,6}"
)
_SHORT = 9
_FEW = 4
_LENIENT_KINDS = frozenset({"resolved", "postmortem"})
_MEASURE_DUE = re.compile(rf"(?<= )\( (?:due )?by {_DATE} \) $")


class _Clause(NamedTuple):
    line: str
    has_time: bool
    is_ahead: bool
    has_repair: bool

    @property
    def is_time_only(self) -> bool:
        return self.has_time and not self.has_repair and len(self.line.split()) <= _SHORT


class PromiseReader:
    """Reads a text's sentences in order; remembers whether the last one spoke of the repair."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._spoke_of_repair = False

    def is_promise(self, sentence: Sentence) -> bool:
        line = sentence.line
        after_repair, self._spoke_of_repair = self._spoke_of_repair, _speaks_of_repair(line)
        if sentence.is_question or (self._kind == "postmortem" and _MEASURE_DUE.search(line)):
            return False
        if not (_TIME_AHEAD.search(line) or _TIME_AT.search(line)):
            return False
        clauses = [_clause(part) for part in _parts(line)]
        return any(
            clause.has_time and self._commits(clauses, position, after_repair=after_repair)
            for position, clause in enumerate(clauses)
        )

    def _commits(self, clauses: list[_Clause], position: int, *, after_repair: bool) -> bool:
        clause = clauses[position]
        if _REQUEST.search(clause.line) or _is_update(clause.line):
            return False
        if clause.has_repair and self._is_promised(clause):
            return True
        if clause.has_repair and self._is_assured(clause, clauses[:position][-1:]):
            return True
        if not _is_denied(clause.line) and (
            _TAKES.search(clause.line) or _HAVE_IT.search(clause.line)
        ):
            return not _SCHEDULED.search(clause.line) and not _PAST_FINITE.search(clause.line)
        if not clause.is_time_only:
            return False
        neighbours = [*clauses[position + 1 : position + 2], *clauses[:position][-1:]]
        if any(self._is_promised(_joined(clause, other)) for other in neighbours if _fits(other)):
            return True
        return (
            after_repair
            and clause.is_ahead
            and len(clauses) == 1
            and not _PAST_FINITE.search(clause.line)
        )

    def _is_assured(self, clause: _Clause, before: list[_Clause]) -> bool:
        """ "Our promise: fixed today": the future stands in a few words before."""
        return any(
            len(other.line.split()) <= _FEW
            and _FUTURE.search(other.line)
            and not other.has_time
            and not _is_update(other.line)
            and self._is_promised(_joined(clause, other))
            for other in before
        )

    def _is_promised(self, clause: _Clause) -> bool:
        """Whether a clause with a repair and a time looks ahead and is not denied."""
        line = clause.line
        if (
            _is_denied(line)
            or _is_update(line)
            or (_SCHEDULED.search(line) and not _is_strong(line))
        ):
            return False
        if _FOR_WHEN.search(line):
            return True
        if _FUTURE.search(line) and not re.search(
            r" (?:would|had|was|were) (?!(?:like|expect|estimate) )", line
        ):
            return True
        if _PAST_FINITE.search(line):
            return False
        if _PRESENT_FINITE.search(line):
            return True
        if clause.is_ahead and _PRESENT_BE.search(line):
            return True
        if self._kind in _LENIENT_KINDS:
            return False
        return bool(_ELLIPTIC.search(line) or (clause.is_ahead and not _has_verb(line)))


def _parts(line: str) -> list[str]:
    parts = (part.strip() for part in _CUT.split(line))
    return [f" {part} " for part in parts if part]


def _clause(line: str) -> _Clause:
    timely = line if _FOR_WHEN.search(line) else _PAST_TIME.sub("...", line)
    ahead = bool(_TIME_AHEAD.search(timely))
    return _Clause(line, ahead or bool(_TIME_AT.search(timely)), ahead, _has_repair(line))


def _has_repair(line: str) -> bool:
    rest = _NO_REPAIR.sub(" ... ", line)
    if _REPAIR.search(rest) or _STARTS_DONE.search(rest):
        return True
    return bool(_WEAK_REPAIR.search(rest) and _SERVICE.search(rest))


def _is_strong(line: str) -> bool:
    return bool(_REPAIR.search(_NO_REPAIR.sub(" ... ", line)))


def _joined(clause: _Clause, other: _Clause) -> _Clause:
    return _Clause(f"{clause.line}{other.line[1:]}", True, clause.is_ahead, other.has_repair)


def _fits(other: _Clause) -> bool:
    """Whether a clause without a time of its own may take its neighbour's."""
    if _REQUEST.search(other.line) or _is_update(other.line) or other.has_time:
        return False
    return other.has_repair or bool(_JUST_REPAIR.search(other.line))


def _is_update(line: str) -> bool:
    return bool(_UPDATE.search(line)) and not _DELIVERS_FIX.search(line)


def _is_denied(line: str) -> bool:
    return bool(_DENIED.search(line)) and not _BOUND.search(line)


def _speaks_of_repair(line: str) -> bool:
    return _has_repair(line) and not _is_update(line) and not _PAST_FINITE.search(line)


def _has_verb(line: str) -> bool:
    return bool(
        re.search(
            r" (?:is|are|was|were|has|have|had|will|can|do|does|did|we|you|they|he|she|i|it|\w+ed|test\w*|keeps?|please|may) ",
            line,
        )
    )
