"""One incident in each status, told step by step; a story yields the instant of its next step."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from incidents.correspondence import edit_draft, note_in_hubspot, send_draft, start_draft
from incidents.demo.replay import Replay, Story
from incidents.enums import EntryKind, EscalationCode, MailKind, Role, Side, Source
from incidents.escalation import acknowledge_escalation
from incidents.models import Incident
from incidents.playbooks.running import find_run_step, finish_step
from incidents.workflow.changes import add_note, end_wait, start_wait
from incidents.workflow.ending import (
    Measure,
    cancel_incident,
    close_incident,
    resolve_incident,
    write_review,
)
from incidents.workflow.opening import acknowledge_incident, open_incident
from incidents.workflow.response import (
    Findings,
    FixDetails,
    contain_incident,
    investigate_incident,
    record_fix,
    record_workaround,
    verify_fix,
)
from incidents.workflow.triage import Triage, triage_incident


def suspended_outreach(replay: Replay) -> Iterator[dt.datetime]:
    """Closed SEV-1 of a Premium client: workaround in time, postmortem sent."""
    alfred, devin, rick = map(replay.actor, ("alfred", "devin", "rick"))
    after = _clock(replay, days=6)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Outreach account suspended, all sending stopped",
        source=Source.MONITORING,
        by="alfred",
        systems=["outreach-sending"],
        clients=["kestrel-homes"],
    )
    yield after(minutes=6)
    _triage(replay, incident, level=1, reason="All outreach stops.", playbook=True)
    yield after(minutes=9)
    _founder_sees(replay, incident, note="Seen. Keep me posted on the appeal.")
    yield after(minutes=14)
    _send(
        replay,
        incident,
        MailKind.NOTIFICATION,
        brief="Outreach sending paused",
        what_happening="Your outreach e-mails are not going out at the moment. Your lead lists "
        "and replies are safe.",
    )
    yield after(minutes=20)
    investigate_incident(
        incident,
        Findings(
            logs="Every send is answered with “account suspended”.",
            status_pages="No incident is shown.",
            configuration="Daily limits are as agreed; the sending volume doubled in a day.",
            found="The account is suspended for volume. Sending cannot go on with it today.",
            side=Side.THIRD_PARTY,
        ),
        by=devin,
        now=replay.now,
    )
    yield after(minutes=35)
    contain_incident(
        incident, done="All campaigns paused, so that nothing piles up.", by=devin, now=replay.now
    )
    start_wait(
        incident,
        on=Side.THIRD_PARTY,
        what="An answer to our appeal at the platform's support",
        by=devin,
        now=replay.now,
    )
    yield after(minutes=70)
    _send(
        replay,
        incident,
        MailKind.UPDATE,
        next_update_at=after(hours=3, minutes=40),
        update_text="Sending is still paused. We are moving your campaigns to a second platform.",
    )
    yield after(hours=3, minutes=12)
    record_workaround(
        incident,
        FixDetails(
            done="Moved the active campaigns to the backup platform.",
            broke="All outreach sending stopped.",
            cause="The sending account was suspended after the volume doubled within a day.",
            tested_what="A batch of 50 messages to seed addresses",
            tested_where="Backup platform, test workspace",
            test_result="50 of 50 delivered, replies arrive in the inbox.",
        ),
        by=devin,
        now=replay.now,
    )
    yield after(hours=3, minutes=25)
    _send(
        replay,
        incident,
        MailKind.WORKAROUND,
        next_update_at=after(hours=23),
        what_happened="Sending stopped because our sending account was paused.",
        what_did="We moved your active campaigns to a second platform and they are sending again.",
    )
    yield after(hours=4, minutes=6)
    outage = EscalationCode.E5
    _founder_sees(replay, incident, code=outage, note="Seen. The workaround holds, that is enough.")
    yield after(hours=20)
    end_wait(incident, on=Side.THIRD_PARTY, by=devin, now=replay.now)
    record_fix(
        incident,
        FixDetails(
            done="The appeal was accepted; campaigns run on the first account with a daily cap.",
            broke="All outreach sending stopped.",
            cause="The sending account was suspended after the volume doubled within a day.",
            tested_what="One campaign with 20 recipients",
            tested_where="Restored account",
            test_result="20 of 20 delivered, none marked as spam.",
        ),
        by=devin,
        now=replay.now,
    )
    yield after(hours=20, minutes=4)
    _founder_sees(replay, incident, code=outage, note="Seen. Good that the appeal is through.")
    yield after(hours=20, minutes=20)
    verify_fix(
        incident,
        end_to_end="A lead went through from list to delivered e-mail to reply in the CRM.",
        failure_test="A day's volume was scheduled and accepted without a warning.",
        by=devin,
        now=replay.now,
    )
    yield after(hours=21, minutes=25)
    _send(
        replay,
        incident,
        MailKind.RESOLVED,
        what_happened="Sending stopped because our sending volume grew too fast.",
        what_did="We restored sending and set a daily cap that grows step by step.",
    )
    yield after(hours=21, minutes=35)
    resolve_incident(incident, by=rick, now=replay.now)
    yield after(hours=22)
    note_in_hubspot(incident, client=replay.client("kestrel-homes"), by=rick, now=replay.now)
    yield after(days=2)
    _review(
        replay,
        incident,
        timeline="All sending stopped. It ran on a second platform 3 h 12 min later and on the "
        "first account again after 20 hours.",
        root_cause="The sending volume was doubled within a day, above what the account allows.",
        resolution="Campaigns ran on the backup platform until the appeal was accepted.",
        measures=[
            ("Cap the daily volume per sending account.", Role.DELIVERY, -3, -3),
            ("Warm up the backup platform every week.", Role.DELIVERY, 14, None),
        ],
    )
    yield after(days=2, hours=1)
    _send(replay, incident, MailKind.POSTMORTEM)
    yield after(days=2, hours=2)
    close_incident(incident, by=alfred, now=replay.now)


def false_alarm(replay: Replay) -> Iterator[dt.datetime]:
    """Cancelled SEV-3: nobody was affected and nobody was told."""
    after = _clock(replay, days=2, hours=3)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Contacts missing in the CRM after the import",
        source=Source.MONITORING,
        by="alfred",
        systems=["hubspot-sync"],
        clients=["osprey-freight"],
    )
    yield after(minutes=10)
    _triage(replay, incident, level=3, reason="Sync runs; some records seem to be missing.")
    yield after(minutes=40)
    cancel_incident(
        incident,
        reason="False alarm: the import was still running, all 1,204 contacts have arrived.",
        by=replay.actor("alfred"),
        now=replay.now,
    )


def failing_enrichment(replay: Replay) -> Iterator[dt.datetime]:
    """Resolved SEV-2: HubSpot notes and the post-incident entry are still owed."""
    devin, rick = replay.actor("devin"), replay.actor("rick")
    after = _clock(replay, hours=31)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Enrichment returns errors for one call in five",
        source=Source.MONITORING,
        by="alfred",
        systems=["enrichment"],
        clients=["kestrel-homes", "osprey-freight"],
    )
    yield after(minutes=11)
    _triage(replay, incident, level=2, reason="A key component produces errors.")
    yield after(minutes=40)
    _send(
        replay,
        incident,
        MailKind.NOTIFICATION,
        brief="Lead enrichment delayed",
        what_happening="Some new leads reach you without company details at the moment.",
    )
    yield after(minutes=55)
    investigate_incident(
        incident,
        Findings(
            logs="429 and 503 answers to about one call in five.",
            status_pages="All green.",
            configuration="Our request rate is above the plan's limit since the new campaign.",
            found="We are rate limited: two campaigns enrich at the same hour.",
            side=Side.OURS,
        ),
        by=devin,
        now=replay.now,
    )
    _step(replay, incident, "check-status", answers=["rate-limited"], note="All green there.")
    yield after(hours=4, minutes=20)
    _send(
        replay,
        incident,
        MailKind.UPDATE,
        next_update_at=after(hours=30, minutes=30),
        update_text="We found the reason and are changing when leads are enriched. Leads that "
        "came without details will be completed.",
    )
    yield after(hours=5)
    record_fix(
        incident,
        FixDetails(
            done="Requests are spread over the day and wait longer after a refusal.",
            broke="One enrichment call in five failed.",
            cause="Two campaigns enriched at the same hour, above the plan's limit.",
            tested_what="1,000 calls at the new pace",
            tested_where="Staging, same account",
            test_result="No refusal, 1,000 of 1,000 answered.",
        ),
        by=devin,
        now=replay.now,
    )
    _step(replay, incident, "reduce-volume", evidence="Staging: 1,000 calls at the new pace.")
    yield after(hours=5, minutes=30)
    verify_fix(
        incident,
        end_to_end="200 incomplete leads were completed and stand in the CRM.",
        failure_test="Both campaigns enriched at the same hour without a refusal.",
        by=devin,
        now=replay.now,
    )
    yield after(hours=29, minutes=40)
    _send(
        replay,
        incident,
        MailKind.RESOLVED,
        what_happened="We sent more enrichment requests at once than our plan allows.",
        what_did="We spread the requests over the day and completed the leads that were missing "
        "details.",
    )
    yield after(hours=30)
    resolve_incident(incident, by=rick, now=replay.now)


def misaligned_dashboard(replay: Replay) -> Iterator[dt.datetime]:
    """Triaged SEV-4: accepted, with a planned fix, never mailed."""
    after = _clock(replay, hours=26)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Legend of the reply chart overlaps its figures",
        source=Source.AGENT,
        by="devin",
        systems=["weekly-dashboard"],
        clients=["halden-solar"],
    )
    yield after(minutes=25)
    _triage(replay, incident, level=4, reason="A layout issue, no functional impact.")
    yield after(hours=2)
    acknowledge_incident(incident, by=replay.actor("rick"), now=replay.now)


def stale_dashboard(replay: Replay) -> Iterator[dt.datetime]:
    """Monitoring SEV-3, reported by the client; the stability window runs."""
    devin = replay.actor("devin")
    after = _clock(replay, hours=20)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Weekly dashboard stopped updating",
        source=Source.CLIENT_REPORT,
        by="rick",
        systems=["weekly-dashboard"],
        reported_by="brightwater-dental",
        description="Maria writes that the figures of last week are still shown.",
    )
    yield after(minutes=12)
    _triage(replay, incident, level=3, reason="Reporting only; the core service is unaffected.")
    yield after(minutes=25)
    _send(
        replay,
        incident,
        MailKind.NOTIFICATION,
        brief="Weekly dashboard not updating",
        next_update_at=after(hours=44),
        what_happening="Your dashboard shows last week's figures. Your campaigns are not affected.",
    )
    yield after(hours=3)
    investigate_incident(
        incident,
        Findings(
            logs="The last export ended without writing a file.",
            found="The folder of the export was renamed in our storage.",
            side=Side.OURS,
        ),
        by=devin,
        now=replay.now,
    )
    yield after(hours=6)
    record_fix(
        incident,
        FixDetails(
            done="The export writes to the new folder and fails loudly when it cannot.",
            broke="The dashboard kept showing last week's figures.",
            cause="We renamed the export's folder.",
            tested_what="A full export of one week",
            tested_where="Staging",
            test_result="All charts show the current week.",
        ),
        by=devin,
        now=replay.now,
    )
    yield after(hours=6, minutes=30)
    verify_fix(
        incident,
        end_to_end="The dashboard of Brightwater Dental shows this week's figures.",
        failure_test="The folder was renamed on staging: the export failed and said so.",
        by=devin,
        now=replay.now,
    )


def bounce_spike(replay: Replay) -> Iterator[dt.datetime]:
    """Investigating SEV-1 for a Premium and a Standard client; both were told."""
    devin = replay.actor("devin")
    after = _clock(replay, minutes=38)
    yield after(minutes=0)
    incident = _open(
        replay,
        title="Outreach paused: bounces at 11.8 % on two sending domains",
        source=Source.MONITORING,
        by="alfred",
        systems=["outreach-sending"],
        clients=["halden-solar", "brightwater-dental"],
    )
    yield after(minutes=6)
    _triage(
        replay,
        incident,
        level=1,
        reason="E-mail is the only channel of both clients; nothing goes out once it is paused.",
    )
    yield after(minutes=8)
    contain_incident(
        incident,
        done="Outreach paused for Halden Solar and Brightwater Dental.",
        by=devin,
        now=replay.now,
    )
    _step(replay, incident, "pause-outreach", note="Both clients, all campaigns.")
    yield after(minutes=9)
    _founder_sees(replay, incident, note="Seen. Call me before we name a cause.")
    yield after(minutes=13)
    _send(
        replay,
        incident,
        MailKind.NOTIFICATION,
        brief="Outreach sending paused",
        next_update_at=after(minutes=90),
        what_happening="We paused your outreach e-mails after more of them than usual came back "
        "undelivered.",
    )
    yield after(minutes=16)
    investigate_incident(
        incident,
        Findings(
            logs="312 of 318 bounces are hard; every address of the last lists was marked valid.",
            configuration="SPF, DKIM and DMARC pass on all domains.",
            found="The verification step lets every address pass.",
        ),
        by=devin,
        now=replay.now,
    )
    _step(
        replay,
        incident,
        "check-domain",
        answers=["domain-fine"],
        note="Warmed up since October; SPF, DKIM and DMARC pass on both domains.",
    )
    yield after(minutes=22)
    _step(
        replay,
        incident,
        "review-bounces",
        answers=["hard-bounces"],
        evidence="312 of 318 bounces of the last day are hard: campaign export, 10 to 11 o'clock.",
    )
    yield after(minutes=27)
    add_note(
        incident,
        text="The key of the verification step has used up its quota. Renewing it now.",
        kind=EntryKind.FINDING,
        by=devin,
        now=replay.now,
    )


def client_report(replay: Replay) -> Iterator[dt.datetime]:
    """Detected: a client's report that nobody has triaged or answered yet."""
    after = _clock(replay, minutes=7)
    yield after(minutes=0)
    _open(
        replay,
        title="No leads arrive from the website's form",
        source=Source.CLIENT_REPORT,
        by="rick",
        systems=["website-forms"],
        reported_by="osprey-freight",
        description="Jonas wrote: “We have not received a single lead since we changed our "
        "website. It isn't working.”",
    )


STORIES: list[Story] = [
    suspended_outreach,
    false_alarm,
    failing_enrichment,
    misaligned_dashboard,
    stale_dashboard,
    bounce_spike,
    client_report,
]


def _clock(replay: Replay, **ago: float) -> Callable[..., dt.datetime]:
    """A function that gives instants counted from the story's beginning, so long ago."""
    start = replay.until - dt.timedelta(**ago)
    return lambda **after: start + dt.timedelta(**after)


def _open(
    replay: Replay,
    *,
    title: str,
    source: str,
    by: str,
    systems: list[str],
    clients: list[str] | None = None,
    reported_by: str = "",
    description: str = "",
) -> Incident:
    opened = open_incident(
        title=title,
        source=source,
        description=description,
        systems=[replay.system(slug) for slug in systems],
        clients=[replay.client(slug) for slug in clients or []],
        reported_by=replay.client(reported_by) if reported_by else None,
        is_demo=True,
        by=replay.actor(by),
        now=replay.now,
    )
    return opened.incident


def _triage(
    replay: Replay, incident: Incident, *, level: int, reason: str, playbook: bool = False
) -> None:
    """Triage with the scope it was opened with; ``playbook`` takes the suspension's."""
    suspension = replay.system("outreach-backup").playbook if playbook else None
    decision = Triage(
        level=level,
        reason=reason,
        suggested_level=level,
        systems=list(incident.systems.all()),
        clients=list(incident.clients.all()),
        playbook=suspension,
    )
    triage_incident(incident, decision, by=replay.actor("alfred"), now=replay.now)


def _step(replay: Replay, incident: Incident, key: str, **given: Any) -> None:
    """Devin does a step of the incident's playbook."""
    step = find_run_step(incident, key)
    finish_step(incident, step, by=replay.actor("devin"), now=replay.now, **given)


def _send(replay: Replay, incident: Incident, kind: str, **text: Any) -> None:
    """Write and send a mail to every affected client; a notice was drafted at triage already."""
    rick = replay.actor("rick")
    draft = incident.drafts.filter(kind=kind, finished_at=None).first()
    if draft is None:
        clients = list(incident.clients.all())
        draft = start_draft(incident, kind=kind, clients=clients, by=rick, now=replay.now)
    edit_draft(draft, text, by=rick, now=replay.now)
    send_draft(draft, by=rick, now=replay.now)


def _founder_sees(
    replay: Replay, incident: Incident, *, note: str, code: str = EscalationCode.E1
) -> None:
    """Clayton says “seen” to the newest of a rule, and with it to those before."""
    clayton = replay.actor("clayton")
    newest = incident.escalations.filter(rule=code).latest("pk")
    acknowledge_escalation(newest, name=clayton.name, by=clayton, now=replay.now, note=note)


def _review(
    replay: Replay,
    incident: Incident,
    *,
    timeline: str,
    root_cause: str,
    resolution: str,
    measures: list[tuple[str, str, int, int | None]],
) -> None:
    """The post-incident entry; a measure is its text, its owner's role, and the days from today
    on which it is due and on which it was done."""
    today = replay.until.date()
    rows = []
    for text, role, due, done in measures:
        owner = replay.responder(role)
        if owner:
            done_on = None if done is None else today + dt.timedelta(days=done)
            rows.append(Measure(text, owner, today + dt.timedelta(days=due), done_on))
    write_review(
        incident,
        timeline=timeline,
        root_cause=root_cause,
        resolution=resolution,
        measures=rows,
        by=replay.actor("alfred"),
        now=replay.now,
    )
