"""The words of monitoring. A leaf: imports nothing of ours."""

from django.db.models import TextChoices


class Kind(TextChoices):
    """What a monitor watches (rules K1 and K9)."""

    HEARTBEAT = "heartbeat", "Cron job"
    ERROR_RATE = "error_rate", "API error rate"
    BOUNCE_RATE = "bounce_rate", "Bounce rate"
    SYNC = "sync", "CRM sync"
    LEVEL = "level", "CRM records"
    CREDITS = "credits", "Credit usage"
    STATUS = "status", "Provider status"


#: Judged over a rolling window from ``total`` and ``bad``.
RATE_KINDS = (Kind.ERROR_RATE, Kind.BOUNCE_RATE)
#: Judged by the last posted ``value``.
VALUE_KINDS = (Kind.LEVEL, Kind.CREDITS)


class Measure(TextChoices):
    """What a CRM level monitor counts (rule K9)."""

    MISSING = "missing", "Missing records"
    DUPLICATE = "duplicate", "Duplicate records"
    DROPPED = "dropped", "Dropped records"


class State(TextChoices):
    """How a monitor stands. What is unknown is said to be unknown, never taken for good (K7)."""

    NEW = "new", "No signal yet"
    OK = "ok", "Fine"
    TOO_FEW = "too_few", "Too few to judge"
    UNKNOWN = "unknown", "Unknown"
    WARNING = "warning", "Warning"
    NO_DATA = "no_data", "No data"
    FAILING = "failing", "Failing"


#: From the least to the most alarming: the worst monitor decides a checklist's item (K7).
STATES_BY_WEIGHT = (
    State.OK,
    State.NEW,
    State.TOO_FEW,
    State.UNKNOWN,
    State.WARNING,
    State.NO_DATA,
    State.FAILING,
)
#: The daily or weekly item fails in these.
BAD_STATES = (State.WARNING, State.NO_DATA, State.FAILING)


class SignalKind(TextChoices):
    """One event of a job or one answer of a probe."""

    SUCCESS = "success", "succeeded"
    START = "start", "started"
    FAIL = "fail", "failed"
    LOG = "log", "log"
    MISSED = "missed", "missed"
    PROBE = "probe", "asked"


class Indicator(TextChoices):
    """A provider's own word about itself."""

    NONE = "none", "All working"
    MAINTENANCE = "maintenance", "Under maintenance"
    MINOR = "minor", "Minor trouble"
    MAJOR = "major", "Major trouble"
    CRITICAL = "critical", "Critical trouble"
    UNKNOWN = "unknown", "Unknown"


class Scope(TextChoices):
    """What a token may do; ``metrics:<slug>`` narrows it to one monitor (rule A3)."""

    METRICS = "metrics", "Post metrics"
    ALERTMANAGER = "alertmanager", "Post alerts of Alertmanager"
    REPORT = "report", "Report incidents"


class Outcome(TextChoices):
    """The answer to one item of a checklist (rule K8)."""

    PENDING = "pending", "To do"
    PASS = "pass", "Pass"
    FAIL = "fail", "Fail"
    NOT_APPLICABLE = "not_applicable", "Not applicable"


class RunState(TextChoices):
    """``missed``: its period passed while nothing of ours ran."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    MISSED = "missed", "Missed"


class Verdict(TextChoices):
    """What one check of a domain says; ``unknown`` where nobody answered."""

    GOOD = "good", "Good"
    BAD = "bad", "Bad"
    UNKNOWN = "unknown", "Unknown"


class ListKind(TextChoices):
    """What a block list is asked for."""

    IP = "ip", "Addresses"
    DOMAIN = "domain", "Domains"
