"""SOP steps 4 and 5: investigate, contain, fix, verify, and the relapse."""

import datetime as dt
from dataclasses import dataclass

from incidents import staff
from incidents.actors import Actor
from incidents.containment import record_containment
from incidents.enums import EntryKind, FixKind, Level, Side, WaiverKind
from incidents.errors import Missing, WorkflowError
from incidents.models import (
    Diagnosis,
    FixRecord,
    Incident,
    Verification,
    Waiver,
)
from incidents.playbooks.gates import blocking_gates
from incidents.readings import monitor_blocking_verify
from incidents.taking import Taken, require, take_step
from incidents.timeline import record
from incidents.transitions import Step


@dataclass(frozen=True, slots=True)
class Findings:
    """The SOP's diagnosis (step 4.1 and 4.2, rule W4)."""

    logs: str = ""
    status_pages: str = ""
    configuration: str = ""
    found: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class FixDetails:
    """What broke, what caused it, what was done, and the test behind it (rules W4, W5)."""

    done: str
    broke: str = ""
    cause: str = ""
    tested_what: str = ""
    tested_where: str = ""
    test_result: str = ""
    side: str = ""

    @property
    def is_tested(self) -> bool:
        return all(text.strip() for text in (self.tested_what, self.tested_where, self.test_result))


def investigate_incident(
    incident: Incident,
    findings: Findings,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> Incident:
    """Start or go on investigating; what was checked and the side at fault are kept."""
    with take_step(incident, Step.INVESTIGATE, by=by, now=now, version=version) as taken:
        row = taken.incident
        _set_side(row, findings.side)
        checked = {
            "Logs": findings.logs,
            "Status pages": findings.status_pages,
            "Configuration": findings.configuration,
        }
        lines = [findings.found, *(f"{name}: {text}" for name, text in checked.items() if text)]
        if findings.side:
            lines.append(f"Side at fault: {Side(findings.side).label.lower()}.")
        text = "\n".join(line.strip() for line in lines if line.strip())
        if text:
            Diagnosis.objects.create(
                incident=row,
                at=now,
                by_name=taken.by.name,
                logs=findings.logs,
                status_pages=findings.status_pages,
                configuration=findings.configuration,
                found=findings.found,
                side=findings.side,
            )
            record(row, EntryKind.FINDING, text, by=taken.by, now=now)
        else:
            record(row, EntryKind.INVESTIGATING, "Investigation started.", by=taken.by, now=now)
    return incident


def contain_incident(
    incident: Incident, *, done: str, by: Actor, now: dt.datetime, version: int | None = None
) -> FixRecord:
    """Pause, switch to backup, revoke a key: exempt from test evidence, always recorded (W5)."""
    with take_step(incident, Step.CONTAIN, by=by, now=now, version=version) as taken:
        text = require(done, "What was done to contain it")
        return record_containment(taken.incident, text, by=taken.by, now=now)


def record_fix(
    incident: Incident,
    details: FixDetails,
    *,
    by: Actor,
    now: dt.datetime,
    is_guidance: bool = False,
    version: int | None = None,
) -> FixRecord:
    """SOP step 4.3 and 4.4: a fix with its test evidence, or guidance given to the client.

    Without evidence a waiver by the orchestrator or the founder must stand, and is used up (W5).
    """
    kind = FixKind.GUIDANCE if is_guidance else FixKind.FIX
    with take_step(incident, Step.FIX, by=by, now=now, version=version) as taken:
        return _record(taken, kind, details, now=now)


def record_workaround(
    incident: Incident,
    details: FixDetails,
    *,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> FixRecord:
    """A change to production like a fix (W5); stops the resolve clock of a SEV-1 only (C4)."""
    with take_step(incident, Step.WORKAROUND, by=by, now=now, version=version) as taken:
        fix = _record(taken, FixKind.WORKAROUND, details, now=now)
        if taken.incident.level == Level.SEV1 and taken.incident.workaround_at is None:
            taken.incident.workaround_at = now
    return fix


def verify_fix(
    incident: Incident,
    *,
    end_to_end: str,
    failure_test: str,
    by: Actor,
    now: dt.datetime,
    version: int | None = None,
) -> Verification:
    """SOP step 5, rule W6: confirmed end to end and the specific failure tested.

    Stops the resolve clock and starts the stability window (C4, S4).
    """
    with take_step(incident, Step.VERIFY, by=by, now=now, version=version) as taken:
        row = taken.incident
        missing = _missing_to_verify(row, now=now)
        if missing:
            raise WorkflowError(f"{row.ref} cannot be verified yet.", missing)
        verification = Verification.objects.create(
            incident=row,
            at=now,
            by_name=taken.by.name,
            end_to_end=require(end_to_end, "The end-to-end confirmation"),
            failure_test=require(failure_test, "The test of the specific failure"),
        )
        row.verified_at = now
        ends = now + row.judged_severity.stability_window
        record(
            row,
            EntryKind.VERIFIED,
            f"Confirmed end to end: {verification.end_to_end}\n"
            f"Specific failure tested: {verification.failure_test}\n"
            f"Stability window until {staff.agency_time(ends)}.",
            by=taken.by,
            now=now,
        )
    return verification


def report_relapse(
    incident: Incident, *, reason: str, by: Actor, now: dt.datetime, version: int | None = None
) -> Incident:
    """W6, C4: back to investigating; the resolve clock runs again, counted from detection.

    A workaround's follow-up and a resolution mail of before no longer count.
    """
    with take_step(incident, Step.RELAPSE, by=by, now=now, version=version) as taken:
        row = taken.incident
        text = require(reason, "What was seen")
        row.verifications.filter(relapsed_at__isnull=True).update(
            relapsed_at=now, relapse_reason=text
        )
        row.verified_at = row.workaround_at = None
        row.affected.update(resolution_told_at=None, resolution_told_via="")
        record(row, EntryKind.RELAPSE, f"It came back: {text}", by=taken.by, now=now)
    return incident


def _missing_to_verify(incident: Incident, *, now: dt.datetime) -> list[Missing]:
    missing = []
    last_relapse = incident.verifications.filter(relapsed_at__isnull=False).last()
    fixes = incident.fixes.exclude(kind=FixKind.CONTAINMENT)
    if last_relapse:
        fixes = fixes.filter(at__gte=last_relapse.relapsed_at)
    if not fixes.exists():
        missing.append(Missing("A recorded fix, workaround or guidance", step=Step.FIX))
    monitor = monitor_blocking_verify(incident, now=now)
    if monitor:
        missing.append(Missing(f"A green monitor: {monitor}"))
    return missing + blocking_gates(incident)


def _record(taken: Taken, kind: str, details: FixDetails, *, now: dt.datetime) -> FixRecord:
    row = taken.incident
    done = require(details.done, "What was done")
    waiver = None
    if kind != FixKind.GUIDANCE:
        require(details.broke, "What broke")
        require(details.cause, "What caused it")
        if not details.is_tested:
            waiver = _unused_test_waiver(row)
    _set_side(row, details.side)
    fix = FixRecord.objects.create(
        incident=row,
        kind=kind,
        at=now,
        by_name=taken.by.name,
        broke=details.broke.strip(),
        cause=details.cause.strip(),
        done=done,
        tested_what=details.tested_what.strip(),
        tested_where=details.tested_where.strip(),
        test_result=details.test_result.strip(),
        waiver=waiver,
    )
    lines = [fix.done]
    lines += [f"What broke: {fix.broke}"] if fix.broke else []
    lines += [f"Cause: {fix.cause}"] if fix.cause else []
    if waiver:
        lines.append(f"Test evidence waived by {waiver.by}: {waiver.reason}")
    elif details.is_tested:
        lines.append(f"Tested {fix.tested_what} on {fix.tested_where}: {fix.test_result}")
    record(row, EntryKind(kind), "\n".join(lines), by=taken.by, now=now)
    return fix


def _unused_test_waiver(incident: Incident) -> Waiver:
    waiver = incident.waivers.filter(kind=WaiverKind.TEST_EVIDENCE, fixes__isnull=True).first()
    if waiver is None:
        raise WorkflowError(
            "No change to production without a test.",
            [
                Missing("Test evidence: what was tested, where, and the result"),
                Missing("or a waiver by the orchestrator or the founder", step=Step.WAIVE),
            ],
        )
    return waiver


def _set_side(incident: Incident, side: str) -> None:
    if side:
        incident.fault_side = side
