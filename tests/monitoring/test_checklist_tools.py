"""The weekly look at our tools: every kind of monitor that says something of one (rule K8)."""

import datetime as dt
from typing import Any

import pytest

from incidents.enums import Side
from incidents.models import Hold
from monitoring.checklists.tools import ToolReport, report_tools
from monitoring.enums import Kind, State, Verdict
from monitoring.models import DomainCheck, Monitor, MonitorStatus
from tests.factories import (
    NOW,
    make_client,
    make_incident,
    make_monitor,
    make_sending_domain,
    make_system,
)

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)


def put(kind: str, state: str, value_text: str = "", **fields: Any) -> Monitor:
    """A monitor that stands so."""
    monitor = make_monitor(kind, **fields)
    MonitorStatus.objects.filter(pk=monitor.pk).update(
        state=state, value_text=value_text, check_at=NOW + MINUTE, last_signal_at=NOW - MINUTE
    )
    return monitor


def make_tool(name: str, vendor: str = "Vendor") -> Any:
    return make_system(name=name, side=Side.THIRD_PARTY, vendor=vendor)


def table(report: ToolReport, title: str) -> list[tuple[Any, ...]]:
    return next(list(one.rows) for one in report.tables if one.title == title)


@pytest.mark.parametrize("kind", Kind.values)
@pytest.mark.parametrize("state", [State.FAILING, State.WARNING, State.NO_DATA, State.UNKNOWN])
def test_every_kind_of_monitor_tells_of_its_tool_K8(kind, state):
    monitor = put(kind, state, "odd", name="m", system=make_tool("Sending", "Instantly"))
    report = report_tools(now=NOW)
    assert report.value == "0 of 1 tools fine"
    assert report.lines == ("0 of 1 tools fine", "m: odd")
    assert report.monitors == (monitor.pk,)
    [(name, word, said)] = table(report, "Tools")
    assert (name, word) == ("Sending (Instantly)", State(state).label)
    assert said.endswith(": odd")


def test_the_worst_monitor_of_a_tool_decides_K7():
    tool = make_tool("Sending", "Instantly")
    put(Kind.STATUS, State.OK, "all working", system=tool, name="Its page")
    put(Kind.CREDITS, State.WARNING, "18 %", system=tool, name="Its credits")
    api = make_tool("Apollo enrichment", "Apollo")
    put(Kind.ERROR_RATE, State.OK, "0.4 %", system=api, name="Its API")
    report = report_tools(now=NOW)
    assert report.value == "1 of 2 tools fine"
    assert table(report, "Tools") == [
        ("Sending (Instantly)", "Warning", "Its credits: 18 %; Its page: all working"),
        ("Apollo enrichment", "Fine", "Its API: 0.4 %"),
    ]


def test_too_few_beside_a_green_one_is_fine_and_alone_it_is_not_K7():
    tool = make_tool("Drafting")
    put(Kind.ERROR_RATE, State.TOO_FEW, "12 of 20", system=tool)
    assert report_tools(now=NOW).value == "0 of 1 tools fine"
    assert report_tools(now=NOW).monitors == ()
    put(Kind.STATUS, State.OK, "all working", system=tool)
    assert report_tools(now=NOW).value == "1 of 1 tools fine"


def test_a_tool_that_nobody_watches_is_never_fine_K7():
    make_tool("Sending, backup", "Smartlead")
    make_system(name="Our dashboard", side=Side.OURS)
    report = report_tools(now=NOW)
    assert report.lines == (
        "0 of 1 tools fine",
        "Sending, backup (Smartlead): not watched",
    )
    assert table(report, "Tools") == [("Sending, backup (Smartlead)", "not watched", "no monitor")]


def test_a_paused_monitor_leaves_its_tool_unwatched_K7():
    monitor = put(Kind.STATUS, State.OK, system=make_tool("CRM", "HubSpot"))
    Monitor.objects.filter(pk=monitor.pk).update(is_active=False)
    assert report_tools(now=NOW).lines[-1] == "CRM (HubSpot): not watched"


def test_nothing_to_tell_of_says_so():
    put(Kind.HEARTBEAT, State.FAILING)
    assert report_tools(now=NOW).lines == ("No tool is watched",)


def test_domains_tell_bounces_reputation_and_holds_K8():
    client = make_client(name="Acme")
    held = make_sending_domain(name="a.example", client=client)
    make_sending_domain(name="b.example", client=client)
    put(Kind.BOUNCE_RATE, State.FAILING, "11.8 %", sending_domain=held)
    DomainCheck.objects.create(
        domain=held, month=dt.date(2026, 2, 1), checked_at=NOW, verdict=Verdict.GOOD
    )
    DomainCheck.objects.create(
        domain=held, month=dt.date(2026, 3, 1), checked_at=NOW, verdict=Verdict.BAD
    )
    place_hold(held, client)
    rows = table(report_tools(now=NOW), "Sending domains")
    assert rows[0][:3] == ("a.example", "Acme", "11.8 %")
    assert rows[0][3].startswith("Bad, ")
    assert rows[0][4] == "on hold"
    assert rows[1] == ("b.example", "Acme", "not watched", "not asked", "free")


def test_a_hold_of_a_private_incident_is_not_told_W11():
    client = make_client()
    domain = make_sending_domain(client=client)
    place_hold(domain, client, incident=make_incident(is_private=True))
    assert table(report_tools(now=NOW), "Sending domains")[0][4] == "free"


def place_hold(domain: Any, client: Any, **fields: Any) -> None:
    Hold.objects.create(
        sending_domain=domain,
        client=client,
        placed_at=NOW,
        placed_by_name="Devin",
        reason="Bounces",
        **fields,
    )


@pytest.mark.parametrize("number", [1, 20])
def test_the_look_costs_the_same_queries(django_assert_max_num_queries, number):
    for index in range(number):
        domain = make_sending_domain(name=f"d{index}.example")
        put(Kind.BOUNCE_RATE, State.OK, "1 %", sending_domain=domain, system=make_tool(f"T{index}"))
        make_tool(f"U{index}")
    with django_assert_max_num_queries(5):
        report_tools(now=NOW)
