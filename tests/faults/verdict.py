"""What came of a run: the table of the outbox held against the ledger of the servers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.feeding import HUBSPOT, TELEGRAM
from tests.faults.ledger import Arrival, Ledger
from tests.faults.places import Row

MAY_HAVE_ARRIVED = "uncertain"


@dataclass
class Verdict:
    """Of one channel. `doubled` are arrivals beyond the first of each message."""

    channel: str
    queued: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lost: list[int] = field(default_factory=list)
    doubled: Counter[int] = field(default_factory=Counter)
    #: Doubled without the outbox having said that it might be: the fault that must not be.
    doubled_unseen: list[int] = field(default_factory=list)
    #: Doubled without a word to the reader that it is the same again.
    doubled_unmarked: list[int] = field(default_factory=list)
    out_of_order: list[int] = field(default_factory=list)
    uncertain_arrived: int = 0
    repeats: int = 0

    @property
    def doubles(self) -> int:
        return sum(self.doubled.values())

    @property
    def is_sound(self) -> bool:
        """Nothing lost, nothing out of order, nothing doubled that the outbox does not show.

        In HubSpot nothing is doubled at all, and in Telegram a repeat says so to its reader.
        """
        faults = [self.lost, self.out_of_order, self.doubled_unseen]
        if self.channel == HUBSPOT:
            faults.append([*self.doubled])
        if self.channel == TELEGRAM:
            faults.append(self.doubled_unmarked)
        return not any(faults)


def judge(rows: Iterable[Row], ledger: Ledger) -> dict[str, Verdict]:
    """A verdict for each channel that was used."""
    marked = Counter(arrival.number for arrival in ledger.arrivals if arrival.is_marked_repeat)
    found: dict[str, Verdict] = {}
    for row in rows:
        verdict = found.setdefault(row.channel, Verdict(row.channel))
        _judge_row(row, ledger.counts[row.number], marked[row.number], verdict)
    channels = {row.number: row.channel for row in rows}
    for number in _out_of_order(rows, ledger.arrivals):
        found[channels[number]].out_of_order.append(number)
    return found


def _judge_row(row: Row, arrived: int, marked: int, verdict: Verdict) -> None:
    verdict.queued += 1
    verdict.states[row.state] += 1
    verdict.repeats += row.repeats
    if row.state == MAY_HAVE_ARRIVED:
        verdict.uncertain_arrived += bool(arrived)
    elif row.state != "sent" or not arrived:
        verdict.lost.append(row.number)
    extra = arrived - 1
    if extra > 0:
        verdict.doubled[row.number] = extra
        if extra > row.repeats:
            verdict.doubled_unseen.append(row.number)
        if extra > marked:
            verdict.doubled_unmarked.append(row.number)


def _out_of_order(rows: Iterable[Row], arrivals: Sequence[Arrival]) -> list[int]:
    """Messages of which a later one of the same lane arrived before their first time."""
    lanes = {row.number: row.lane for row in rows}
    seen: set[int] = set()
    highest: dict[str, int] = defaultdict(lambda: -1)
    late = []
    for arrival in arrivals:
        if arrival.number in seen or arrival.number not in lanes:
            continue
        seen.add(arrival.number)
        lane = lanes[arrival.number]
        if arrival.number < highest[lane]:
            late.append(arrival.number)
        highest[lane] = max(highest[lane], arrival.number)
    return late


HEAD = "channel    queued  lost  doubled (shown)  uncertain (arrived)  repeats  out of order"


def as_table(title: str, verdicts: dict[str, Verdict]) -> str:
    """Lines for the log, a row for each channel."""
    lines = [title, HEAD]
    for verdict in verdicts.values():
        shown = verdict.doubles - sum(verdict.doubled[n] for n in verdict.doubled_unseen)
        uncertain = verdict.states[MAY_HAVE_ARRIVED]
        lines.append(
            f"{verdict.channel:<10} {verdict.queued:>6} {len(verdict.lost):>5}"
            f" {verdict.doubles:>8} {f'({shown})':<7} {uncertain:>10}"
            f" {f'({verdict.uncertain_arrived})':<9} {verdict.repeats:>7}"
            f" {len(verdict.out_of_order):>13}"
        )
    return "\n".join(lines)
