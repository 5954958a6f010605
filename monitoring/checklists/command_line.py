"""What the commands of checklists print about a run."""

from typing import Any

from incidents.command_line import Outcome
from monitoring.checklists.opening import describe_period
from monitoring.enums import Outcome as ItemOutcome
from monitoring.models import ChecklistRun


def outcome_of(run: ChecklistRun) -> Outcome:
    """One line for people, the run with its items for machines."""
    items = list(run.items.select_related("incident"))
    failed = sum(item.outcome == ItemOutcome.FAIL for item in items)
    pending = sum(item.outcome == ItemOutcome.PENDING for item in items)
    parts = [f"{failed} failed"] if failed else []
    parts += [f"{pending} to do"] if pending else []
    detail = f", {len(items)} items: {', '.join(parts)}" if parts else f", {len(items)} items"
    line = f"{run.checklist.title}, {describe_period(run)}: {run.get_state_display().lower()}"
    data: dict[str, Any] = {
        "checklist": run.checklist_id,
        "date": run.period_start.isoformat(),
        "state": run.state,
        "opened_at": run.opened_at.isoformat(),
        "due_at": run.due_at.isoformat(),
        "items": [
            {
                "number": item.number,
                "text": item.text,
                "automatic": item.is_automatic,
                "outcome": item.outcome,
                "value": item.value,
                "threshold": item.threshold,
                "measured_at": item.measured_at.isoformat() if item.measured_at else None,
                "incident": item.incident.ref if item.incident else None,
            }
            for item in items
        ],
    }
    return Outcome(f"{line}{detail}.", data)
