"""Times in words: lengths, points, and whether they lie ahead."""

import re

from notifications.wording.lexicon import words

UNIT = (
    r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|"
    r"months?|moments?|nights?|evenings?|mornings?|weekends?|jiffy|"
    r"instant|tick|blink)"
)
_WORKING = r"(?:working |business |short |full |more |further |good |extra |additional |odd )"
NUMBER = (
    r"(?:\d+(?: to \d+| or \d+| — \d+)?|an?|one|two|three|four|five|six|"
    r"seven|eight|nine|ten|twelve|"
    r"fifteen|twenty|thirty|forty|forty five|forty eight|sixty|ninety|a "
    r"few|a couple(?: of)?|couple(?: of)?|few|"
    r"several|half an?|half a|the|the next|this|another|an hour or|one "
    r"or|two or|two to|three to|a quarter of an|a day or|a matter of|"
    r"a handful of|next|no)"
)
LENGTH = rf"(?:{NUMBER} ){{1,3}}{_WORKING}{{0,2}}{UNIT}"
_ABOUT = (
    r"(?:(?:about|around|roughly|approximately|approx\.|less than|under|"
    r"another|no more than|at most|at the most|just|only|max|maximum|"
    r"more than|the next|well|as little as|at latest|at the latest|some|"
    r"maybe|perhaps|likely|probably|say|circa|shortly) )"
)
_ZONE = (
    r"(?: (?:cet|cest|gmt|utc|bst|est|edt|pst|pdt|london time|your time|"
    r"local time|o'clock|o clock|sharp))?"
)
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|"
    r"october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|"
    r"nov|dec)"
)
DATE = (
    rf"(?:(?:the )?\d+(?:st|nd|rd|th)?(?: of)? {_MONTH}|{_MONTH} (?:the "
    r")?\d+(?:st|nd|rd|th)?|DAT|the \d+(?:st|nd|rd|th))"
)
_PART = r"(?:morning|afternoon|evening|night|noon|lunch|lunchtime|week|weekend|month|midday)"
POINT = (
    rf"(?:TIM{_ZONE}|\d+ o 's? ?clock|\d+ o'clock|\d+ oclock|(?:half "
    r"past|quarter past|quarter to) \w+|noon|midday|midnight|"
    r"lunch(?:time| time)?|dinner|breakfast|teatime|dawn|sunrise|sunset|"
    r"nightfall|"
    r"(?:the )?(?:close|end|start|middle|beginning|top) of (?:the |this "
    r"|your |our |next |play|today 's )?(?:\w+(?: \w+)?)?|eod|cob|eob|"
    r"eow|close of business|"
    rf"then|now|tomorrow(?: {_PART})?|tonight|today|\d+ h|the latest|"
    rf"{DATE}|(?:the |this |next |early |late |mid |coming |following |"
    rf"on )*{_DAY}(?: {_PART})?|"
    r"(?:the |this |next |mid |early |late |later this |that |your "
    rf")*{_PART}(?: s)?|mid ?day|q[1-4]|which (?:time|point)|that time|"
    rf"\d+(?={_ZONE} )|your (?:next )?(?:\w+ )?(?:campaign|shift|meeting|"
    r"call|launch))"
)
_BY = (
    r"(?:by|before|until|till|no later than|not later than|not after|"
    r"come|ahead of|in time for|as early as|as soon as(?= (?:TIM|"
    r"tomorrow|monday|tonight))|from|starting|as of|latest|after|around|"
    r"towards)"
)
#: Times that lie ahead whatever the tense.
AHEAD = (
    rf"(?:{_BY} {_ABOUT}{{0,2}}{POINT}|in \d+(?= [.,!?;])|(?:within|inside|in under|in less "
    rf"than) {_ABOUT}{{0,2}}(?:{LENGTH}|the (?:hour|day|week))"
    rf"|in {_ABOUT}{{0,3}}{LENGTH}(?! (?:before|earlier|ago))|(?:another|"
    r"give (?:us|it|me|them|(?:our|the) \w+)|allow|need|needs|takes?|taking) "
    rf"{_ABOUT}{{0,2}}{LENGTH}"
    rf"|(?:another|only) {LENGTH}|{LENGTH} (?:more|left|away|from now|at "
    r"most|at the most|tops|max|maximum|or so|or less|or sooner|later)|"
    rf"(?:\w+ )more {UNIT}"
    rf"|(?:longer|more|later|less) than {_ABOUT}?(?:{LENGTH}|{POINT})|"
    rf"tomorrow|tonight|later (?:today|tonight|this {_PART}|on)|next "
    rf"(?:{_PART}|{_DAY}|{_MONTH})"
    r"|first thing|overnight|end of (?:the )?(?:day|week|business|"
    r"month)|eod|cob|any (?:minute|moment|second|time now)|momentarily"
    r"|in no time|before (?:you|your|the) \w+(?: \w+)?|in time for \w+|"
    r"by the time|when you (?:wake|arrive|start|get|log|come)"
    r"|(?<!as )(?:very |quite |pretty )?(?:soon|shortly)(?! (?:after|as|"
    r"before))|right away|straight away|imminently|the same day|same "
    rf"day|in a (?:moment|bit|while)|{_BY} (?:the )?{LENGTH}|this "
    r"(?:afternoon|evening|weekend)|(?:within|in) (?:minutes|hours|days|"
    r"moments|seconds)|(?:in|during|over) the course of (?:the|this) "
    r"\w+|during the (?:day|night|evening|afternoon)|over the weekend|"
    r"at some point (?:today|tomorrow))"
)
#: Times that may as well be past.
_AT = (
    r"(?:(?:at|on|around|about|over|during|for|from|after) (?:about |"
    rf"around |exactly |the )?{POINT}|today|this {_PART}|{_DAY}|"
    rf"TIM{_ZONE}|{DATE})"
)
_PAST_VERBS = words(
    "stopped, failed, lost, found, reported, received, sent, started, "
    "began, broke, missed, happened, "
    "occurred, created, made, went, came, since, between, last(?= "
    "\\w+day| week| month| night), changed, noticed, detected, "
    "identified, saw, arrived, expired, appeared, disappeared, "
    "released, told you, wrote, crashed, "
    "(?<!is )(?<!are )(?<!be )(?<!fix )(?<!repair )(?<!solution "
    ")(?<!release )(?:planned|scheduled|booked) for, dated, every, "
    "each, old, affected, ran, left, entered"
)
TIME_AHEAD = re.compile(
    rf"(?<= ){AHEAD}(?= )|^ (?:(?:just|only|about|maybe|roughly|some) )?{LENGTH} (?:[.,!] )?$"
)
TIME_AT = re.compile(rf"(?<= ){_AT}(?= )")
ANY_TIME = re.compile(rf"(?<= )(?:{AHEAD}|{_AT}|{LENGTH})(?= )")
PAST_TIME = re.compile(
    rf"(?<= ){_PAST_VERBS} (?:(?:you|us|it|them|here|down|again|early|"
    rf"late|around) )?(?:{_AT}|{AHEAD}|{POINT}|{LENGTH})(?= )"
    rf"|(?<= )(?:{_DAY}|yesterday|today) 's \w+(?= )|(?<= )(?<!scheduled "
    r")(?<!planned )(?<!expected )(?<!set )(?<!track )(?<!due "
    r")(?<!aiming )for (?!\w+ more )(?:the )?(?:next |last "
    rf")?(?:{LENGTH}|{POINT})(?= )|(?<= )(?<!as )(?<!end )(?<!close )of (?:yesterday|today|"
    rf"{_DAY}|TIM)(?= )"
    rf"|(?<= )from TIM{_ZONE} to TIM{_ZONE}(?= )|(?<= )every {LENGTH}(?= "
    r")|(?<= )in the (?:past|last|meantime|end|morning of)(?: \w+)*"
)
