"""The administration of monitoring, one file for each kind of record."""

from monitoring.admin import checklists, intake, monitors

__all__ = ["checklists", "intake", "monitors"]
