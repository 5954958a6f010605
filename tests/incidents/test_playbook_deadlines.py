"""Obligations out of a playbook: “notify affected clients if outage exceeds 1 hour” (P3, P5)."""

import datetime as dt
from typing import Any

import pytest

from incidents.actors import actor_for
from incidents.correspondence import tell_another_way
from incidents.enums import DeadlineKind, EscalationCode, MailKind, Owner, Status
from incidents.models import Deadline, Incident, Playbook
from incidents.obligations import obligations_of
from incidents.playbooks.attaching import attach_playbook, detach_playbook
from incidents.playbooks.running import find_run_step, finish_step, reopen_step, skip_step
from incidents.sweeping import sweep
from incidents.workflow import change_severity, verify_fix
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_fix,
    make_incident,
    make_playbook,
    make_playbook_step,
)

pytestmark = pytest.mark.django_db
MIN = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
TOLD = {"via": "phone", "who": "Anna", "said": "We are on it.", "about": MailKind.NOTIFICATION}


def outage(team: Team, *, at: dt.datetime = NOW + 10 * MIN, **fields: Any) -> Incident:
    """A SEV-2 with two clients; API Down is attached ten minutes after the detection."""
    fields.setdefault("clients", [make_client(), make_client()])
    incident = make_incident(**{"status": "investigating", "level": 2, "team": team} | fields)
    playbook = Playbook.objects.get(slug="api-down")
    attach_playbook(incident, playbook, by=team.actor("orchestrator"), now=at)
    return incident


def duty(incident: Incident) -> Deadline | None:
    return incident.deadlines.counted().filter(kind=DeadlineKind.PLAYBOOK).first()


def answer(incident: Incident, team: Team, *branches: str, now: dt.datetime) -> None:
    step = find_run_step(incident, "check-status")
    finish_step(incident, step, answers=branches, by=team.actor("delivery"), now=now)


def tell(incident: Incident, team: Team, *, now: dt.datetime) -> None:
    for row in incident.affected.select_related("client"):
        tell_another_way(
            incident,
            client=row.client,
            next_update_at=now + HOUR,
            at=None,
            by=team.actor("revenue"),
            now=now,
            **TOLD,
        )


def test_clients_are_to_be_told_an_hour_after_detection_P3(team: Team) -> None:
    incident = outage(team)
    row = duty(incident)
    assert row is not None
    assert (row.due_at, row.owner) == (NOW + HOUR, Owner.COMMUNICATIONS)
    assert row.note == "Notify affected clients if outage exceeds 1 hour"
    assert row.run_step == find_run_step(incident, "notify-clients")


@pytest.mark.parametrize("level", [2, 3, 4])
def test_it_is_due_below_sev1_only_P3(team: Team, level: int) -> None:
    assert duty(outage(team, level=level)) is not None
    assert duty(outage(team, level=1)) is None


def test_a_severity_raised_to_sev1_has_its_own_notice_P3_C3(team: Team) -> None:
    incident = outage(team)
    change_severity(incident, level=1, by=team.actor("orchestrator"), now=NOW + 20 * MIN)
    assert duty(incident) is None
    notices = incident.deadlines.counted().filter(kind=DeadlineKind.NOTICE)
    assert {row.due_at for row in notices} == {NOW + 35 * MIN}


def test_immediately_is_the_sev1_notice_and_not_doubled_P5(team: Team) -> None:
    incident = make_incident(
        status=Status.INVESTIGATING, level=2, team=team, clients=[make_client()]
    )
    suspension = Playbook.objects.get(slug="outreach-tool-suspension")
    attach_playbook(incident, suspension, by=team.actor("orchestrator"), now=NOW + 5 * MIN)
    assert duty(incident) is None
    [notice] = incident.deadlines.counted().filter(kind=DeadlineKind.NOTICE)
    assert notice.due_at == NOW + 20 * MIN


def test_it_stands_while_the_outage_is_undecided_or_the_providers_P3(team: Team) -> None:
    incident = outage(team)
    answer(incident, team, "provider-outage", now=NOW + 12 * MIN)
    assert duty(incident) is not None
    answer(incident, team, "our-config", now=NOW + 15 * MIN)
    assert duty(incident) is None
    answer(incident, team, "provider-outage", "our-config", now=NOW + 20 * MIN)
    row = duty(incident)
    assert row is not None
    assert row.due_at == NOW + HOUR


def test_it_is_kept_when_every_affected_client_was_told_P3(team: Team) -> None:
    incident = outage(team)
    tell(incident, team, now=NOW + 40 * MIN)
    row = duty(incident)
    assert row is not None
    assert (row.stopped_at, row.breached_at) == (NOW + 40 * MIN, None)


def test_told_late_it_is_a_breach_and_goes_to_the_coordinator_once_P3_C8(team: Team) -> None:
    incident = outage(team)
    sweep(now=NOW + 61 * MIN)
    sweep(now=NOW + 62 * MIN)
    row = duty(incident)
    assert row is not None
    assert row.breached_at == NOW + HOUR
    raised = incident.escalations.filter(rule=EscalationCode.BREACH)
    assert [escalation.occurrence for escalation in raised] == [f"playbook:{row.run_step_id}"]
    assert "“Notify affected clients if outage exceeds 1 hour” breached" in "".join(
        incident.timeline.filter(kind="breach").values_list("text", flat=True)
    )
    tell(incident, team, now=NOW + 70 * MIN)
    row.refresh_from_db()
    assert row.stopped_at == NOW + 70 * MIN
    assert row.is_breached


def test_the_owner_is_warned_before_P3_C8(team: Team) -> None:
    incident = outage(team)
    sweep(now=NOW + 50 * MIN)
    texts = incident.timeline.filter(kind="warning").values_list("text", flat=True)
    assert any("80 % of “Notify affected clients if outage exceeds 1 hour”" in t for t in texts)


def test_an_outage_that_ends_within_the_hour_owes_nothing_P3(team: Team) -> None:
    incident = outage(team)
    make_fix(incident)
    verify_fix(
        incident,
        end_to_end="Calls go through.",
        failure_test="A hundred calls.",
        by=team.actor("delivery"),
        now=NOW + 45 * MIN,
    )
    assert duty(incident) is None


def test_found_late_it_is_due_at_once_not_in_the_past_P3(team: Team) -> None:
    incident = outage(team, at=NOW + 3 * HOUR)
    row = duty(incident)
    assert row is not None
    assert row.due_at == NOW + 3 * HOUR + 15 * MIN


def test_without_clients_nobody_is_to_be_told_P3(team: Team) -> None:
    assert duty(outage(team, clients=[])) is None


@pytest.mark.parametrize("how", ["skip", "detach"])
def test_skipped_or_taken_off_it_falls_away_P3(team: Team, how: str) -> None:
    incident, by = outage(team), team.actor("orchestrator")
    answer(incident, team, "provider-outage", now=NOW + 12 * MIN)
    step = find_run_step(incident, "notify-clients")
    if how == "skip":
        reason = "It lasted ten minutes."
        skip_step(incident, step, reason=reason, by=by, now=NOW + 20 * MIN)
    else:
        playbook = step.run.playbook
        detach_playbook(incident, playbook, reason="It was ours.", by=by, now=NOW + 20 * MIN)
    assert duty(incident) is None
    assert incident.deadlines.get(kind=DeadlineKind.PLAYBOOK).voided_at == NOW + 20 * MIN
    if how == "skip":
        reopen_step(incident, step, reason="It is down again.", by=by, now=NOW + 30 * MIN)
        assert duty(incident) is not None


def test_each_playbook_may_have_duties_of_its_own_P3(team: Team) -> None:
    incident = outage(team)
    playbook = make_playbook()
    make_playbook_step(playbook, due_after=dt.timedelta(minutes=30), text="Turn it off")
    make_playbook_step(playbook, due_after=dt.timedelta(), text="Call them")
    attach_playbook(incident, playbook, by=team.actor("delivery"), now=NOW + 10 * MIN)
    rows = incident.deadlines.counted().filter(kind=DeadlineKind.PLAYBOOK)
    assert {(row.note[:8], row.due_at, row.owner) for row in rows} == {
        ("Notify a", NOW + HOUR, Owner.COMMUNICATIONS),
        ("Turn it ", NOW + 30 * MIN, Owner.TECHNICAL),
        ("Call the", NOW + 25 * MIN, Owner.TECHNICAL),
    }
    step = find_run_step(incident, 1, playbook=playbook.slug)
    finish_step(incident, step, by=team.actor("delivery"), now=NOW + 20 * MIN)
    assert rows.get(note="Turn it off").stopped_at == NOW + 20 * MIN


def test_it_stands_in_mine_now_with_its_mail_P3(team: Team) -> None:
    incident = outage(team)
    user = team.revenue.user
    assert user is not None
    rows = obligations_of(actor_for(user), now=NOW + 15 * MIN)
    [row] = [row for row in rows if row.title.startswith("Notify affected")]
    assert row.deadline is not None
    assert row.deadline.due_at == NOW + HOUR
    assert row.incident == incident
    assert not [one for one in rows if one.title.startswith("Send the notice")]
