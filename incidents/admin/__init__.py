"""The administration: policies and data fixes; what the workflow wrote is only read there."""

from incidents.admin import incidents, log, people, policies

__all__ = ["incidents", "log", "people", "policies"]
