"""Speculation about the cause, which a notification leaves out (rule M5)."""

import re

from notifications.wording.lexicon import words
from notifications.wording.sentences import Sentence

_OPINION = (
    r"(?:we|i|our (?:\w+ )?(?:team|engineers?|developers?|colleagues?)) "
    r"(?:\w+ly |do not |now |still |currently |strongly |can only |"
    r"would )*"
    r"(?:thinks?|believes?|suspects?|assum(?:e|es|ed|ing)|guess|"
    r"guessing|suppose|reckon|fear|imagine|presume|feel|speculate|"
    r"theori[sz]e|infer|"
    r"(?:are|am|is) (?:thinking|fairly sure|pretty sure|almost certain|"
    r"inclined|assuming|guessing|leaning)|have a (?:\w+ )?(?:feeling|"
    r"hunch|theory|suspicion|idea)|"
    r"have (?:\w+ )?reasons? to (?:believe|think|suspect))"
)
_NOUNS = words(
    "(?:have|had|get|got|has) (?:the|an) (?:impression|feeling|idea|"
    "inkling), our (?:\\w+ )?(?:guess|theory|hunch|assumption|"
    "suspicion|hypothesis|impression|feeling|bet|suspect), "
    "best guess, educated guess, working (?:theory|hypothesis|"
    "assumption), prime suspect, main suspect, "
    "the suspicion is, the assumption is, suspicion falls, suspected, "
    "(?:likely|probable|possible|potential|plausible|presumed|"
    "apparent) (?:root )?(?:causes?|reasons?|culprits?|explanations?|"
    "source|trigger|origin), "
    "(?:one|a) (?:\\w+ )?(?:possibility|explanation|theory|guess), "
    "chances are, odds are, my guess, "
    "the cause (?:might|may|could|should|must|seems|appears), "
    "(?:points?|pointing|hints?) (?:to|towards|at), "
    "indications (?:are|that|suggest), signs (?:are|point|suggest), "
    "(?:suggests?|suggesting|indicates?) (?:that|a|an|the), "
    "(?:it is|it may be|quite|very|well) possible that, (?:a|some|good|"
    "high|every|slim|strong) chance (?:that|it|of), can not (?:yet "
    ")?(?:rule out|exclude|be ruled out), "
    "my (?:\\w+ )?(?:hunch|guess|theory|suspicion|bet|feeling), smells "
    "like, sounds like, feels like, something like, some kind of, some "
    "sort of, rumou?red"
)
_ADVERBS = words(
    "probably, perhaps, maybe, possibly, presumably, apparently, "
    "seemingly, supposedly, conceivably, "
    "potentially, arguably, (?:most|very|quite|more than|highly|more|rather) likely, likely, "
    "in all (?:likelihood|probability), by all appearances, as far as we can tell, allegedly, "
    "in our (?:opinion|view|estimation)"
)
_LOOKS = (
    r"(?:(?:it|this|that|everything|things|all|the \w+(?: \w+)?) (?:now "
    r"|all |still |currently |would |does )?(?:looks?|seems?|appears?|"
    r"sounds?) (?:very much |a lot |to us |now )?(?:like|as if|as "
    r"though|to be|to have|that|to come|to stem)"
    r"|(?:seems?|appears?|seemed|appeared) (?:to be|to have|to come|to "
    r"stem|that|to result|as if)|(?:it|this|that) (?:would )?(?:seems?|"
    r"appears?) )"
)
_CAUSAL = (
    r"(?:because|due|caused|cause|reason|related|linked|connected|"
    r"result(?:s|ed)?|stem|come from|behind|"
    r"origin\w*|traced|triggered|trigger|explain|culprit|to blame|down "
    r"to|fault|responsible|source)"
)
_MODAL = (
    r"(?:might|may|could|must|should|would)(?: well| also| just| simply|"
    r" possibly| even| perhaps)?"
)
_EFFECT_WORDS = (
    r"(?:affected|delayed|lost|late|missing|duplicated|impacted|"
    r"incomplete|slow|slower|interrupted|"
    r"received|noticed|seen|arrive|arrived|sent|missed|skipped|queued|paused|visible|unavailable)"
)
_IS_CAUSAL_MODAL = re.compile(rf"(?<= ){_MODAL} (?:not )?(?:\w+ ){{0,4}}?{_CAUSAL}(?= )")
_PERFECT_MODAL = re.compile(
    rf"(?<= ){_MODAL} (?:not )?have (?:been )?(?!{_EFFECT_WORDS} )(?:\w+ly )?\w+(?= )"
)
_BE_MODAL = re.compile(
    rf"(?<= )(?:it|this|that|cause|reason|problem|culprit|issue|explanation|trigger) {_MODAL} be "
    r"(?:that |a |an |our |your |the |one |some |something |in |with |"
    r"linked )(?!(?:while|few|couple|good|bit|moment|little|next|day|"
    r"hour|short|long)\b)"
)
_COULD_IT = re.compile(r"(?<= )(?:could|might|may) (?:it|this|that) (?:have|be)(?= )")
_STRONG = re.compile(rf"(?<= )(?:{_OPINION}|{_NOUNS}|{_ADVERBS}|{_LOOKS})(?= ?)")
_EFFECT = re.compile(
    r"^(?: ?to)? ?(?:that )?(?:(?:you|your)(?! (?:\w+ )?(?:password|key|"
    r"token|account|settings?|field|permission|change|team))|(?:see|"
    r"notice|find|take|need|arrive|affect\w*|be affected|be limited|"
    r"limited|only|no (?:data|records|leads|contacts|messages|e ?mails)|"
    r"none of|it is (?:best|better|safe|safer|wise)|best|better|safest|"
    r"some (?:of )?(?:your|leads|records|e ?mails)|receive|experience|"
    r"continue|want|hear|stay|remain|last|delayed|not affected|working|"
    r"normal|fine)) "
)
_FUTURE_BEFORE = re.compile(r" (?:will|would not|going to|if you|you|you can|you may|can) $")
_CAUSE_NEAR = re.compile(rf" {_CAUSAL} ")
_POSSIBLE_AS = re.compile(r" as \w+ as (?:we )?(?:can )?$")
_NO_GUESS = re.compile(
    r" (?:not|never|without|rather than|will not|won) (?:want to |going "
    r"to )?(?:speculat\w+|guess\w*) "
)


def is_speculation(sentence: Sentence) -> bool:
    """Whether the sentence guesses at a cause; guesses at effects and requests pass."""
    line = sentence.line
    if _NO_GUESS.search(line):
        return False
    for pattern in (_IS_CAUSAL_MODAL, _PERFECT_MODAL, _BE_MODAL, _COULD_IT):
        match = pattern.search(line)
        if match and not _is_request(line, match):
            return True
    return any(_is_guess(line, match) for match in _STRONG.finditer(line))


def _is_request(line: str, match: re.Match[str]) -> bool:
    return line[: match.start()].endswith((" you ", " if ")) or line[match.start() :].startswith(
        ("could you", "would you", "may we", "could we")
    )


def _is_guess(line: str, match: re.Match[str]) -> bool:
    before, after = line[: match.start()], line[match.end() :].lstrip()
    if _POSSIBLE_AS.search(before):
        return False
    if _CAUSE_NEAR.search(line):
        return not before.endswith((" if ", " you "))
    if _FUTURE_BEFORE.search(before):
        return False
    return not _EFFECT.match(after)
