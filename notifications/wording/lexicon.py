"""The words of faults, as pieces of regular expressions over a sentence's line.

A line holds words in lower case with one blank between them, and tags in capitals: VEN a
vendor, SYS a system of ours or the client's that only bears a vendor's name, CLI a client,
QUO a client's quoted words, TIM and DAT times and dates. Every repetition is bounded.
"""


def words(text: str) -> str:
    """An alternation of the words and phrases in a text, one a comma."""
    phrases = sorted({" ".join(p.split()) for p in text.split(",") if p.strip()}, key=len)
    return "(?:" + "|".join(reversed(phrases)) + ")"


#: A system of ours or the client's beside the vendor's name: "your HubSpot sync".
OWN_THING = words(
    "sync, syncs, syncing, synchroni[sz]ation, keys?, connections?, integrations?, connectors?, "
    "tokens?, settings?, setup, configurations?, config, accounts?, passwords?, limits?, "
    "imports?, exports?, workflows?, campaigns?, sequences?, contacts?, records?, invoices?, "
    "logins?, log in, sign in, secrets?, steps?, jobs?, scripts?, folders?, buckets?, mailbox, "
    "mailboxes, inbox, inboxes, credentials?, quotas?, credits?, lists?, deals?, notes?, "
    "pipelines?, automations?, enrichment, leads?, data, bots?, channels?, alerts?, domains?, "
    "subscriptions?, plans?, permissions?, fields?, forms?, mappings?, calls, requests?, "
    "queries, lookups?, outreach, sending, drafting, e ?mails?, "
    "mails?, messages?, propert(?:y|ies), "
    "dashboards?, reports?, zaps?, flows?, payments?, transactions?, "
    "backups?, calendars?, feeds?, "
    "users?, licen[cs]es?, numbers?, replies, drafts?, follow ups?, filters?, rules?, objects?, "
    "tasks?, tickets?, tables?, views?, code, access, usage, routing, triggers?, authoris?ation, "
    "authorization, authentication, budget, balance, card"
)

#: Parts of a vendor that are the vendor.
INFRA = words(
    "apis?, servers?, services?, platforms?, systems?, databases?, webhooks?, websites?, sites?, "
    "infrastructure, network, backend, app, application, software, endpoints?, clusters?, cloud, "
    "data cent(?:er|re)s?, nodes?, engines?, models?, tools?, team, staff, support, people, "
    "engineers?, developers?, company, status page, side, end, part, products?, interface, "
    "region, certificates?, domain, scheduler, queue, gateway, "
    "workers?, update, release, deployment, rollout, smtp, dns, crm, "
    "cdn"
)

NOUN = words(
    "outages?, downtime, down time, failures?, faults?, bugs?, "
    "errors?, mistakes?, glitch(?:es)?, "
    "problems?, issues?, incidents?, disruptions?, interruptions?, breakdowns?, crash(?:es)?, "
    "troubles?, difficult(?:y|ies), defects?, malfunctions?, hiccups?, delays?, slowdowns?, "
    "slowness, latency, time ?outs?, degradations?, degraded "
    "(?:performance|service), instability, "
    "unavailability, breach(?:es)?, leaks?, shortages?, overload, flaws?, blunders?, lapses?, "
    "mishaps?, rate limiting, throttling, suspensions?, bans?, mess, oversight, negligence, "
    "breaking changes?, hold ups?, congestion, backlogs?, data loss, shutdown, bottlenecks?, "
    "wobbles?, snags?, mix ups?, blips?, power (?:cut|loss|outage|"
    "failure), fire, flood, strike, crisis, chaos, meltdown, collapse, "
    "irregularit(?:y|ies), "
    "challenges, complications?, regressions?, fail, screw up, blackout, black out, "
    "bad (?:day|morning|week|hour|moment|night|time|patch|batch|data), "
    "rough (?:day|morning|week|patch), error rates?, "
    "unreliability, incompetence, carelessness, misconfiguration, fiasco, disaster"
)

#: Said of a thing after "is": one word or phrase.
STATE = words(
    "down, offline, broken, unavailable, unreachable, unresponsive, unstable, unreliable, flaky, "
    "faulty, defective, buggy, slow, slower, sluggish, dead, overloaded, overwhelmed, degraded, "
    "inaccessible, erratic, impaired, out of (?:service|order|action|capacity), at fault, "
    "in the wrong, to blame, blamed, responsible, liable, the culprit, culprits?, guilty, "
    "negligent, unable, incapable, in trouble, late, the weak link, the (?:one )?problem, "
    "the bottleneck, the (?:root |real |actual )?cause, the reason, the source of, behind this, "
    "behind the, a mess, stuck, intermittent, patchy, spotty, shaky, "
    "toast, borked, fried, hacked, "
    "breached, compromised, knocked out, overrun, wrong, misconfigured, inoperative, out, "
    "out of date, kaputt?, non ?functional, bad, failing, crashing, malfunctioning, "
    "struggling, lagging, suffering, on fire, sick, unwell, unhealthy, "
    "careless, sloppy, useless, "
    "terrible, asleep, blacked out, congested, frozen, unusable, bugged, jammed, crippled, "
    "over capacity, at capacity, under (?:\\w+ )?load, too \\w+, down "
    "for maintenance, interrupted, disrupted, crippled, not as \\w+ as"
)

#: Said of a thing without "is".
FALTER = words(
    "fail(?:s|ed|ing)?, crash(?:es|ed|ing)?, broke(?:n)?, breaks, "
    "breaking, collaps(?:es|ed|ing|e), "
    "died, dies, dying, hung, hangs, hanging, froze, freezes, freezing, stall(?:s|ed|ing), "
    "chok(?:es|ed|ing), struggl(?:e|es|ed|ing), buckl(?:ed|ing), malfunction(?:s|ed|ing), "
    "misbehav(?:es|ed|ing), glitch(?:ed|ing), falter(?:s|ed|ing), stumbl(?:es|ed|ing), "
    "degraded, overr(?:a|u)n, tim(?:es|ed|ing) out, lag(?:s|ged|ging), err(?:ed|s), "
    "slipp?(?:s|ed|ing)? up, act(?:s|ed|ing) up, play(?:s|ed|ing) up, "
    "(?:go|goes|went|gone|going) (?:completely |totally |fully "
    ")?(?:down|dark|offline|silent|quiet|"
    "wrong|under|haywire|bad|unresponsive|out|dead|bust|belly|awry|missing|astray|black|into), "
    "(?:fall|falls|fell|fallen|falling) (?:over|short|behind|apart|down|out|through|off), "
    "conked out, (?:give|gave|gives|given|giving) (?:out|up), blew up, blown up, "
    "(?:screw|mess|foul|trip|cock|balls)(?:ed|ing|s)? up, screwed, "
    "botch(?:ed|ing), bungl(?:ed|ing), "
    "fumbl(?:ed|ing), grinds? to, ground to, came to a, came down, (?:come|comes|coming) down, "
    "let us down, lets us down, (?:let|lets|letting) \\w+(?: \\w+)? "
    "(?:down|slip|through|bounce|expire|in), "
    "drop(?:ped|s|ping)? the ball, pulled the (?:plug|rug), tripp?(?:s|"
    "ed|ing), cut(?:s|ting)? out, packed up, "
    "shut(?:s|ting)? down, ceas(?:es|ed|ing), quit, (?:break|breaks|broke|broken|breaking) down, "
    "stopp?(?:s|ed|ing), (?:ran|run|runs|running) (?:out|into|late|over|slow|long), seized up, "
    "wobbl(?:ed|ing), hiccupped, regressed, took (?:too long|longer|hours|ages|forever|days), "
    "tak(?:es|ing) (?:too long|longer|hours|ages|forever), recover(?:s|"
    "ed|ing)?, erroring(?: out)?, "
    "errored, backfired, made (?:a |an )?(?:\\w+ )?mess, got it wrong, made it worse, sinned, "
    "dropped out, drops out, suffer(?:s|ed|ing), underperform(?:s|ed|ing), overslept, blundered, "
    "overheat(?:s|ed|ing)?, expired, lapsed, timeout, malfunction, "
    "misfired, tanked, flopped, hit (?:a )?(?:snag|trouble|problems|"
    "limits), "
    "is n?either, are having, apologi[sz](?:es|ed|ing), conceded, confessed, pleaded guilty, "
    "admit(?:s|ted|ting), bailed(?: on)?, ghosted, goofed, slacked, "
    "fix(?:es|ed|ing)? (?:their|its|his|the|this|it|that|a|things|VEN), "
    "repair(?:s|ed|ing)? (?:their|its|the|this|it|VEN), "
    "(?:resolve|solve)(?:s|d)? (?:their|its) , "
    "ow(?:es|ed) (?:us|you), exceed(?:s|ed) (?:its|their), (?:let|lets|"
    "letting) \\S+ \\S+(?: \\S+)?(?: \\S+)? (?:expire|lapse|slip|down)"
)

#: Harm done to others; as a participle after "is" it says nothing about who did it.
HARM = words(
    "(?:double|over|under|mis)(?: |)(?:charged|counted|booked|sent|"
    "billed), drop(?:s|ped), los(?:es|t), delet(?:es|ed), eras(?:es|"
    "ed), wip(?:es|ed), remov(?:es|ed), "
    "mishandl(?:es|ed), mangl(?:es|ed), corrupt(?:s|ed), garbl(?:es|ed), duplicat(?:es|ed), "
    "doubl(?:es|ed), suspend(?:s|ed), block(?:s|ed), bann?(?:s|ed), (?:black|block)list(?:s|ed), "
    "throttl(?:es|ed), reject(?:s|ed), refus(?:es|ed), den(?:ies|ied), bounc(?:es|ed), "
    "cuts?, shuts?(?: off)?, disabl(?:es|ed), deactivat(?:es|ed), "
    "revok(?:es|ed), cancell?(?:s|ed), "
    "closed, lock(?:s|ed), changed, alter(?:s|ed), modif(?:ies|ied), renamed, deprecated, "
    "retired, discontinued, limited, restrict(?:s|ed), capped, delay(?:s|ed), held, "
    "halt(?:s|ed), interrupt(?:s|ed), disrupt(?:s|ed), paused, ignor(?:es|ed), forgot, forgets, "
    "miss(?:es|ed), misread, misrout(?:es|ed), flagged, marked, "
    "mislabell?ed, misclassif(?:ies|ied), "
    "ruin(?:s|ed), wreck(?:s|ed), destroy(?:s|ed), damag(?:es|ed), "
    "caus(?:es|ed), trigger(?:s|ed), "
    "led to, leads to, result(?:s|ed) in, br(?:ings|ought) (?:down|your|our|the|everything), "
    "took (?:down|offline|away|your|our|us|everything|itself), prevent(?:s|ed), "
    "(?:keeps?|kept) (?:us|you|your|our|the) \\w+(?: \\w+)? from, "
    "slow(?:s|ed), hits?, hurt(?:s)?, "
    "blamed?, overcharg(?:es|ed), leak(?:s|ed), exposed, "
    "disconnect(?:s|ed), sever(?:s|ed), kicked, "
    "neglect(?:s|ed), withh(?:olds|eld), swallow(?:s|ed), ate, eats, "
    "skipp(?:s|ed), truncat(?:es|ed), "
    "stripp(?:s|ed), scrambl(?:es|ed), discard(?:s|ed), binned, "
    "spammed, left (?:us|you|your|our), "
    "leaves (?:us|you|your|our), misconfigured, mixed up, muddled, overwrote, overwritten, "
    "broke, broken, pulled, killed, terminated, froze, stole, "
    "wrong(?:ly|ed), mistakenly, incorrectly, "
    "erroneously, accidentally, botched, hampered, hinder(?:s|ed), "
    "impacted, sabotaged, invalidated, "
    "withdrew, unplugged, logged (?:us|you|everyone) out, locked (?:us|you) out, "
    "switched off, turned off, pushed (?:a|an), shipped (?:a|an), rolled out (?:a|an), "
    "introduced (?:a|an), rate limit(?:s|ed), greylist(?:s|ed), "
    "quarantin(?:es|ed), crippl(?:es|ed), "
    "outdid, misse[ds], misplac(?:es|ed), misdirect(?:s|ed), muted, "
    "silenced, tripled, throws?, threw"
)
HARMING = words(
    "dropping, losing, deleting, erasing, removing, mishandling, "
    "mangling, corrupting, duplicating, "
    "suspending, blocking, banning, throttling, rejecting, refusing, denying, bouncing, cutting, "
    "disabling, revoking, changing, altering, limiting, restricting, delaying, holding, halting, "
    "interrupting, disrupting, ignoring, missing, marking, flagging, "
    "ruining, causing, triggering, "
    "leading to, preventing, keeping (?:us|you|your|our), slowing, "
    "hurting, leaking, disconnecting, "
    "withholding, swallowing, eating, skipping, breaking, throwing, "
    "wrongly, rate limiting, affecting, "
    "timing, returning (?:\\w+ ){0,2}errors, stopping, messing, "
    "locking, letting, truncating, damaging"
)
#: What a vendor does in answer to something; beside our own mistake it is a consequence.
REACTION = words(
    "reject(?:s|ed|ing)?, refus(?:es|ed|ing), block(?:s|ed|ing)?, den(?:ies|ied|ying), "
    "throttl(?:es|ed|ing), limit(?:s|ed|ing)?, rate limit(?:s|ed|ing)?, suspend(?:s|ed|ing)?, "
    "disconnect(?:s|ed|ing)?, lock(?:s|ed|ing)?, bounc(?:es|ed|ing), disabl(?:es|ed|ing), "
    "paused, revok(?:es|ed|ing), stopp?(?:s|ed|ing), cuts?, flagged, "
    "marked, errors?, slow(?:s|ed), "
    "deactivat(?:es|ed), closed, cancell?ed, capped, restrict(?:s|ed), declin(?:es|ed|ing), not, "
    "duplicat(?:es|ed), restricted, discard(?:s|ed), ignor(?:es|ed), skipped, dropped, expired"
)

#: A negation before one of these says that something does not work.
CAPABLE = words(
    "respond(?:s|ed|ing)?, work(?:s|ed|ing)?, accept(?:s|ed|ing)?, deliver(?:s|ed|ing)?, "
    "send(?:s|ing)?, sent, load(?:s|ed|ing)?, process(?:ed|es|ing)?, answer(?:s|ed|ing)?, "
    "function(?:s|ed|ing)?, handl(?:e|es|ed|ing), cope, coping, keep(?:ing)? up, kept up, "
    "sync(?:s|ed|ing)?, run(?:s|ning)?, let(?:s|ting)?, allow(?:s|ed|ing)?, return(?:s|ed|ing)?, "
    "reach(?:ed|able)?, available, stable, reliable, online, able, operat(?:e|es|ed|ing|ional), "
    "perform(?:s|ed|ing)?, behav(?:e|es|ed|ing), connect(?:s|ing)?, "
    "open(?:s|ed|ing)?, start(?:s|ed|ing)?, "
    "recogni[sz](?:e|es|ed|ing), recover(?:ed|s)?, inform(?:ed)?, warn(?:ed)?, tell, told, "
    "notif(?:y|ied), announced?, me?et, provid(?:e|es|ed|ing), updat(?:e|es|ing), give, gave, "
    "do(?:ing)? (?:its|their|the|what), pass(?:ed|es)?, forward(?:ed|"
    "ing)?, perform, healthy, usable, back, "
    "fetch(?:ed|ing)?, pick(?:ed|ing)?, take, taken, taking, "
    "complet(?:e|ed), finish(?:ed)?, managed?, "
    "serv(?:e|es|ed|ing), hono[u]?r(?:ed)?, transfer(?:red)?, be "
    "(?:reached|accessed|used|contacted), "
    "up, live, accessible, responsive, playing, save[ds]?, saving, test(?:ed)?, mean, "
    "fixed, resolved, repaired, solved, replied, reply, replying, "
    "reacted, react, hold(?:ing)? up, keep(?:ing)? (?:its|their), "
    "as \\w+ as, hono[u]?r(?:ing|s), respect(?:ed|ing|s)?, follow(?:ed|"
    "ing|s)?, good enough, enough, ready, compatible, quick, fast "
    "enough"
)
NOT = r"(?:not|never|no longer|hardly|barely|unable to|nor|neither|stopped|failed to|refus\w+ to)"

BAD = words(
    "wrong, errors?, incorrect, bad, old, duplicates?, late, invalid, "
    "incomplete, garbage, empty, "
    "garbled, corrupt(?:ed)?, broken, faulty, outdated, stale, twice, "
    "nothing but, failed, two times, malformed, "
    "nonsense, inconsistent, inaccurate, misleading, unusable, false, "
    "\\w+ errors?, junk, slowly, "
    "too (?:late|slowly|few|many|much), half, unexpected"
)
ADJECTIVE = words(
    "broken, faulty, failing, failed, unreliable, unstable, flaky, "
    "slow, buggy, overloaded, dead, "
    "malfunctioning, crashed, struggling, sluggish, defective, unresponsive, unavailable, bad, "
    "careless, incompetent, poor, wrong, shoddy, lousy, terrible, useless, misbehaving, sloppy"
)
HAVING = words(
    "has, had, have, having, suffer(?:s|ed|ing)?, experienc(?:es|ed|ing|e), saw, sees, seeing, "
    "report(?:s|ed|ing)?, confirm(?:s|ed|ing)?, announc(?:es|ed|ing), admit(?:s|ted|ting)?, "
    "acknowledg(?:es|ed|ing), hit, fac(?:es|ed|ing|e), encounter(?:s|ed|ing)?, ran into, "
    "run(?:s|ning)? into, made, makes, introduced, shipped, released, caus(?:es|ed|ing), "
    "return(?:s|ed|ing)?, g[ai]ve(?:s)?, giving, show(?:s|ed|ing|n)?, threw, throws, throwing, "
    "log(?:ged)?, recorded, endured?, sustained, developed, in, recover(?:s|ed|ing)?, dealing, "
    "investigat(?:es|ed|ing), fix(?:es|ed|ing)?, working on, works on, "
    "listed, posted, disclosed, "
    "battl(?:es|ed|ing), respond(?:s|ed|ing)? with, answer(?:s|ed|ing)? with, got, with, under, "
    "undergoing, repair(?:s|ed|ing)?, resolv(?:e|es|ed|ing), solv(?:e|es|ed|ing), told us of, "
    "produc(?:es|ed|ing), generat(?:es|ed|ing), pass(?:es|ed|ing) on, correct(?:s|ed|ing)?"
)
CAUSE = (
    r"(?:because of|due to|thanks to|owing to|as a result of|a result "
    r"of|the result of|on account of|"
    r"down to|courtesy of|caused by|triggered by|brought about by|attributable to|attributed to|"
    r"blames?|blaming|blamed on|stem\w* from|at the hands of|the fault "
    r"of|fault of|traced (?:back )?to|"
    r"result\w* from|by reason of|on the part of|fell victim to|victims? of|pinned on|"
    r"(?:had|has|have|was|were|is) to do with|culprit :|cause :|reason :|to blame :|to blame is|"
    r"set off by|provoked by|fallout from|the doing of|finger at|fingers at)"
)
HARMED = words(
    "broken, blocked, suspended, rejected, throttled, dropped, lost, deleted, caused, delayed, "
    "interrupted, affected, hit, stopped, banned, closed, limited, flagged, marked, refused, "
    "let down, cut, shut, disabled, held, changed, bounced, taken, revoked, denied, paused, "
    "duplicated, mishandled, corrupted, brought, triggered, prevented, "
    "hampered, slowed, damaged, "
    "removed, cancelled, locked, overwritten, disconnected, impacted, disrupted, created, "
    "introduced, made, mangled, returned, thrown, reported, confirmed, announced, wiped, erased, "
    "withheld, ruined, switched off, turned off, misrouted, ignored, hurt, restricted, capped"
)
ADVERBS = words(
    "again, still, now, just, then, also, even, simply, once more, already, yet, too, often, "
    "\\w+ly, itself, themselves, clearly, today, yesterday, twice, overnight, once, back, "
    "this morning, this afternoon, last night, on \\w+day, on (?:mon|tues|wednes|thurs|fri)day"
)
BE = r"(?:is|are|was|were|be|been|being|am|get|gets|got|getting|s)"
