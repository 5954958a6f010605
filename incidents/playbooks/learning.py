"""What the playbooks teach: how they were used, and what none was there for (rule P8)."""

import datetime as dt
import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.utils import timezone

from incidents.enums import DeadlineKind, Status, StepState
from incidents.models import Deadline, Incident, Playbook, PlaybookRun, PlaybookRunStep
from incidents.models.incident import Viewer

#: So many incidents without a playbook are listed; more are counted.
MOST_LISTED = 100
MOST_REASONS = 5
WORKED = (StepState.DONE, StepState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class PlaybookUse:
    """One playbook in the overview."""

    playbook: Playbook
    used: int
    last_used_at: dt.datetime | None
    skipped: int
    overdue: int


@dataclass(slots=True)
class StepLesson:
    """What became of one step over all runs; a step is known by its key."""

    key: str
    number: int
    text: str
    done: int = 0
    skipped: int = 0
    not_applicable: int = 0
    open: int = 0
    overdue: int = 0
    durations: list[dt.timedelta] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def median(self) -> dt.timedelta | None:
        """Of the time from the step worked before it to this one; None where nothing is known."""
        return _median(self.durations)

    @property
    def top_reasons(self) -> list[tuple[str, int]]:
        return self.reasons.most_common(MOST_REASONS)


@dataclass(frozen=True, slots=True)
class PlaybookLessons:
    """What the runs of one playbook say."""

    used: int
    taken_off: int
    #: From attaching to the last step settled, of the runs in which no step is open.
    median: dt.timedelta | None
    steps: list[StepLesson]

    @property
    def most_skipped(self) -> list[StepLesson]:
        rows = [step for step in self.steps if step.skipped]
        return sorted(rows, key=lambda step: -step.skipped)[:MOST_REASONS]


@dataclass(frozen=True, slots=True)
class MonthWithout:
    """The incidents of one month that no playbook was there for."""

    month: dt.date
    incidents: list[Incident]


def use_of_playbooks(viewer: Viewer) -> list[PlaybookUse]:
    """Every playbook with how often it was used, on what the viewer may see; three queries."""
    runs = _runs_seen(viewer)
    used: dict[int, dict[str, Any]] = {
        row["playbook"]: dict(row)
        for row in runs.values("playbook").annotate(used=Count("pk"), last=Max("attached_at"))
    }
    skipped = _counted(
        PlaybookRunStep.objects.filter(run__in=runs, state=StepState.SKIPPED), "run__playbook"
    )
    overdue = _counted(_overdue(runs), "run_step__run__playbook")
    return [
        PlaybookUse(
            playbook,
            used=used.get(playbook.pk, {}).get("used", 0),
            last_used_at=used.get(playbook.pk, {}).get("last"),
            skipped=skipped[playbook.pk],
            overdue=overdue[playbook.pk],
        )
        for playbook in Playbook.objects.order_by("-is_active", "title")
    ]


def lessons_of(playbook: Playbook, viewer: Viewer) -> PlaybookLessons:
    """How the runs of a playbook went, step by step; three queries however many there are."""
    runs = _runs_seen(viewer).filter(playbook=playbook)
    rows = list(runs)
    lessons: dict[str, StepLesson] = {}
    whole: list[dt.timedelta] = []
    steps = PlaybookRunStep.objects.filter(run__in=runs).order_by("run", "number")
    by_run = {key: list(some) for key, some in itertools.groupby(steps, key=lambda s: s.run_id)}
    for run in rows:
        some = by_run.get(run.pk, [])
        for step in some:
            _learn(lessons.setdefault(step.key, _lesson(step)), step)
        for step, taken in _durations(run, some):
            lessons[step.key].durations.append(taken)
        ends = [step.at for step in some if step.at is not None]
        if ends and len(ends) == len(some):
            whole.append(max(ends) - run.attached_at)
    for key in _overdue(runs).values_list("run_step__key", flat=True):
        lessons[key].overdue += 1
    return PlaybookLessons(
        used=len(rows),
        taken_off=sum(not run.is_standing for run in rows),
        median=_median(whole),
        steps=sorted(lessons.values(), key=lambda lesson: lesson.number),
    )


def without_playbook(viewer: Viewer) -> QuerySet[Incident]:
    """P8: incidents that were dealt with and never had a playbook, the newest first.

    False alarms and duplicates teach nothing; those not triaged yet may still get one.
    """
    runs = PlaybookRun.objects.standing().filter(incident=OuterRef("pk"))
    return (
        Incident.objects.visible_to(viewer)
        .exclude(status__in=(Status.CANCELLED, Status.DETECTED))
        .filter(~Exists(runs))
        .order_by("-detected_at", "-pk")
    )


def months_without_playbook(viewer: Viewer) -> list[MonthWithout]:
    """The newest MOST_LISTED of them by the month of detection, in the agency's zone."""
    rows = without_playbook(viewer).select_related("severity")[:MOST_LISTED]
    months: dict[dt.date, list[Incident]] = defaultdict(list)
    zone = timezone.get_default_timezone()
    for incident in rows:
        months[incident.detected_at.astimezone(zone).date().replace(day=1)].append(incident)
    return [MonthWithout(month, incidents) for month, incidents in months.items()]


def _runs_seen(viewer: Viewer) -> QuerySet[PlaybookRun]:
    visible = Incident.objects.visible_to(viewer).order_by().values("pk")
    return PlaybookRun.objects.filter(incident__in=visible).order_by()


def _overdue(runs: QuerySet[PlaybookRun]) -> QuerySet[Deadline]:
    """P3: obligations of the steps that were not kept in time."""
    return (
        Deadline.objects.counted()
        .filter(
            kind=DeadlineKind.PLAYBOOK,
            breached_at__isnull=False,
            run_step__run__in=runs.values("pk"),
        )
        .order_by()
    )


def _counted(rows: QuerySet[PlaybookRunStep] | QuerySet[Deadline], name: str) -> Counter[int]:
    pairs = rows.order_by().values_list(name).annotate(count=Count("pk"))
    return Counter(dict(pairs))


def _lesson(step: PlaybookRunStep) -> StepLesson:
    return StepLesson(step.key, step.number, step.text)


def _learn(lesson: StepLesson, step: PlaybookRunStep) -> None:
    """Count one copy of the step; the newest words and place are those of the last run."""
    lesson.number, lesson.text = step.number, step.text
    if step.state == StepState.OPEN:
        lesson.open += 1
    elif step.state == StepState.SKIPPED:
        lesson.skipped += 1
        lesson.reasons[step.reason] += 1
    elif step.state == StepState.NOT_APPLICABLE:
        lesson.not_applicable += 1
    else:
        lesson.done += 1


def _durations(
    run: PlaybookRun, steps: Iterable[PlaybookRunStep]
) -> Iterator[tuple[PlaybookRunStep, dt.timedelta]]:
    """From attaching to the first step worked, from each step to the next, in the order of time."""
    worked = [(step.at, step) for step in steps if step.at is not None and step.state in WORKED]
    before = run.attached_at
    for at, step in sorted(worked, key=lambda pair: (pair[0], pair[1].number)):
        yield step, max(at - before, dt.timedelta())
        before = at


def _median(durations: Sequence[dt.timedelta]) -> dt.timedelta | None:
    if not durations:
        return None
    seconds = statistics.median(one.total_seconds() for one in durations)
    return dt.timedelta(seconds=round(seconds))
