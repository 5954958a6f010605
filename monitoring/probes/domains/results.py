"""What one question about a domain came to."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.enums import Verdict

_DETAIL_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Result:
    """``check`` is SPF, DKIM, DMARC or Block list; ``subject`` is what it was asked about, empty
    for the domain itself."""

    check: str
    verdict: Verdict
    detail: str
    subject: str = ""

    def as_data(self) -> dict[str, str]:
        return {
            "check": self.check,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "detail": " ".join(self.detail.replace("\0", "").split())[:_DETAIL_LENGTH],
        }


def verdict_of(results: Iterable[Result]) -> Verdict:
    """Bad where anything is bad, else unknown where anything is, else good."""
    verdicts = {result.verdict for result in results}
    for verdict in (Verdict.BAD, Verdict.UNKNOWN):
        if verdict in verdicts:
            return verdict
    return Verdict.GOOD if verdicts else Verdict.UNKNOWN
