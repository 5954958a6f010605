"""The demonstration's monitors and checklist runs, and how they are removed without a trace.

They belong to the demonstration of the floor below: its clients, systems and incidents.
"""

import datetime as dt
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from django.db import transaction

from incidents.models import Client, Incident, Responder, SendingDomain, System
from incidents.sop_data import read_data
from monitoring.checklists.opening import plan_of
from monitoring.checklists.patterns import HEAD as PATTERN_HEAD
from monitoring.checklists.periods import (
    current_start,
    day_start,
    due_of,
    opening_of,
    previous_start,
)
from monitoring.checklists.preparing import READINGS, agency_zone, prepare_item
from monitoring.checklists.tables import Table
from monitoring.enums import (
    BAD_STATES,
    Indicator,
    Kind,
    Outcome,
    RunState,
    SignalKind,
    State,
    Verdict,
)
from monitoring.models import (
    Checklist,
    ChecklistRun,
    DayFigure,
    DomainCheck,
    MaintenanceWindow,
    Monitor,
    MonitorIncident,
    MonitorStatus,
    Period,
    RunItem,
    Sample,
    Signal,
    StateChange,
)
from monitoring.monitors import add_monitor
from monitoring.rollups import roll_up
from monitoring.schedule import expected_after

DATA = Path(__file__).parent / "data" / "demo.toml"
DAYS = 30
#: How many past runs of each checklist are told.
PAST: dict[str, int] = {Period.DAILY: 30, Period.CRM_REVIEW: 6, Period.WEEKLY: 6, Period.MONTHLY: 2}
#: Whose present run waits for somebody.
OPEN = (Period.DAILY, Period.WEEKLY)
STILL_OPEN_FOR = dt.timedelta(hours=4, minutes=50)
#: Days back on which a daily run failed, and one on which nothing of ours ran.
FAILED_DAYS, MISSED_DAY = (0, 1, 6, 9), 14
#: Around which the figures of good days lie, by kind.
USUAL: dict[str, float] = {
    Kind.ERROR_RATE: 0.4,
    Kind.BOUNCE_RATE: 1.0,
    Kind.SYNC: 4,
    Kind.LEVEL: 0,
    Kind.CREDITS: 70,
}
OUTPUT = b"Rendering 14 charts\nreply-rate.svg: caf\xe9 is no UTF-8\nTraceback: 1 chart failed\n"

MonitorData = dict[str, Any]


def seed_monitoring(*, now: dt.datetime) -> tuple[int, int]:
    """Write monitors with a month behind them and the runs of that time; how many of each.

    The demonstration's clients and systems must be there. A period that has a run already
    keeps it.
    """
    with transaction.atomic():
        monitors = [_make_monitor(row, now=now) for row in read_data(DATA)["monitor"]]
        _check_domains(now=now)
        runs = [run for one in Checklist.objects.all() for run in _make_runs(one, now=now)]
    return len(monitors), len(runs)


def clear_monitoring() -> Counter[str]:
    """Remove what ``seed_monitoring`` wrote, with its history, before the demonstration of the
    floor below goes. Returns what was removed, by noun."""
    with transaction.atomic():
        monitors = list(Monitor.objects.filter(is_demo=True).values_list("pk", flat=True))
        runs = list(ChecklistRun.objects.filter(is_demo=True).values_list("pk", flat=True))
        windows = MaintenanceWindow.objects.filter(monitor__in=monitors)
        window_keys = list(windows.values_list("pk", flat=True))
        Monitor.objects.filter(pk__in=monitors).delete()
        ChecklistRun.objects.filter(pk__in=runs).delete()
        Monitor.history.filter(id__in=monitors).delete()
        MaintenanceWindow.history.filter(id__in=window_keys).delete()
        ChecklistRun.history.filter(id__in=runs).delete()
        RunItem.history.filter(run_id__in=runs).delete()
    removed = Counter({"monitors": len(monitors), "checklist runs": len(runs)})
    return +removed


# Monitors -------------------------------------------------------------------------------


def _make_monitor(row: MonitorData, *, now: dt.datetime) -> Monitor:
    names = ("kind", "measure", "cron", "time_zone", "period_seconds", "grace_seconds")
    fields = {name: row[name] for name in names if name in row}
    monitor = Monitor(
        **fields,
        name=row["name"],
        slug=f"demo-{row['name']}".lower().replace(", ", "-").replace(" ", "-").replace(".", "-"),
        system=System.objects.filter(slug=row.get("system", "")).first(),
        client=Client.objects.filter(slug=row.get("client", "")).first(),
        sending_domain=SendingDomain.objects.filter(name=row.get("sending_domain", "")).first(),
        is_demo=True,
    )
    add_monitor(monitor, now=now - dt.timedelta(days=DAYS + 10))
    _write_month(monitor, row, now=now)
    last_at = _write_intake(monitor, row, now=now)
    incident = _link_incident(monitor, row)
    _write_status(monitor, row, last_at, incident, now=now)
    return monitor


def _write_month(monitor: Monitor, row: MonitorData, *, now: dt.datetime) -> None:
    bad = {int(back): said for back, said in row.get("bad_days", {}).items()}
    today = now.astimezone(dt.UTC).date()
    figures = []
    for back in range(DAYS):
        state, _, text = str(bad.get(back, "ok")).partition(":")
        value = float(text) if text else _usual(monitor, row, back)
        if back in bad and not text:
            value = None
        day = today - dt.timedelta(days=back)
        figures.append(DayFigure(monitor=monitor, day=day, state=State(state), value=value))
    DayFigure.objects.bulk_create(figures)


def _usual(monitor: Monitor, row: MonitorData, back: int) -> float | None:
    """The figure of a good day: around the usual one, and the same at every seeding."""
    swing = ((back * 7919 + len(monitor.name) * 104_729) % 101 % 17 - 8) / 20
    if monitor.kind == Kind.HEARTBEAT:
        return round(row["run_minutes"] * 60 * (1 + swing / 2), 0)
    if monitor.kind == Kind.STATUS:
        return None
    return round(USUAL[monitor.kind] * (1 + swing), 2)


def _write_intake(monitor: Monitor, row: MonitorData, *, now: dt.datetime) -> dt.datetime | None:
    """Signals or samples of the last days; returns when the newest came in."""
    if monitor.kind == Kind.HEARTBEAT:
        return _write_pings(monitor, row, now=now)
    if monitor.kind == Kind.STATUS:
        at = now - dt.timedelta(minutes=2)
        Signal.objects.create(
            monitor=monitor,
            kind=SignalKind.PROBE,
            at=at,
            indicator=Indicator.UNKNOWN,
            detail=row["reason"],
            is_fresh=False,
        )
        return at
    return _write_samples(monitor, row, now=now)


def _write_pings(monitor: Monitor, row: MonitorData, *, now: dt.datetime) -> dt.datetime:
    period = dt.timedelta(seconds=monitor.period_seconds or 86_400)
    length = dt.timedelta(minutes=row["run_minutes"])
    newest = now - dt.timedelta(hours=row["last_hours"])
    signals = []
    for back in range(12):
        run_id, end = uuid.uuid4(), newest - back * period
        is_bad = back == 0 and row.get("fails_last", False)
        start = Signal(kind=SignalKind.START, at=end - length, run_id=run_id)
        done = Signal(
            kind=SignalKind.FAIL if is_bad else SignalKind.SUCCESS,
            at=end,
            run_id=run_id,
            exit_status=int(is_bad),
            run_seconds=length.total_seconds(),
            body=OUTPUT if is_bad else None,
        )
        signals += [start, done]
    for signal in signals:
        signal.monitor, signal.is_fresh = monitor, False
    Signal.objects.bulk_create(signals)
    return newest


def _write_samples(monitor: Monitor, row: MonitorData, *, now: dt.datetime) -> dt.datetime:
    """Two days, one sample an hour; credits, levels and syncs are posted less often."""
    newest = now - dt.timedelta(hours=row.get("last_hours", 0), minutes=4)
    step = dt.timedelta(hours=1 if "total" in row else 6)
    samples = []
    for back in range(48 if "total" in row else 8):
        at = newest - back * step
        sample = Sample(monitor=monitor, at=at, received_at=at, is_fresh=False)
        if "total" in row:
            sample.total = row["total"]
            sample.bad = round(row["total"] * row["bad_share"])
        elif monitor.kind == Kind.SYNC:
            sample.is_ok, sample.detail = True, "412 contacts"
        else:
            sample.value = row["value"]
        samples.append(sample)
    Sample.objects.bulk_create(samples)
    roll_up(monitor.pk, [sample.at for sample in samples])
    return newest


def _write_status(
    monitor: Monitor,
    row: MonitorData,
    last_at: dt.datetime | None,
    incident: Incident | None,
    *,
    now: dt.datetime,
) -> None:
    state = State(row["state"])
    is_good = state == State.OK
    since = now - (dt.timedelta(days=8) if is_good else dt.timedelta(hours=5))
    if incident is not None:
        since = incident.detected_at
    elif last_at is not None and row.get("fails_last"):
        since = last_at
    length = row.get("run_minutes")
    due_at = None
    if monitor.kind == Kind.HEARTBEAT:
        due_at = expected_after(monitor, now) + dt.timedelta(seconds=monitor.grace_seconds)
    MonitorStatus.objects.filter(pk=monitor.pk).update(
        state=state,
        since=since,
        value_text=row["value_text"],
        limit_text=row.get("limit_text", ""),
        reason=row.get("reason", ""),
        sample_size=row["total"] * (24 if monitor.kind == Kind.BOUNCE_RATE else 1)
        if "total" in row
        else None,
        last_signal_at=last_at,
        last_success_at=last_at if is_good else None,
        last_run_seconds=length * 60 if length else None,
        failures_in_row=int(state in BAD_STATES),
        successes_in_row=12 if is_good else 0,
        is_raised="incident" in row,
        due_at=due_at,
        # Figures are judged anew by the first cycle of the engine, jobs when the next run is due.
        check_at=due_at,
    )
    if not is_good:
        StateChange.objects.create(
            monitor=monitor,
            at=since,
            before=State.OK,
            after=state,
            value_text=row["value_text"],
            reason=row.get("reason", ""),
        )


def _link_incident(monitor: Monitor, row: MonitorData) -> Incident | None:
    title = row.get("incident")
    if not title:
        return None
    incident = Incident.objects.filter(is_demo=True, title__startswith=title).first()
    if incident is not None:
        MonitorIncident.objects.create(
            monitor=monitor, incident=incident, opened_at=incident.detected_at
        )
    return incident


def _check_domains(*, now: dt.datetime) -> None:
    """This month's look at the sending domains and the one before; one record went missing."""
    zone = agency_zone()
    this = now.astimezone(zone).date().replace(day=1)
    for domain in SendingDomain.objects.filter(client__is_demo=True):
        for month in (previous_start(Period.MONTHLY, this), this):
            weak = WEAK_RECORD if month == this and domain.name == WEAK_DOMAIN else {}
            results = [
                {"check": check, "subject": "", "verdict": Verdict.GOOD, "detail": detail}
                | weak.get(check, {})
                for check, detail in RECORDS.items()
            ]
            DomainCheck.objects.create(
                domain=domain,
                month=month,
                checked_at=min(now, day_start(month, zone) + dt.timedelta(hours=9)),
                verdict=Verdict.BAD if weak else Verdict.GOOD,
                results=results,
            )


# Runs -------------------------------------------------------------------------------------


def _make_runs(checklist: Checklist, *, now: dt.datetime) -> list[ChecklistRun]:
    """The current period's run and those before it, where there is none yet."""
    plan = plan_of(checklist)
    owner = Responder.objects.on_duty(checklist.owner_role, at=now)
    start = current_start(plan, at=now)
    made = []
    for back in range(PAST[checklist.period] + 1):
        opened_at = opening_of(plan, start)
        due_at = due_of(plan, opened_at)
        is_open = back == 0 and checklist.pk in OPEN
        if is_open and due_at <= now:
            due_at = now + STILL_OPEN_FOR
        run = ChecklistRun(
            checklist=checklist,
            period_start=start,
            owner=owner,
            opened_at=opened_at,
            due_at=due_at,
            is_demo=True,
        )
        if not ChecklistRun.objects.filter(checklist=checklist, period_start=start).exists():
            made.append(_write_run(run, is_open=is_open, back=back, now=now))
        start = previous_start(checklist.period, start)
    return made


def _write_run(run: ChecklistRun, *, is_open: bool, back: int, now: dt.datetime) -> ChecklistRun:
    """Today's and this week's are open, the others are done, but for one that was missed."""
    is_daily = run.checklist_id == Period.DAILY
    if is_daily and back == MISSED_DAY:
        run.state = RunState.MISSED
    elif not is_open:
        by_itself = run.checklist_id in (Period.DAILY, Period.CRM_REVIEW) or run.owner is None
        run.state = RunState.DONE
        run.completed_at = run.opened_at + dt.timedelta(minutes=1 if by_itself else 140)
        run.completed_by = "System" if by_itself else str(run.owner)
    # Without history: the demonstration leaves no trace.
    ChecklistRun.objects.bulk_create([run])
    if run.state != RunState.MISSED:
        items = [_item(run, item, is_open=is_open, back=back) for item in run.checklist.items.all()]
        for item in items if back == 0 else ():
            _prepare(item, run, now=now)
        RunItem.objects.bulk_create(items)
    return run


def _item(run: ChecklistRun, definition: Any, *, is_open: bool, back: int) -> RunItem:
    item = RunItem(
        run=run,
        number=definition.number,
        text=definition.text,
        is_automatic=definition.is_automatic,
        reading=definition.reading,
    )
    value, threshold, lines = WORDS.get(definition.reading, ("", "", []))
    item.value, item.threshold = value, threshold
    item.prepared = {"lines": lines} if lines and not item.is_automatic else {}
    if tables := MADE_UP.get(definition.reading):
        item.prepared["tables"] = [table.as_json() for table in tables]
    if is_open and not item.is_automatic and item.number > 1:
        return item
    item.outcome = Outcome.PASS
    item.answered_at = run.opened_at + dt.timedelta(minutes=1)
    item.answered_by = "System" if item.is_automatic else str(run.owner or "")
    if item.is_automatic:
        item.measured_at = run.opened_at - dt.timedelta(minutes=4)
    else:
        item.note = "Looked at, nothing to do." if not is_open else "All answered in time."
    if run.checklist_id == Period.DAILY and back in FAILED_DAYS and item.reading in FAILING:
        _fail(item, back)
    return item


def _prepare(item: RunItem, run: ChecklistRun, *, now: dt.datetime) -> None:
    """The present runs show what the demonstration's own monitors, domains and incidents say."""
    if item.is_automatic or item.reading not in READINGS or item.reading in MADE_UP:
        return
    found = prepare_item(item.reading, run=run, now=now)
    item.value, item.threshold = found.value, found.threshold
    item.measured_at, item.prepared = found.measured_at, found.as_json(at=now)


def _fail(item: RunItem, back: int) -> None:
    value, name, title = FAILING[item.reading]
    item.outcome = Outcome.FAIL
    item.value = value
    monitors = Monitor.objects.filter(is_demo=True, name=name).values_list("pk", flat=True)
    item.prepared = {"lines": [f"worst: {name}"], "monitors": list(monitors)}
    if back and title:
        item.incident = Incident.objects.filter(is_demo=True, title__startswith=title).first()
    if back and item.incident is None:
        item.note = "Seen, back to normal by itself."


#: What the DNS said of a sending domain, and of the one that lost a record this month.
RECORDS: dict[str, str] = {
    "SPF": "Ends in ~all.",
    "DKIM": "Selector mail is a key of 2048 bits.",
    "DMARC": "Policy: quarantine.",
    "Block list": "Not listed.",
}
WEAK_DOMAIN = "mail.brightwaterdental.example"
WEAK_RECORD = {"DMARC": {"verdict": Verdict.BAD, "detail": "There is no DMARC record."}}
#: Value, limit and what was put together, by reading, where all is well.
WORDS: dict[str, tuple[str, str, list[str]]] = {
    "cron_jobs": ("3 of 3", "all", []),
    "error_rate": ("0.6 %", "under 1 %", []),
    "bounce_rate": ("1.1 %", "under 2 %", []),
    "last_sync": ("3 h", "under 24 h", []),
    "level:missing": ("0", "none", []),
    "level:duplicate": ("0", "none", []),
    "level:dropped": ("0", "none", []),
    "client_reports": (
        "3 client reports",
        "",
        ["3 client reports, 1 of them not resolved yet"],
    ),
    "tool_health": ("4 of 5 tools fine", "all fine", ["4 of 5 tools fine"]),
    "integrations": ("3 h", "under 24 h", ["HubSpot sync, Halden Solar: 3 h"]),
    "credits": ("61 %", "20 % or more left", ["Apollo credits: 61 %"]),
    "domain_reputation": ("4 of 4 good", "all good", ["4 of 4 good"]),
    "incident_patterns": ("6 against 4 the month before", "", ["6 against 4 the month before"]),
    "without_playbook": ("1 incident", "", ["1 incident without a playbook"]),
}
#: The demonstration's incidents are of this month: what the months before were is told.
MADE_UP: dict[str, list[Table]] = {
    "incident_patterns": [
        Table(
            "By system",
            PATTERN_HEAD,
            (("Outreach sending", 3, 1), ("HubSpot sync", 2, 2), ("Lead enrichment", 1, 1)),
        ),
        Table(
            "By side at fault",
            PATTERN_HEAD,
            (("Our system", 3, 1), ("Third party", 2, 3), ("Client's system", 1, 0)),
        ),
    ],
    "without_playbook": [],
}
#: Value, worst monitor and its incident, of what fails on the failed days.
FAILING: dict[str, tuple[str, str, str]] = {
    "error_rate": ("12.4 %", "Enrichment API", "Enrichment returns errors"),
    "bounce_rate": ("11.8 %", "go.haldensolar.example", "Outreach paused"),
}
