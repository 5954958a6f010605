from monitoring.models.audit import Audit, AuditFinding
from monitoring.models.beat import Beat
from monitoring.models.checklist import Checklist, ChecklistItem, Period
from monitoring.models.domain import BlockList, DomainCheck
from monitoring.models.ingest import ExternalAlert, IngestToken
from monitoring.models.monitor import (
    DayFigure,
    MaintenanceWindow,
    Monitor,
    MonitorIncident,
    MonitorStatus,
    StateChange,
)
from monitoring.models.run import ChecklistRun, RunItem
from monitoring.models.signal import HourlyFigure, Sample, Signal

__all__ = [
    "Audit",
    "AuditFinding",
    "Beat",
    "BlockList",
    "Checklist",
    "ChecklistItem",
    "ChecklistRun",
    "DayFigure",
    "DomainCheck",
    "ExternalAlert",
    "HourlyFigure",
    "IngestToken",
    "MaintenanceWindow",
    "Monitor",
    "MonitorIncident",
    "MonitorStatus",
    "Period",
    "RunItem",
    "Sample",
    "Signal",
    "StateChange",
]
