"""Backups: the whole database in one file, and the way back (``backup``, ``restore``)."""

from config.backups.files import BackupError
from config.backups.restoring import Restored, restore
from config.backups.saving import Saved, back_up

__all__ = ["BackupError", "Restored", "Saved", "back_up", "restore"]
