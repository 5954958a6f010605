"""The clocks as pure functions; every expected instant is written out by hand from the SOP."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from incidents.clocks import (
    ClientFacts,
    Facts,
    Plan,
    Terms,
    acknowledged_moment,
    plan_deadlines,
    review_due,
    same_day_due,
)
from incidents.enums import Communication, DeadlineKind, Status

H = dt.timedelta(hours=1)
MIN = dt.timedelta(minutes=1)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SEV1 = Terms(1 * H, 4 * H, 1 * H, Communication.IMMEDIATE, 15 * MIN, True, 24 * H)
SEV2 = Terms(4 * H, 24 * H, 24 * H, Communication.SAME_DAY)
SEV3 = Terms(24 * H, 72 * H, 24 * H, Communication.NEXT_UPDATE)
SEV4 = Terms(72 * H, 168 * H, 24 * H, Communication.SCHEDULE)
T0 = dt.datetime(2026, 3, 10, 11, 52, tzinfo=dt.UTC)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def make_facts(terms: Terms | None = None, **fields: object) -> Facts:
    defaults: dict[str, object] = {
        "status": Status.TRIAGED if terms else Status.DETECTED,
        "detected_at": T0,
        "provisional_terms": SEV1,
        "untriaged_limit": 30 * MIN,
        "same_day_minimum": 1 * H,
        "terms": terms,
        "triaged_at": T0 + 9 * MIN if terms else None,
        "severe_since": T0 + 9 * MIN if terms else None,
    }
    return Facts(**{**defaults, **fields})  # type: ignore[arg-type]


def make_facts_client(pk: int = 1, **fields: object) -> ClientFacts:
    defaults: dict[str, object] = {"zone": BERLIN, "added_at": T0 + 9 * MIN, "told_at": None}
    return ClientFacts(id=pk, **{**defaults, **fields})  # type: ignore[arg-type]


def plans(facts: Facts) -> dict[tuple[str, int | None], Plan]:
    return {(plan.kind, plan.client_id): plan for plan in plan_deadlines(facts)}


@pytest.mark.parametrize(
    ("terms", "acknowledge", "resolve"),
    [
        (SEV1, "2026-03-10 12:52", "2026-03-10 15:52"),
        (SEV2, "2026-03-10 15:52", "2026-03-11 11:52"),
        (SEV3, "2026-03-11 11:52", "2026-03-13 11:52"),
        (SEV4, "2026-03-13 11:52", "2026-03-17 11:52"),
    ],
)
def test_limits_run_from_detection_S1_S2_C1(terms: Terms, acknowledge: str, resolve: str) -> None:
    found = plans(make_facts(terms))
    assert found[DeadlineKind.ACKNOWLEDGE, None].due_at == at(acknowledge)
    assert found[DeadlineKind.RESOLVE, None].due_at == at(resolve)


def test_untriaged_runs_on_a_provisional_sev1_acknowledge_clock_C2() -> None:
    found = plans(make_facts())
    assert found[DeadlineKind.ACKNOWLEDGE, None].due_at == at("2026-03-10 12:52")
    assert found[DeadlineKind.ACKNOWLEDGE, None].is_provisional
    assert (DeadlineKind.RESOLVE, None) not in found


def test_acknowledged_when_the_last_client_was_told_C3() -> None:
    told = make_facts_client(1, told_at=T0 + 20 * MIN)
    assert acknowledged_moment(make_facts(SEV1, clients=(told, make_facts_client(2)))) is None
    second = make_facts_client(2, told_at=T0 + 25 * MIN)
    assert acknowledged_moment(make_facts(SEV1, clients=(told, second))) == T0 + 25 * MIN


@pytest.mark.parametrize("terms", [SEV1, SEV2, SEV3, SEV4])
def test_without_clients_accepting_acknowledges_C3(terms: Terms) -> None:
    assert acknowledged_moment(make_facts(terms)) is None
    accepted = make_facts(terms, accepted_at=T0 + 5 * MIN)
    assert acknowledged_moment(accepted) == T0 + 5 * MIN


@pytest.mark.parametrize("terms", [SEV3, SEV4])
def test_minor_reports_need_acceptance_and_the_reply_C3(terms: Terms) -> None:
    silent = make_facts_client(2)
    reporter = make_facts_client(1, is_reporter=True)
    accepted = make_facts(terms, accepted_at=T0 + 5 * MIN, clients=(reporter, silent))
    assert acknowledged_moment(accepted) is None
    told = replace(reporter, told_at=T0 + 30 * MIN)
    assert acknowledged_moment(replace(accepted, clients=(told, silent))) == T0 + 30 * MIN


def test_sev1_notice_is_due_15_minutes_after_triage_C3() -> None:
    found = plans(make_facts(SEV1, clients=(make_facts_client(1),)))
    assert found[DeadlineKind.NOTICE, 1].due_at == at("2026-03-10 12:16")


def test_sev1_notice_of_a_client_added_later_counts_from_adding_C3() -> None:
    late = make_facts_client(1, added_at=T0 + 60 * MIN)
    found = plans(make_facts(SEV1, clients=(late,)))
    assert found[DeadlineKind.NOTICE, 1].due_at == at("2026-03-10 13:07")


def test_upgrade_counts_the_notice_from_the_upgrade_C3() -> None:
    facts = make_facts(SEV1, severe_since=T0 + 120 * MIN, clients=(make_facts_client(1),))
    assert plans(facts)[DeadlineKind.NOTICE, 1].due_at == at("2026-03-10 14:07")


def test_resolve_stops_at_the_verified_fix_C4() -> None:
    found = plans(make_facts(SEV2, verified_at=T0 + 3 * H))
    assert found[DeadlineKind.RESOLVE, None].stopped_at == T0 + 3 * H


def test_a_workaround_stops_resolve_for_sev1_only_and_owes_a_follow_up_C4() -> None:
    sev1 = plans(make_facts(SEV1, workaround_at=T0 + 2 * H))
    assert sev1[DeadlineKind.RESOLVE, None].stopped_at == T0 + 2 * H
    assert sev1[DeadlineKind.FOLLOW_UP, None].due_at == at("2026-03-11 13:52")
    sev2 = plans(make_facts(SEV2, workaround_at=T0 + 2 * H))
    assert sev2[DeadlineKind.RESOLVE, None].stopped_at is None
    assert (DeadlineKind.FOLLOW_UP, None) not in sev2


@pytest.mark.parametrize(
    ("terms", "ends"),
    [
        (SEV1, "2026-03-10 14:52"),
        (SEV2, "2026-03-11 13:52"),
        (SEV3, "2026-03-11 13:52"),
        (SEV4, "2026-03-11 13:52"),
    ],
)
def test_stability_window_S4(terms: Terms, ends: str) -> None:
    found = plans(make_facts(terms, verified_at=T0 + 2 * H))
    assert found[DeadlineKind.WINDOW, None].due_at == at(ends)


@pytest.mark.parametrize(
    ("start", "zone", "due"),
    [
        ("2026-03-10 11:52", BERLIN, "2026-03-10 15:52"),  # the limit comes first
        ("2026-03-10 20:00", BERLIN, "2026-03-10 23:00"),  # the client's midnight comes first
        ("2026-03-10 22:40", BERLIN, "2026-03-10 23:40"),  # never sooner than one hour
        ("2026-03-10 22:40", NEW_YORK, "2026-03-11 02:40"),  # evening over there
        ("2026-03-28 22:30", BERLIN, "2026-03-28 23:30"),  # the night before summer time
        ("2026-03-29 20:00", BERLIN, "2026-03-29 22:00"),  # midnight is at 22:00 UTC by then
    ],
)
def test_same_day_is_limit_or_midnight_but_an_hour_at_least_C7(
    start: str, zone: ZoneInfo, due: str
) -> None:
    assert same_day_due(at(start), within=4 * H, zone=zone, minimum=1 * H) == at(due)


def test_sev2_notice_is_same_day_per_client_C7() -> None:
    facts = make_facts(
        SEV2,
        detected_at=at("2026-03-10 20:00"),
        triaged_at=at("2026-03-10 20:05"),
        clients=(
            make_facts_client(1, added_at=at("2026-03-10 20:05")),
            make_facts_client(2, added_at=at("2026-03-10 20:05"), zone=NEW_YORK),
        ),
    )
    found = plans(facts)
    assert found[DeadlineKind.NOTICE, 1].due_at == at("2026-03-10 23:00")
    assert found[DeadlineKind.NOTICE, 2].due_at == at("2026-03-11 00:00")


@pytest.mark.parametrize("terms", [SEV3, SEV4])
def test_minor_incidents_have_no_urgent_notice_S3(terms: Terms) -> None:
    found = plans(make_facts(terms, clients=(make_facts_client(1),)))
    assert (DeadlineKind.NOTICE, 1) not in found


def test_sev4_planned_fix_is_a_reminder_C3() -> None:
    found = plans(make_facts(SEV4, planned_fix_at=at("2026-03-16 09:00")))
    assert found[DeadlineKind.PLANNED_FIX, None].due_at == at("2026-03-16 09:00")


@pytest.mark.parametrize(
    ("resolved", "days", "working", "due"),
    [
        ("2026-03-10 16:00", 3, False, "2026-03-13 22:59:59"),
        ("2026-03-10 23:30", 3, False, "2026-03-14 22:59:59"),  # already the 11th in Berlin
        ("2026-03-26 12:00", 3, False, "2026-03-29 21:59:59"),  # summer time begins that day
        ("2026-03-10 16:00", 5, True, "2026-03-17 22:59:59"),
        ("2026-03-31 12:00", 5, True, "2026-04-09 21:59:59"),  # Good Friday, Easter Monday
        ("2026-03-14 12:00", 5, True, "2026-03-20 22:59:59"),  # resolved on a Saturday
    ],
)
def test_post_incident_entry_is_due_at_the_end_of_the_day_S5(
    resolved: str, days: int, working: bool, due: str
) -> None:
    found = review_due(at(resolved), days=days, in_working_days=working, zone=BERLIN, country="DE")
    assert found == at(due)


def test_cancelled_has_no_deadlines_W1() -> None:
    assert plan_deadlines(make_facts(SEV1, status=Status.CANCELLED)) == []
