"""The administration: policies and data fixes; what the workflow wrote is only read there."""

from incidents.admin import log, people, policies

__all__ = ["log", "people", "policies"]
