"""What stands between a draft and its Send button (rules M4 to M8, W11)."""

import datetime as dt

from incidents import staff
from incidents.actors import Actor
from incidents.blockers import is_window_over
from incidents.correspondence.rendering import (
    FieldFinding,
    check_draft,
    missing_fields,
    next_update_of,
)
from incidents.enums import (
    EntryKind,
    FixKind,
    Level,
    MailKind,
    WaiverKind,
)
from incidents.errors import Missing, WorkflowError
from incidents.models import (
    Incident,
    MailDraft,
    Waiver,
)
from incidents.taking import take_step
from incidents.timeline import record
from incidents.transitions import Step


def blocking_send(draft: MailDraft, *, now: dt.datetime) -> list[Missing]:
    """What stands between a draft and its Send button, beside the wording."""
    incident = draft.incident
    missing = [Missing(f"Text: {label}", step=Step.DRAFT) for label in missing_fields(draft)]
    if incident.is_breach_suspected and draft.approved_at is None:
        missing.append(Missing("The founder's approval of this text", step=Step.APPROVE))
    if draft.kind == MailKind.RESOLVED:
        missing += _missing_to_say_normal(incident, now=now)
    next_update = next_update_of(draft, now=now)
    if next_update is None and _must_promise(draft):
        missing.append(Missing("The time of the next update", step=Step.DRAFT))
    if next_update is not None and next_update <= now:
        missing.append(Missing("A next update that lies in the future", step=Step.DRAFT))
    return missing


def blocking_findings(draft: MailDraft) -> list[FieldFinding]:
    """Findings that block and are not covered by an override (rules M4, M5)."""
    covered = set(draft.overridden_findings)
    return [
        finding
        for finding in check_draft(draft)
        if finding.is_blocking and finding.fingerprint not in covered
    ]


def override_findings(
    draft: MailDraft,
    *,
    reason: str,
    by: Actor,
    now: dt.datetime,
    certain_fix_at: dt.datetime | None = None,
) -> MailDraft:
    """M5: send in spite of the findings, by name and reason, logged.

    A promise needs the certain fix time, which becomes a deadline when the mail is delivered.
    """
    with take_step(draft.incident, Step.SEND, by=by, now=now) as taken:
        row = MailDraft.objects.select_for_update().get(pk=draft.pk)
        findings = blocking_findings(row)
        if not findings:
            raise WorkflowError("There is no finding to override.")
        if not reason.strip() or taken.by.user is None:
            raise WorkflowError("An override needs a name and a reason.")
        promises = [f for f in findings if f.finding.rule == "promise"]
        fix_at = certain_fix_at or row.certain_fix_at
        if promises and (fix_at is None or fix_at <= now):
            raise WorkflowError("Give the certain fix time: it becomes a deadline of its own.")
        row.certain_fix_at = fix_at if promises else row.certain_fix_at
        row.override_reason, row.overridden_by = reason.strip(), taken.by.user
        row.overridden_findings = [f.fingerprint for f in check_draft(row) if f.is_blocking]
        row.save()
        words = "; ".join(f"{f.finding.rule}: “{f.finding.text}”" for f in findings)
        Waiver.objects.create(
            incident=taken.incident,
            kind=WaiverKind.WORDING,
            reason=row.override_reason,
            by=taken.by.user,
            at=now,
            detail=words[:2000],
        )
        record(
            taken.incident,
            EntryKind.WAIVER,
            f"Wording overridden ({words}): {row.override_reason}",
            by=taken.by,
            now=now,
        )
    draft.refresh_from_db()
    return draft


def _missing_to_say_normal(incident: Incident, *, now: dt.datetime) -> list[Missing]:
    """M8 and SOP step 5: normal again is said once verified, stability included."""
    if incident.verified_at is None:
        return [Missing("The verified fix", step=Step.VERIFY)]
    missing = []
    if not is_window_over(incident, now=now):
        ends_at = incident.verified_at + incident.judged_severity.stability_window
        missing.append(
            Missing(
                f"The stability window runs until {staff.agency_time(ends_at)}", step=Step.WAIVE
            )
        )
    if rests_on_workaround(incident):
        missing.append(
            Missing("A fix: only a workaround is in place, use the workaround's wording")
        )
    return missing


def rests_on_workaround(incident: Incident) -> bool:
    kinds = set(incident.fixes.values_list("kind", flat=True))
    return FixKind.WORKAROUND in kinds and not kinds & {FixKind.FIX, FixKind.GUIDANCE}


def _must_promise(draft: MailDraft) -> bool:
    """M6: the next update is mandatory, but for SEV-4."""
    is_promising = draft.kind in (MailKind.NOTIFICATION, MailKind.UPDATE, MailKind.WORKAROUND)
    return is_promising and draft.incident.level != Level.SEV4
