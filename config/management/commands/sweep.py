import datetime as dt
from dataclasses import asdict
from typing import Any

from incidents.command_line import IncidentCommand, Outcome
from incidents.digests import write_due_digests
from incidents.sweeping import sweep
from monitoring.evaluation import evaluate_due
from monitoring.ingest.replaying import replay_spool


class Command(IncidentCommand):
    help = "Judge the monitors, then write what is due: one cycle, safe beside the engine."

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        # What the disk kept is judged too; what the monitors open has clocks of its own.
        replay_spool(now=now)
        evaluation = evaluate_due(now=now, limit=None)
        report = sweep(now=now)
        updates = write_due_digests(now=now)
        data = asdict(report) | {"evaluation": asdict(evaluation), "updates": asdict(updates)}
        return Outcome(f"{report}; {evaluation}; scheduled updates: {updates}", data)
