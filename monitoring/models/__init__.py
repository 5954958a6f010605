from monitoring.models.beat import Beat
from monitoring.models.checklist import Checklist, ChecklistItem, Period

__all__ = ["Beat", "Checklist", "ChecklistItem", "Period"]
