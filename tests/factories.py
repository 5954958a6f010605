"""Plain factories with dull defaults: name only what a test is about.

Every ``make_*`` saves what it returns. ``NOW`` is a Tuesday morning; nothing reads the clock.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from django.contrib.auth import hashers
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from incidents.actors import Actor, actor_for
from incidents.deadlines import sync_deadlines
from incidents.enums import (
    ADMIN_GROUP,
    DeadlineKind,
    EntryKind,
    EscalationCode,
    FixKind,
    Level,
    MailKind,
    Origin,
    Owner,
    Rank,
    Role,
    RunHow,
    Side,
    Source,
    Status,
    SweepPart,
    Tier,
    ToldVia,
    WaiverKind,
)
from incidents.models import (
    AffectedClient,
    Client,
    ClientMail,
    Deadline,
    Dependency,
    Diagnosis,
    Escalation,
    EscalationRule,
    FixRecord,
    Hold,
    Incident,
    MailDraft,
    Participant,
    Playbook,
    PlaybookRun,
    PlaybookRunStep,
    PlaybookStep,
    PreventionMeasure,
    Responder,
    Review,
    SendingDomain,
    SetAside,
    Severity,
    System,
    TimelineEntry,
    Verification,
    Wait,
    Waiver,
)
from incidents.models.playbook import STEP_FIELDS
from incidents.references import next_reference
from incidents.sop_data import load_matrix, load_playbook_steps, load_playbooks, load_severities
from monitoring.enums import Kind, Measure, Outcome
from monitoring.models import (
    Checklist,
    ChecklistItem,
    ChecklistRun,
    IngestToken,
    MaintenanceWindow,
    Monitor,
    Period,
    RunItem,
)
from monitoring.monitors import add_monitor
from monitoring.sop_data import load_checklist_items, load_checklists
from notifications.enums import Channel, MessageState
from notifications.models import ChannelPause, EmailTemplate, Message
from notifications.sop_data import load_templates

NOW = dt.datetime(2026, 3, 10, 9, 0, tzinfo=dt.UTC)
PASSWORD = "correct horse battery"
ROLES = (*Role, ADMIN_GROUP)

_numbers = count(1)
UNUSABLE = hashers.make_password(None)


# The SOP's data -------------------------------------------------------------------------


def make_severities() -> dict[int, Severity]:
    """The four levels of the SOP by number."""
    found = Severity.objects.in_bulk()
    if len(found) == len(Level):
        return found
    load_severities()
    return Severity.objects.in_bulk()


def make_matrix() -> dict[str, EscalationRule]:
    """The escalation matrix by code."""
    load_matrix()
    return EscalationRule.objects.in_bulk()


def make_playbooks() -> dict[str, Playbook]:
    """The SOP's playbooks with their steps, by slug."""
    load_playbooks()
    load_playbook_steps()
    return Playbook.objects.in_bulk(field_name="slug")


def make_checklists() -> dict[str, Checklist]:
    """The SOP's checklists with their items, by period."""
    load_checklists()
    load_checklist_items()
    return Checklist.objects.in_bulk()


def make_templates() -> dict[str, EmailTemplate]:
    """The mail templates by name."""
    load_templates()
    return EmailTemplate.objects.in_bulk(field_name="name")


_SOP_TABLES = [
    model._meta.db_table
    for model in (Severity, EscalationRule, Playbook, PlaybookStep, EmailTemplate)
]
_sop_rows: dict[str, list[tuple[Any, ...]]] = {}


def make_sop() -> None:
    """Severities, matrix, playbooks and mail templates, as a migrated and loaded database.

    Hundreds of tests begin with this: after the first time the rows are written as they were
    read, in five statements and without their history.
    """
    with connection.cursor() as cursor:
        is_first = not _has_sop(cursor)
        if is_first and _sop_rows:
            for table, rows in _sop_rows.items():
                holes = ", ".join(["%s"] * len(rows[0]))
                cursor.executemany(f"INSERT INTO {table} VALUES ({holes})", rows)
            return
        make_severities()
        make_matrix()
        make_playbooks()
        make_templates()
        for table in _SOP_TABLES if is_first else ():
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
            _sop_rows[table] = cursor.fetchall()


def _has_sop(cursor: Any) -> bool:
    """Whether there is any part of it already."""
    parts = " OR ".join(f"EXISTS (SELECT 1 FROM {table})" for table in _SOP_TABLES)
    cursor.execute(f"SELECT {parts}")
    return bool(cursor.fetchone()[0])


# People ---------------------------------------------------------------------------------


def make_user(*roles: str, **fields: Any) -> User:
    """An account in the groups of its roles. Give a ``password`` only where a test signs in
    through the form: hashing is slow."""
    number = next(_numbers)
    username = fields.pop("username", f"user{number}")
    user = User(username=username, email=fields.pop("email", f"{username}@agency.example"))
    password = fields.pop("password", None)
    for name, value in fields.items():
        setattr(user, name, value)
    if password:
        user.set_password(password)
    else:
        user.set_unusable_password()
    user.save()
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return user


def make_actor(*roles: str, origin: str = Origin.HUMAN, **fields: Any) -> Actor:
    """Somebody with an account and these roles, as ``by=`` wants it."""
    return actor_for(make_user(*roles, **fields), origin=origin)


def make_responder(role: str = Role.DELIVERY, **fields: Any) -> Responder:
    number = next(_numbers)
    defaults = {
        "name": f"Responder {number}",
        "role": role,
        "rank": Rank.PRIMARY,
        "email": f"responder{number}@agency.example",
    }
    return Responder.objects.create(**{**defaults, **fields})


@dataclass(frozen=True)
class Team:
    """The primary of each role, with an account in the role's group."""

    orchestrator: Responder
    delivery: Responder
    revenue: Responder
    founder: Responder
    legal: Responder

    def actor(self, role: str) -> Actor:
        """The person of a role, as ``by=`` wants it."""
        return actor_for(getattr(self, role).user)


TEAM_NAMES = {
    Role.ORCHESTRATOR: "Alfred",
    Role.DELIVERY: "Devin",
    Role.REVENUE: "Rick",
    Role.FOUNDER: "Clayton",
    Role.LEGAL: "Laura",
}


def make_team() -> Team:
    """Everybody of the SOP; those who are there already are used again."""
    if not Responder.objects.exists():
        return _write_team()
    people = {}
    for role, name in TEAM_NAMES.items():
        person = Responder.objects.filter(role=role, rank=Rank.PRIMARY, is_active=True).first()
        person = person or make_responder(role, name=name, email=f"{name.lower()}@agency.example")
        if person.user is None:
            person.user = make_user(role, username=name.lower(), first_name=name)
            person.email = person.email or f"{name.lower()}@agency.example"
            person.save()
        people[role.value] = person
    return Team(**people)


def _write_team() -> Team:
    """The whole team in four statements and without its history: most tests begin with it."""
    Group.objects.bulk_create([Group(name=role) for role in TEAM_NAMES], ignore_conflicts=True)
    groups = {group.name: group for group in Group.objects.filter(name__in=TEAM_NAMES)}
    fields = {role: (name, f"{name.lower()}@agency.example") for role, name in TEAM_NAMES.items()}
    users = User.objects.bulk_create(
        User(username=name.lower(), first_name=name, email=email, password=UNUSABLE)
        for name, email in fields.values()
    )
    by_role = dict(zip(TEAM_NAMES, users, strict=True))
    User.groups.through.objects.bulk_create(
        User.groups.through(user=user, group=groups[role]) for role, user in by_role.items()
    )
    people = Responder.objects.bulk_create(
        Responder(name=name, role=role, rank=Rank.PRIMARY, email=email, user=by_role[role])
        for role, (name, email) in fields.items()
    )
    return Team(**{person.role.value: person for person in people})


# Clients and systems --------------------------------------------------------------------


def make_client(**fields: Any) -> Client:
    number = next(_numbers)
    defaults = {
        "name": f"Client {number}",
        "slug": f"client-{number}",
        "contact_name": "Anna Brandt",
        "contact_email": f"anna@client{number}.example",
        "time_zone": "Europe/Berlin",
        "since": NOW - dt.timedelta(days=365),
    }
    return Client.objects.create(**{**defaults, **fields})


def make_premium_client(**fields: Any) -> Client:
    return make_client(tier=Tier.PREMIUM, **fields)


def make_sending_domain(client: Client | None = None, **fields: Any) -> SendingDomain:
    defaults = {"name": f"mail{next(_numbers)}.example"}
    return SendingDomain.objects.create(client=client or make_client(), **{**defaults, **fields})


def make_system(*, clients: Iterable[Client] = (), **fields: Any) -> System:
    """One of our own systems, with the clients that depend on it."""
    number = next(_numbers)
    defaults = {
        "name": f"System {number}",
        "slug": f"system-{number}",
        "plain_name": "your weekly report",
    }
    system = System.objects.create(**{**defaults, **fields})
    for client in clients:
        make_dependency(client, system)
    return system


def make_third_party(**fields: Any) -> System:
    """A vendor's system."""
    defaults = {
        "side": Side.THIRD_PARTY,
        "vendor": "HubSpot",
        "aliases": ["Hub Spot"],
        "plain_name": "your CRM sync",
    }
    return make_system(**{**defaults, **fields})


def make_dependency(
    client: Client | None = None, system: System | None = None, **fields: Any
) -> Dependency:
    return Dependency.objects.create(
        client=client or make_client(), system=system or make_system(), **fields
    )


# Incidents ------------------------------------------------------------------------------

_TRIAGED = ("triaged_at", "severe_since")
_MONITORING = (*_TRIAGED, "accepted_at", "acknowledged_at", "verified_at")

#: The facts that a status has behind it.
_REACHED = {
    Status.DETECTED: (),
    Status.TRIAGED: _TRIAGED,
    Status.INVESTIGATING: _TRIAGED,
    Status.MONITORING: _MONITORING,
    Status.RESOLVED: (*_MONITORING, "resolved_at"),
    Status.CLOSED: (*_MONITORING, "resolved_at", "closed_at"),
    Status.CANCELLED: ("cancelled_at",),
}


def _milestones(severity: Severity, detected_at: dt.datetime) -> dict[str, dt.datetime]:
    """When an undisturbed incident reaches each fact: every clock is kept."""
    minute = dt.timedelta(minutes=1)
    resolved_at = detected_at + 40 * minute + severity.stability_window
    return {
        "triaged_at": detected_at + 5 * minute,
        "severe_since": detected_at + 5 * minute,
        "accepted_at": detected_at + 10 * minute,
        "acknowledged_at": detected_at + 10 * minute,
        "verified_at": detected_at + 40 * minute,
        "resolved_at": resolved_at,
        "closed_at": resolved_at + 60 * minute,
        "cancelled_at": detected_at + 15 * minute,
    }


def make_incident(
    *,
    status: str = Status.DETECTED,
    level: int = 3,
    clients: Iterable[Client] = (),
    systems: Iterable[System] = (),
    team: Team | None = None,
    **fields: Any,
) -> Incident:
    """An incident in that status with the facts it needs and its deadlines; no timeline.

    Written straight to the database: use the workflow where a test is about the way there.
    ``level`` counts once it is triaged. ``team`` makes its people the owners. From MONITORING on
    every client was told, from RESOLVED on of the resolution too.
    """
    severity = make_severities()[level]
    detected_at = fields.pop("detected_at", NOW)
    defaults: dict[str, Any] = {
        "title": "Something broke",
        "source": Source.AGENT,
        "status": status,
        "detected_at": detected_at,
        "opened_at": detected_at,
    }
    moments = _milestones(severity, detected_at)
    defaults |= {name: moments[name] for name in _REACHED[Status(status)]}
    if "triaged_at" in defaults:
        defaults["severity"] = severity
        defaults["review_severity"] = severity if severity.review_days else None
    if team:
        defaults |= {
            "coordinator": team.orchestrator,
            "technical_owner": team.delivery,
            "communications_owner": team.revenue,
        }
    with transaction.atomic():
        ref = next_reference(at=detected_at, is_demo=fields.get("is_demo", False))
        incident = Incident.objects.create(ref=ref, **{**defaults, **fields})
        incident.systems.add(*systems)
        for client in clients:
            make_affected(incident, client)
        if incident.verified_at:
            make_verification(incident)
        sync_deadlines(incident, now=detected_at)
    incident.refresh_from_db()
    return incident


def make_affected(
    incident: Incident | None = None, client: Client | None = None, **fields: Any
) -> AffectedClient:
    """A client on an incident; told where the incident is acknowledged, and so on."""
    incident = incident or make_incident()
    defaults: dict[str, Any] = {"added_at": incident.triaged_at or incident.opened_at}
    if incident.acknowledged_at:
        defaults |= {"told_at": incident.acknowledged_at, "told_via": ToldVia.MAIL}
    if incident.resolved_at:
        defaults |= {
            "resolution_told_at": incident.resolved_at,
            "resolution_told_via": ToldVia.MAIL,
        }
    return AffectedClient.objects.create(
        incident=incident, client=client or make_client(), **{**defaults, **fields}
    )


def make_deadline(incident: Incident | None = None, **fields: Any) -> Deadline:
    """A running promise to a client, due in an hour."""
    incident = incident or make_incident()
    defaults = {
        "kind": DeadlineKind.PROMISE,
        "owner": Owner.COMMUNICATIONS,
        "started_at": NOW,
        "due_at": NOW + dt.timedelta(hours=1),
    }
    return Deadline.objects.create(incident=incident, **{**defaults, **fields})


def make_entry(incident: Incident | None = None, **fields: Any) -> TimelineEntry:
    incident = incident or make_incident()
    defaults = {
        "at": NOW,
        "recorded_at": NOW,
        "kind": EntryKind.NOTE,
        "origin": Origin.HUMAN,
        "actor_name": "Devin",
        "text": "Looked at it.",
        "is_demo": incident.is_demo,
    }
    return TimelineEntry.objects.create(incident=incident, **{**defaults, **fields})


def make_diagnosis(incident: Incident | None = None, **fields: Any) -> Diagnosis:
    incident = incident or make_incident(status=Status.INVESTIGATING)
    defaults = {"at": NOW, "by_name": "Devin", "logs": "Nothing odd.", "found": "An expired key."}
    return Diagnosis.objects.create(incident=incident, **{**defaults, **fields})


def make_fix(incident: Incident | None = None, **fields: Any) -> FixRecord:
    """A tested fix."""
    incident = incident or make_incident(status=Status.INVESTIGATING)
    defaults = {
        "kind": FixKind.FIX,
        "at": NOW,
        "by_name": "Devin",
        "broke": "The sync stopped.",
        "cause": "The key had expired.",
        "done": "Renewed the key.",
        "tested_what": "A sync of one record",
        "tested_where": "Staging",
        "test_result": "It arrived.",
    }
    return FixRecord.objects.create(incident=incident, **{**defaults, **fields})


def make_verification(incident: Incident | None = None, **fields: Any) -> Verification:
    incident = incident or make_incident(status=Status.INVESTIGATING)
    defaults = {
        "at": incident.verified_at or NOW,
        "by_name": "Devin",
        "end_to_end": "A lead went through.",
        "failure_test": "The sync ran.",
    }
    return Verification.objects.create(incident=incident, **{**defaults, **fields})


def make_wait(incident: Incident | None = None, **fields: Any) -> Wait:
    incident = incident or make_incident(status=Status.INVESTIGATING)
    defaults = {"on": Side.THIRD_PARTY, "what": "An answer from support", "started_at": NOW}
    return Wait.objects.create(incident=incident, **{**defaults, **fields})


def make_waiver(incident: Incident | None = None, **fields: Any) -> Waiver:
    incident = incident or make_incident(status=Status.INVESTIGATING)
    defaults = {"kind": WaiverKind.TEST_EVIDENCE, "reason": "No staging exists.", "at": NOW}
    by = fields.pop("by", None) or make_user(Role.ORCHESTRATOR)
    return Waiver.objects.create(incident=incident, by=by, **{**defaults, **fields})


def make_participant(
    incident: Incident | None = None, user: User | None = None, **fields: Any
) -> Participant:
    incident = incident or make_incident(is_private=True)
    return Participant.objects.create(
        incident=incident, user=user or make_user(Role.LEGAL), **{"added_at": NOW, **fields}
    )


def make_review(incident: Incident | None = None, **fields: Any) -> Review:
    """A post-incident entry with all its parts but the prevention measure, not completed."""
    incident = incident or make_incident(status=Status.RESOLVED, level=2)
    defaults = {
        "timeline": "09:00 detected. 09:40 fixed.",
        "root_cause": "The key had expired.",
        "resolution": "Renewed the key.",
        "updated_at": NOW,
        "updated_by": "Alfred",
    }
    return Review.objects.create(incident=incident, **{**defaults, **fields})


def make_measure(review: Review | None = None, **fields: Any) -> PreventionMeasure:
    defaults = {"text": "Renew keys a week ahead.", "due_on": NOW.date() + dt.timedelta(days=14)}
    owner = fields.pop("owner", None) or make_responder(rank=Rank.BACKUP, is_active=False)
    return PreventionMeasure.objects.create(
        review=review or make_review(), owner=owner, **{**defaults, **fields}
    )


# Messages -------------------------------------------------------------------------------


def make_message(*, state: str = MessageState.PENDING, **fields: Any) -> Message:
    """A message in the outbox; ``sent_at`` is set where it was sent."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "key": f"key-{number}",
        "channel": Channel.EMAIL,
        "recipient": f"recipient{number}@agency.example",
        "subject": "Subject",
        "text": "Text.",
        "lane": f"lane-{number}",
        "message_id": f"<{number}@agency.example>",
        "state": state,
        "due_at": NOW,
        "next_attempt_at": NOW,
        "created_at": NOW,
    }
    if state == MessageState.SENT:
        defaults["sent_at"] = NOW
    return Message.objects.create(**{**defaults, **fields})


def make_channel_pause(channel: str = Channel.TELEGRAM, **fields: Any) -> ChannelPause:
    """A channel that is not tried for an hour."""
    defaults = {"reason": "503 down", "since": NOW, "until": NOW + dt.timedelta(hours=1)}
    return ChannelPause.objects.create(channel=channel, **{**defaults, **fields})


def make_draft(incident: Incident | None = None, **fields: Any) -> MailDraft:
    """An open notification with its text fields filled and a next update in an hour."""
    incident = incident or make_incident(status=Status.TRIAGED)
    defaults = {
        "kind": MailKind.NOTIFICATION,
        "brief": "CRM sync paused",
        "system_name": "your CRM sync",
        "what_happening": "New contacts are not reaching your CRM at the moment.",
        "what_doing": "Our team is investigating and working on a fix.",
        "next_update_at": NOW + dt.timedelta(hours=1),
        "created_at": NOW,
        "updated_at": NOW,
    }
    return MailDraft.objects.create(incident=incident, **{**defaults, **fields})


def make_client_mail(
    draft: MailDraft | None = None, client: Client | None = None, **fields: Any
) -> ClientMail:
    """One client's mail of a draft, not queued."""
    return ClientMail.objects.create(
        draft=draft or make_draft(), client=client or make_client(), **fields
    )


def make_escalation(
    incident: Incident | None = None, *, code: str = EscalationCode.E1, **fields: Any
) -> Escalation:
    """An escalation nobody has seen yet, without its messages."""
    incident = incident or make_incident(status=Status.TRIAGED, level=1)
    defaults = {
        "rule": make_matrix()[code],
        "subject": f"incident:{incident.pk}",
        "occurrence": f"{next(_numbers)}",
        "summary": "It is serious.",
        "raised_at": NOW,
    }
    return Escalation.objects.create(incident=incident, **{**defaults, **fields})


def make_set_aside(**fields: Any) -> SetAside:
    """A deadline that the sweep could not write, to be tried again a minute after NOW."""
    defaults = {
        "part": SweepPart.DEADLINES,
        "row": next(_numbers),
        "what": "Resolve of INC-2026-0001",
        "error": "MessageError: no address",
        "since": NOW,
        "next_try_at": NOW + dt.timedelta(minutes=1),
    }
    return SetAside.objects.create(**{**defaults, **fields})


# Playbooks and checklists ---------------------------------------------------------------


def make_playbook(*, steps: Iterable[str] = (), **fields: Any) -> Playbook:
    number = next(_numbers)
    defaults = {"slug": f"playbook-{number}", "title": f"Playbook {number}"}
    playbook = Playbook.objects.create(**{**defaults, **fields})
    for position, text in enumerate(steps, start=1):
        make_playbook_step(playbook, number=position, text=text)
    return playbook


def make_playbook_step(playbook: Playbook | None = None, **fields: Any) -> PlaybookStep:
    playbook = playbook or make_playbook()
    number = fields.get("number", playbook.steps.count() + 1)
    defaults = {"number": number, "key": f"step-{number}", "text": "Look at it."}
    return PlaybookStep.objects.create(playbook=playbook, **{**defaults, **fields})


def make_playbook_run(
    incident: Incident | None = None, playbook: Playbook | None = None, **fields: Any
) -> PlaybookRun:
    """A playbook attached to an incident, with its own copy of the steps; no timeline entry."""
    defaults = {"attached_at": NOW, "attached_by_name": "Alfred", "how": RunHow.TRIAGE}
    run = PlaybookRun.objects.create(
        incident=incident or make_incident(),
        playbook=playbook or make_playbook(steps=["Look at it.", "Mend it."]),
        **{**defaults, "title": playbook.title if playbook else "Playbook", **fields},
    )
    for step in run.playbook.steps.all():
        copied = {name: getattr(step, name) for name in STEP_FIELDS}
        PlaybookRunStep.objects.create(run=run, **copied)
    return run


def make_hold(
    incident: Incident | None = None, domain: SendingDomain | None = None, **fields: Any
) -> Hold:
    """A standing hold on a domain; no timeline entry."""
    domain = domain or make_sending_domain()
    defaults = {"placed_at": NOW, "placed_by_name": "Devin", "reason": "It bounces."}
    return Hold.objects.create(
        incident=incident,
        sending_domain=domain,
        client=domain.client,
        **{**defaults, **fields},
    )


def make_checklist(**fields: Any) -> Checklist:
    defaults = {
        "period": Period.DAILY,
        "title": "Daily",
        "owner_role": Role.ORCHESTRATOR,
        "opens_at": dt.time(7),
    }
    return Checklist.objects.create(**{**defaults, **fields})


def make_checklist_item(checklist: Checklist | None = None, **fields: Any) -> ChecklistItem:
    checklist = checklist or make_checklist()
    defaults = {"number": checklist.items.count() + 1, "text": "All is well"}
    return ChecklistItem.objects.create(checklist=checklist, **{**defaults, **fields})


# Monitoring -------------------------------------------------------------------------------


def make_monitor(kind: str = Kind.HEARTBEAT, **fields: Any) -> Monitor:
    """A monitor with its status, added a month before NOW: an hourly job, or whatever kind."""
    number = next(_numbers)
    defaults: dict[str, Any] = {"name": f"Monitor {number}", "slug": f"monitor-{number}"}
    if kind == Kind.HEARTBEAT and not fields.get("cron"):
        defaults["period_seconds"] = 3600
    if kind == Kind.LEVEL:
        defaults["measure"] = Measure.MISSING
    added_at = fields.pop("created_at", NOW - dt.timedelta(days=30))
    return add_monitor(Monitor(kind=kind, **{**defaults, **fields}), now=added_at)


def make_run(owner: Responder | None = None, **fields: Any) -> ChecklistRun:
    """An open run of the daily checklist, opened at NOW and due nine hours later."""
    checklist = fields.pop("checklist", None) or (
        Checklist.objects.filter(pk=Period.DAILY).first() or make_checklist()
    )
    opened_at = fields.pop("opened_at", NOW)
    defaults = {
        "period_start": opened_at.date(),
        "opened_at": opened_at,
        "due_at": opened_at + dt.timedelta(hours=9),
    }
    return ChecklistRun.objects.create(checklist=checklist, owner=owner, **{**defaults, **fields})


def make_run_item(run: ChecklistRun | None = None, **fields: Any) -> RunItem:
    """An item that a person still has to answer."""
    run = run or make_run()
    defaults = {"number": run.items.count() + 1, "text": "All is well"}
    if fields.get("outcome", Outcome.PENDING) != Outcome.PENDING:
        defaults["answered_at"] = run.opened_at
    return RunItem.objects.create(run=run, **{**defaults, **fields})


def make_maintenance(monitor: Monitor | None = None, **fields: Any) -> MaintenanceWindow:
    """Work on a monitor (None: on every one) in the hour from NOW on."""
    defaults = {
        "starts_at": NOW,
        "ends_at": NOW + dt.timedelta(hours=1),
        "reason": "The server moves",
    }
    return MaintenanceWindow.objects.create(monitor=monitor, **{**defaults, **fields})


def make_ingest_token(**fields: Any) -> IngestToken:
    """The row of a token that nobody knows."""
    defaults = {
        "key": f"{next(_numbers):016x}",
        "digest": "0" * 64,
        "name": "Mail server",
        "scopes": ["metrics"],
        "created_at": NOW,
    }
    return IngestToken.objects.create(**{**defaults, **fields})
