"""The wording guard: what a client mail may not say (rules M4, M5).

Pure functions from a text, the vendors' and the clients' names to findings; nothing here
knows Django. A finding's span is a whole sentence, so that its suggestion can take its place.
"""

from notifications.wording.guard import KINDS, RULES, Finding, check_wording

__all__ = ["KINDS", "RULES", "Finding", "check_wording"]
