"""The words of repair, of the future and of the next update, for the promise reader."""

import re

from notifications.wording.lexicon import words
from notifications.wording.times import AHEAD, DATE, LENGTH, NUMBER, POINT, UNIT

#: "We have scheduled the fix for tonight."
FOR_WHEN = re.compile(
    r" (?:schedul|plan|aim|book|target|earmark|pencil)\w+ (?:\w+ "
    r")?(?:fix|repair|resolution|solution|recovery|restart|release|"
    r"patch) (?:for|on|in|at|by) "
)

_STRONG = words(
    "fix(?:es|ed|ing)?, bug ?fix, hot ?fix, resolv(?:e|es|ed|ing), "
    "resolution, repair(?:s|ed|ing)?, "
    "solv(?:e|es|ed|ing), solution, restor(?:e|es|ed|ing), "
    "restoration, recover(?:s|ed|y|ing)?, sort(?:ed|ing)?(?: out)?, "
    "back(?! to you| to us), up and running, \\w+ing again, \\w+ again, again, "
    "normal(?:ly)?(?: service| operations?)?, full service, full "
    "speed, business as usual, working, operational, corrected?, "
    "backfill(?:s|ed|ing)?, patch(?:es|ed|ing)?, clean(?:s|ed|ing)? "
    "up, cleared, caught up, catch up, "
    "put right, right again, rectif(?:y|ied), remed(?:y|ied), "
    "iron(?:ed)? out, dealt with, deal with this, tak(?:e|en) care of, "
    "under control, reconnect(?:s|ed|ing)?, reactivat(?:e|es|ed|ion|"
    "ing), resum(?:e|es|ed|ing|ption), restart(?:s|ed|ing)?, "
    "unpaus(?:e|ed), switch(?:ed)? \\w+ \\w+ back on, good to go, all "
    "good, good as new, ship ?shape, functional, functioning, "
    "re ?enabled?, re ?instated?, healed, cured, mended?, "
    "unblock(?:ed)?, everything works?, over, history, "
    "(?:outage|interruption|pause|delay|downtime|problem|issue|"
    "disruption|trouble) (?:will |should |to )?(?:last|lasts|end|ends|"
    "be over|be gone|clear), "
    "be long, take long, be quick, be a quick fix, root cause, error "
    "free, trouble free, gone, behind us, no longer, replayed?, re "
    "?processed?, re ?sent, re ?imported?, re ?synced?"
)
_WEAK = words(
    "done, live, finish(?:ed|es)?, completed?, completes, ready, out, "
    "land(?:s|ed)?, deploy(?:s|ed)?, "
    "ship(?:s|ped)?, roll(?:s|ed)? out, released?, in place, "
    "available, online, up, running, flowing, "
    "sending, arriv(?:e|es|ing), return(?:s|ed)?, show, stable, active, in production, "
    "closed, reachable, usable, accessible, healthy, green, (?:right|"
    "correct|accurate|complete) \\w+, "
    "able to \\w+, missing, remaining, wrapped up, works?, run, flow, update, sync(?:s|ed|ing)?, "
    "dead, eliminated, squashed, follows?, removed, merged, deleted, "
    "imported, replaced, renewed, "
    "re\\w{3,}ed, good, well, fine, okay, ok, use (?:it|your|the), "
    "quiet, smooth(?:ly)?, at full \\w+, 100 %?, in order, through, "
    "migrated, goes out, go out, delivered, there"
)
SERVICE = re.compile(
    r" (?:fix|repair|issue|problem|bug|workaround|sync|sending|outreach|"
    r"automations?|leads|records|contacts|"
    r"import|export|dashboard|reporting|service|systems?|everything|it|"
    r"this|that|all|pipeline|connection|integration|"
    r"backfill|patch|solution|mails?|e ?mails?|enrichment|forms?|SYS|"
    r"VEN|we|you|bounces?|queue|delivery|crm|data|"
    r"numbers?|reports?|workflows?|sequence|messages?|replies|drafts?|"
    r"rest|last part|change|missing|remaining|they|work|migration|"
    r"account|page|app|bot|tool) "
)
SCHEDULED = re.compile(
    r" (?:newsletter|invoice|meeting|call|review|webinar|training|"
    r"digest|summary|postmortem|post mortem|"
    r"analysis|measures?|alerts?|checks?|monitoring|policy|playbook|"
    r"second pair|document|as planned|as scheduled|"
    r"as usual|maintenance|workshop|new \w+ (?:alert|check)|weekly "
    r"report|monthly report|office|colleague|holiday|vacation|entry|"
    r"investigation|details) "
)
REPAIR = re.compile(rf"(?<= ){_STRONG}(?= )")
WEAK_REPAIR = re.compile(rf"(?<= ){_WEAK}(?= )")
STARTS_DONE = re.compile(rf"^ (?:all )?{_WEAK} (?:by|in|within|before|until|tomorrow|tonight) ")
NO_REPAIR = re.compile(
    r" (?:(?:update|hear|write|check|test|look|try|review|contact|call|"
    r"speak|ask|report|verify|message|reply|talk|meet|inform|assess|e "
    r"mail|email)"
    r" (?:\w+ ){0,4}?again|(?:writ|check|test|look|contact|call|"
    r"report|meet|talk|updat)ing (?:\w+ ){0,3}?again|(?:work|working|works|worked) "
    r"(?:(?:\w+ly|hard|still|now|together) ){0,2}?(?:on|with|through|"
    r"hard|around|tonight|overnight)"
    r"|(?:test\w*|check\w*|review\w*|discuss\w*|look\w*|investigat\w+|"
    r"monitor\w*|watch\w*|observ\w+|prepar\w+|verify\w*|confirm\w*|"
    r"start\w*|begin\w*|continu\w+|search\w*|explain\w*|describ\w+)"
    r" (?:\w+ ){0,4}?(?:fix\w*|repair\w*|solution|patch|backfill|"
    r"recovery|resolution|root cause|normal\w*)"
    r"|(?:get|come|go|call|report|write) back (?:to|with)|over (?:the|"
    r"this|night)|we (?:will|are) (?:be |still |keep )?working|no "
    r"longer than|once again|roll back|back and forth|from over) "
)
FUTURE = re.compile(
    r"(?<! was)(?<! were)(?<! had)(?<! been)(?<= )(?:will|shall|going "
    r"to|gonna|about to|expect(?:s|ed|ing)?|eta|estimat(?:e|es|ed|ing)|"
    r"should|aim(?:s|ed|ing)?|hop(?:e|es|ing)|"
    r"plan(?:s|ned|ning)?|target(?:s|ed|ing)?|on track|on course|"
    r"promis(?:e|es|ed|ing)|guarantee(?:s|d)?|count on|rely on|rest "
    r"assured|bank on|look forward|"
    r"commit(?:ted|ment)?|give us|give it|needs?|takes?|can|due|set to|"
    r"bound to|certain(?:ly)?|sure|confident|anticipat\w+|looking at|"
    r"forecast|project(?:ed|ion)|"
    r"likely|allow|assured?|vow|pledge|swear|intend\w*|scheduled|"
    r"scheduling|within reach|want to|goal|objective|ambition|mission|"
    r"fix time|time to fix|resolution "
    r"time|repair time|deadline|try(?:ing)? to|working to(?:wards)?|"
    r"shooting for|striv\w+|gunning for|push\w+ for|head\w+ for|racing "
    r"to|have your word|our word|finish(?:es)?(?= by)|"
    r"would like|another|only|more|latest|awaiting|foresee|foreseen|"
    r"must|have to|no doubt|consider it|see you)(?= )"
)
PRESENT_FINITE = re.compile(
    r"(?<= )(?:lands|goes|ships|arrives|rolls|follows?|comes?|resumes?|"
    r"returns?|restarts?|kicks|ends|starts|finishes|completes|reopens|"
    r"begins|flow|works|"
    r"(?:is|are|am) (?:\w+ly )?(?:deploying|releasing|shipping|rolling|"
    r"restoring|restarting|launching|repairing|finishing|completing|"
    r"reconnecting|switching|coming|landing|following|on (?:its|their|"
    r"the) way|going (?:out|live))|gets?|launches|drops|deploys|we "
    r"(?:fix|repair|restore|resolve|solve|deploy|release|finish|ship|"
    r"switch|have)|you (?:have|get|can|are))(?= )"
)
PRESENT_BE = re.compile(
    r"(?<= )(?:is|are|be|being|am) (?:(?:all|fully|completely|\w+ly|"
    rf"back|being|up) ){{0,3}}?(?:{_STRONG}|{_WEAK})(?= )"
)
PAST_FINITE = re.compile(
    r" (?:was|were|had|has|have been|have (?:\w+ )?\w+ed|did|took|since|"
    r"went|came|got|began|found|found|would|ago|already|yesterday|as of|"
    r"(?:we|team|it|they|sending|sync|service|outreach|you) (?:\w+ "
    r")?(?:fixed|restored|resolved|repaired|solved|resumed|returned|"
    r"recovered|"
    r"finished|deployed|released|corrected|patched|restarted|"
    r"reconnected|sorted|applied|completed)|resumed|returned|recovered|"
    r"\w+ed again|(?:began|ran|came|went|got) again) "
)
ELLIPTIC = re.compile(
    r"^ (?:(?!(?:we|it|they|he|she|i|team|who|which|to|our|was|were|is|"
    r"are|has|had) )\S+ ){0,3}?"
    rf"(?:{_STRONG}|up|done|live|ready|online|finished|working|running|"
    r"sorted) (?:\w+ly |up |online |again |to normal |and running |"
    rf"service |in place |time |expected |is |operation )*(?:{AHEAD}|"
    r"(?<=back )at TIM|(?<=live )at TIM|(?<=up )at TIM|(?<=online )at "
    r"TIM|(?<=again )at TIM)(?= )"
)
JUST_REPAIR = re.compile(
    r"^ (?:(?:the|full|our|a|expected|estimated|planned|target|time|"
    rf"date|for|of|to|please) )*(?:{_STRONG}|eta|deadline|target)(?: "
    r"(?:time|date|expected|eta|planned|target|due|service|for|the|of|"
    r"estimate))* $"
)
UPDATE = re.compile(
    r" (?:(?:an|another|next|further|our|status|first|more|regular|the|"
    r"new|your|of) updates?|updates? (?:you|by|at|on|every|to|will|"
    r"follow)|updating you|(?:write|writing) again|updated (?:on|about|by|at)|"
    r"hear (?:\w+ ){0,3}?(?:from|back|more)|hear(?:ing)? from|(?:next|"
    r"our|another|a|further|short) (?:\w+ )?(?:message|mail|e ?mail|"
    r"note|report|word|contact|news|call|summary|status|reply|response)|"
    r"(?:write|writing|report|get|come|reach|be|reply|respond|speak|"
    r"talk|turn|revert|follow up) (?:back |again |out |in touch )?(?:to|"
    r"with) you|"
    r"let you know|lets? you know|inform|tell you|keep you (?:\w+ "
    r")?(?:posted|informed|updated|in the loop)|keep you|in touch|"
    r"(?:contact|call|ring|phone|message|brief|notify|ping|email|e "
    r"?mail|text|alert) you|"
    r"send you (?:an?|another|the|our|more|a full|details)(?! "
    r"(?:missing|remaining|lost|outstanding))|share (?:\w+ )?(?:more|"
    r"our|what|the|an|details|news)|news|status update|"
    r"follow up|check in|touch base|(?:more|further) (?:information|"
    r"details|news)|know more|findings|postmortem|post mortem|status "
    r"report|progress report|next report|hear how|post (?:an|another|a)|"
    r"come back to|get back to|report back|where (?:we|things) (?:are|"
    r"stand)) "
)
DELIVERS_FIX = re.compile(
    r" with (?:the |a |an |your |our )?(?:\w+ )?(?:fix|solution|"
    r"repair(?:ed)?|working|fixed|restored|corrected)(?: \w+)? | that "
    r"(?:it|this|everything|the \w+) (?:is|will be|has been) "
    rf"(?:{_STRONG}) "
)
REQUEST = re.compile(
    r" (?:please(?! (?:expect|rest|be|allow|bear|count|give|hang|hold|wait))|(?:could|can|"
    r"would|will|did|do|have) you (?!(?:have|be|see|count|expect) )|"
    r"tell us|let us know|reply to|send us|we need your|need you to|"
    r"confirm|if you (?:would|want|need|like|prefer)|ask(?:ing)? you|"
    r"you asked|you need|you (?:must|should|have) to|your (?:reply|"
    r"answer|approval|confirmation)) "
)
DENIED = re.compile(
    r" (?:(?:can|could|will|do|did|would|am|are|is|be|may|might|should) "
    r"not (?:yet |currently |now |be able to |able to |want to |in a "
    r"position to |going to |reliably |honestly |possibly |have |be )*"
    r"(?:know|say|sure|certain|promise|commit|guarantee|give|tell|"
    r"predict|estimate|name|confirm|expect|rule|anticipate|foresee|"
    r"an?(?= eta| estimate| fix)|a (?:fix|time)|clear|"
    rf"{_STRONG}|ready|done|live|finished|complete|completed|in time|"
    r"possible|make it)|no (?:\w+ )?(?:eta|fix time|estimate|promises?|"
    r"time frame|timeframe|forecast|guarantee|date|timeline)|too early|"
    r"unclear|unknown|without (?:a )?(?:promise|promising)|rather than "
    r"promis\w+|never promise\w*|unable to|cannot|not (?:yet )?(?:an|a) "
    r"(?:fix|eta|time|date)) "
)
BOUND = re.compile(
    r" (?:not|never) (?:\w+ ){0,3}?(?:long|longer|more|later|beyond|exceed|past|after|until) "
)
TAKES = re.compile(
    r"(?<= )(?:it|this|that|they|(?:the|our|this) (?:\w+ )?(?:work|"
    r"repair|job|fix|backfill|outage|interruption|issue|problem|rest|"
    r"recovery|import|resync|downtime|restart|delay)|we(?: are| will| "
    r"just| only| still)?|everything|all)"
    r" (?:will |should |would |can |is going to |may )?(?:not "
    r")?(?:\w+ly |only |be |just )?(?:takes?|needs?|be|lasts?|is|are|"
    r"looking at|done in|over in|require|finish\w*) (?:up to |us |about "
    r"|another |only |around |roughly |some |at most |maybe |no |longer "
    rf"|more |than |a further )*(?:{LENGTH}|until {POINT}|{NUMBER} "
    rf"{UNIT})(?= )"
    r"|(?<= )give (?:us|it|me|them|(?:our|the) \w+) (?:just |about |"
    rf"another |only )?(?:{LENGTH}|until {POINT})(?= )"
    r"|(?<= )(?:will|should) not (?:\w+ ){1,5}?(?:more|longer|later) "
    rf"than (?:{LENGTH}|{POINT})(?= )"
)
HAVE_IT = re.compile(
    r" (?:expect|you will have|you will get|you will see|you have|you "
    r"can have|you shall have|look for) (?:(?!(?:update|news|message|"
    r"answer|reply|report|word|mail|e ?mail|summary|our|an|another|"
    r"details|entry|call|response|information|more) )\w+ ){1,6}"
)
MEASURE_DUE = re.compile(rf"(?<= )\( (?:due )?by {DATE} \) $")
