"""Fills a migrated database with open incidents, then sweeps whenever it is told to.

`python -m tests.bench.sweeper INCIDENTS` answers each line it reads (`idle`, `warnings`,
`breaches`) with the seconds that one sweep took.
"""

import datetime as dt
import gc
import sys
import time

import django

django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from config.management.commands.load_sop import LOADERS  # noqa: E402
from incidents.enums import DeadlineKind, Owner, Rank, Role, Source, Status  # noqa: E402
from incidents.models import Deadline, Incident, Policy, Responder, Severity  # noqa: E402
from incidents.sweeping import sweep  # noqa: E402
from notifications.models import Message  # noqa: E402
from tests.bench.fill import SERIES  # noqa: E402
from tests.bench.sweep import DUE  # noqa: E402

#: Messages sent before, for each incident.
SENT_BEFORE = 1
START = timezone.now() - dt.timedelta(hours=1)


def copy(row: models.Model, rows: int, **columns: str) -> None:
    """So many copies of a stored row; ``columns`` are SQL over ``n.i``, the number of the copy."""
    quote = connection.ops.quote_name
    fields = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    values = ", ".join(columns.get(name, f"t.{quote(name)}") for name in fields)
    table = quote(row._meta.db_table)
    series = SERIES[connection.vendor].format(rows=rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(map(quote, fields))})"
            f" SELECT {values} FROM {table} t, {series} WHERE t.id = {row.pk}"
        )


def write_people() -> dict[str, Responder]:
    people = {}
    for role in Role:
        fields = {"name": role.label, "email": f"{role.value}@agency.example"}
        people[role.value], _ = Responder.objects.update_or_create(
            role=role, rank=Rank.PRIMARY, is_active=True, defaults=fields
        )
    return people


def write_incidents(count: int) -> None:
    """Open SEV-2 incidents, each with two running clocks, and as many messages sent before."""
    people = write_people()
    incident = Incident.objects.create(
        ref="INC-2026-T",
        title="Sync of new contacts has stopped",
        source=Source.MONITORING,
        status=Status.INVESTIGATING,
        severity=Severity.objects.get(pk=2),
        coordinator=people[Role.ORCHESTRATOR],
        technical_owner=people[Role.DELIVERY],
        communications_owner=people[Role.REVENUE],
        detected_at=START,
        opened_at=START,
        triaged_at=START,
        severe_since=START,
    )
    copy(incident, count - 1, ref="'INC-2026-' || (1000000 + n.i)")
    Incident.objects.filter(pk=incident.pk).update(ref="INC-2026-1000000")
    write_deadlines()
    message = Message.objects.create(
        key="T",
        channel="email",
        recipient="revenue@agency.example",
        text="50% used",
        lane="T",
        message_id="<T@agency.example>",
        state="sent",
        sent_at=START,
        due_at=START,
        next_attempt_at=START,
        created_at=START,
    )
    copy(
        message,
        count * SENT_BEFORE - 1,
        key="'T' || n.i",
        message_id="'<' || n.i || '@agency.example>'",
        recipient="'r' || n.i || '@agency.example'",
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def write_deadlines() -> None:
    """Of the first incident, then for every other one the same."""
    first = Incident.objects.order_by("pk")[0]
    later = START + dt.timedelta(days=30)
    for kind, owner in (
        (DeadlineKind.ACKNOWLEDGE, Owner.COMMUNICATIONS),
        (DeadlineKind.RESOLVE, Owner.TECHNICAL),
    ):
        template = Deadline.objects.create(
            incident=first,
            kind=kind,
            owner=owner,
            started_at=START,
            due_at=later,
            next_event_at=START + dt.timedelta(days=15),
        )
        quote = connection.ops.quote_name
        columns = [f.column for f in Deadline._meta.concrete_fields if not f.primary_key]
        values = ["i.id" if name == "incident_id" else f"t.{quote(name)}" for name in columns]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO incidents_deadline ({', '.join(map(quote, columns))})"
                f" SELECT {', '.join(values)} FROM incidents_deadline t, incidents_incident i"
                f" WHERE t.id = {template.pk} AND i.id <> {first.pk}"
            )


def arm(what: str) -> dt.datetime:
    """Make the next clocks due; returns when to sweep. No clock is used twice."""
    now = timezone.now()
    clocks = Deadline.objects.filter(
        kind=DeadlineKind.ACKNOWLEDGE, half_warned_at=None, breached_at=None
    )
    keys = list(clocks.order_by("id").values_list("pk", flat=True)[:DUE])
    half = (now - START) * 100 / Policy.current().half_warning_percent
    due_at = START + half if what == "warnings" else now
    Deadline.objects.filter(pk__in=keys).update(due_at=due_at, next_event_at=now)
    return now


def run(what: str) -> float:
    """Seconds that one sweep took; what it must have written is checked."""
    now = timezone.now() if what == "idle" else arm(what)
    began = time.perf_counter()
    report = sweep(now=now)
    took = time.perf_counter() - began
    wanted = {what: DUE} if what != "idle" else {}
    found = {"warnings": report.warnings, "breaches": report.breaches}
    if {name: count for name, count in found.items() if count} != wanted or report.failed:
        raise RuntimeError(f"Wanted {wanted}, swept {report}.")
    return took


def main(incidents: int) -> None:
    with transaction.atomic():
        for load in LOADERS.values():
            load()
        write_incidents(incidents)
    run("idle")
    # As the engine does: what is loaded stays for good.
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(f"{run(line.strip())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
