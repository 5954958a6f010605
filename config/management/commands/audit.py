import datetime as dt
import sys
from typing import Any

from config.auditing import run_audit
from incidents.command_line import IncidentCommand, Outcome
from incidents.serialization import iso


class Command(IncidentCommand):
    help = "Ask now whether everything that is due was done; exit status 1 if anything was not."

    has_findings = False

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if self.has_findings:
            sys.exit(1)

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        findings = run_audit(now=now)
        self.has_findings = bool(findings)
        line = "\n".join(row.text for row in findings) or "The audit found nothing undone."
        rows = [{"key": row.key, "text": row.text, "since": iso(row.since)} for row in findings]
        return Outcome(line, {"ok": not findings, "findings": rows})
