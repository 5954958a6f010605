"""Why a step is refused, in words a person can act on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing that stands in the way.

    ``step`` names the step that mends it, ``client`` the client it is about.
    """

    text: str
    step: str = ""
    client: str = ""


class WorkflowError(Exception):
    """A step that the SOP does not allow now; ``missing`` names what to mend."""

    def __init__(self, message: str, missing: list[Missing] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.missing = missing or []


class ConflictError(WorkflowError):
    """Somebody else was faster; ``changes`` tell what happened since (rule W1)."""

    def __init__(self, message: str, changes: list[str] | None = None) -> None:
        super().__init__(message, [Missing(change) for change in changes or []])


class NotAllowedError(WorkflowError):
    """The person's roles do not include this step (rule A1)."""
