"""A SEV-1 opened on a page rings at the founder's Telegram within seconds, and within a minute
when the engine is killed meanwhile (E1, N1)."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
import requests

from tests.factories import PASSWORD
from tests.faults.browsing import Visitor
from tests.faults.conftest import sized
from tests.faults.engines import AS_IT_IS, Engine
from tests.faults.ledger import Ledger
from tests.faults.places import Place
from tests.faults.servers import free_port, mail_receiver, telegram_receiver
from tests.places import started, wait_for

pytestmark = pytest.mark.fault

REF = re.compile(r"INC-\d{4}-0*(\d+)")
RINGS_WITHIN = 15
RINGS_WITHIN_IN_SPITE_OF_A_KILL = 60


@pytest.fixture
def ledger() -> Ledger:
    """Knows a message by the incident that it names."""
    return Ledger(number=REF)


@dataclass
class Waits:
    """Seconds from the submit until Telegram accepted the message."""

    seconds: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        found = sorted(self.seconds)
        return found[min(len(found) - 1, int(len(found) * share))]

    def __str__(self) -> str:
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
        parts = [f"{name} {self.at(share):.2f}" for name, share in shares.items()]
        return ", ".join([f"min {min(self.seconds):.2f}", *parts, f"max {max(self.seconds):.2f}"])


def answers(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(f"{url}/healthz", timeout=2).status_code == HTTPStatus.OK
    return False


@contextmanager
def served(place: Place, *command: str) -> Iterator[str]:
    """The address of pages that answer."""
    log = place.folder / "serve.log"
    port = str(free_port())
    place.services["SITE_URL"] = f"http://127.0.0.1:{port}"
    with started(*command, "--port", port, environ=place.environ, log=log):
        url = place.services["SITE_URL"]
        assert wait_for(lambda: answers(url), 60), log.read_text()
        yield url


def visitor_of(url: str) -> Visitor:
    visitor = Visitor(url)
    visitor.sign_in("alfred", PASSWORD)
    return visitor


def wait_for_ring(ledger: Ledger, ref: str, seconds: float) -> float:
    """When Telegram accepted the first message about the incident."""
    found = REF.search(ref)
    assert found
    number = int(found[1])
    assert wait_for(lambda: ledger.counts[number] > 0, seconds), f"{ref} did not ring"
    return next(arrival.at for arrival in ledger.arrivals if arrival.number == number)


def test_sev1_rings_within_seconds_E1(
    place: Place, ledger: Ledger, say: Callable[[str], None]
) -> None:
    count = sized(8, 100)
    place.run("-m", "tests.faults.staffing", str(count))
    waits = Waits()
    with (
        mail_receiver(place, Ledger()),
        telegram_receiver(place, ledger),
        served(place, "manage.py", "serve") as url,
    ):
        alfred = visitor_of(url)
        for number in range(count):
            # Whatever the engine is at just now.
            time.sleep(random.uniform(0, 2))
            began = time.monotonic()
            ref = alfred.open_sev1(title=f"Agent {number} stands", system=f"agent-{number}")
            waits.seconds.append(wait_for_ring(ledger, ref, 120) - began)
    say(f"SEV-1 to Telegram, {count} runs, seconds: {waits}")
    assert waits.at(0.99) < RINGS_WITHIN
    assert set(ledger.counts.values()) == {1}


def test_sev1_rings_within_a_minute_when_the_engine_is_killed_E1(
    place: Place, ledger: Ledger, say: Callable[[str], None]
) -> None:
    """Half of the kills come at any time, half when the message is just in the engine's hands."""
    count = sized(4, 20)
    place.run("-m", "tests.faults.staffing", str(count))
    waits, pages = Waits(), web_server()
    with (
        mail_receiver(place, Ledger()),
        telegram_receiver(place, ledger, delay=0.1),
        served(place, *pages) as url,
    ):
        engine = Engine(place, command=AS_IT_IS)
        engine.start()
        try:
            alfred = visitor_of(url)
            for number in range(count):
                began = time.monotonic()
                ref = alfred.open_sev1(title=f"Agent {number} stands", system=f"agent-{number}")
                kill_and_start_again(place, engine, in_its_hands=bool(number % 2))
                waits.seconds.append(wait_for_ring(ledger, ref, 180) - began)
        finally:
            engine.end()
    say(f"SEV-1 to Telegram with a kill, {count} runs, seconds: {waits}")
    assert max(waits.seconds) < RINGS_WITHIN_IN_SPITE_OF_A_KILL


def web_server() -> list[str]:
    """As `serve` starts it; the engine is killed and started by the test."""
    return [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--no-ws",
        "--workers",
        "1",
        "config.wsgi:application",
    ]


def kill_and_start_again(place: Place, engine: Engine, *, in_its_hands: bool) -> None:
    if in_its_hands:
        wait_for_held(place, engine)
    else:
        time.sleep(random.uniform(0, 1.5))
    engine.kill()
    # The pause that `serve` makes before it starts a child again.
    time.sleep(1)
    engine.start()


def wait_for_held(place: Place, engine: Engine) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        engine.freeze()
        if place.ask(
            "SELECT 1 FROM notifications_message WHERE channel = 'telegram'"
            " AND state IN ('leased', 'sending')"
        ):
            return
        engine.thaw()
        time.sleep(0.01)
