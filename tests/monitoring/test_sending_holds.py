"""Holds on sending and their gate, replayed from the monitor's alert on (rules K2, P4, W6)."""

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client as Browser
from django.urls import reverse

from incidents.enums import EntryKind, ReleaseHow, Role, Status, StepState
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Client, Hold, Incident, SendingDomain
from incidents.playbooks.gates import gates_of
from incidents.playbooks.holds import place_holds, release_gate
from incidents.playbooks.running import find_run_step, finish_step
from incidents.records import save_client
from incidents.workflow import (
    FixDetails,
    Triage,
    cancel_incident,
    record_fix,
    resolve_incident,
    triage_incident,
    verify_fix,
)
from monitoring.enums import Kind
from monitoring.models import Monitor
from notifications.models import Message
from tests.factories import (
    NOW,
    Team,
    make_client,
    make_incident,
    make_monitor,
    make_sending_domain,
    make_sop,
    make_system,
    make_team,
    make_user,
)
from tests.monitoring.arrivals import MIN, D, H, look, post

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
DOMAIN = "go.halden.example"
FIX = FixDetails(
    done="The list was verified.",
    broke="Addresses.",
    cause="An old list.",
    tested_what="A batch",
    tested_where="Staging",
    test_result="Fine.",
)


class Story:
    """A bounce spike of 6 % that opened its incident; outreach is paused ten minutes later."""

    def __init__(self) -> None:
        make_sop()
        self.team: Team = make_team()
        self.client = make_client(name="Halden", slug="halden")
        self.domain = make_sending_domain(self.client, name=DOMAIN)
        self.monitor = make_monitor(Kind.BOUNCE_RATE, sending_domain=self.domain)
        post(self.monitor, NOW - MIN, total=1000, bad=60)
        look(self.monitor, NOW)
        self.incident = Incident.objects.get()
        self.held_at = NOW + 10 * MIN

    def triage(self) -> None:
        triage_incident(
            self.incident,
            Triage(level=2, clients=[self.client], systems=[make_system()]),
            by=self.team.actor("orchestrator"),
            now=NOW + 5 * MIN,
        )

    def pause(self) -> None:
        finish_step(
            self.incident,
            find_run_step(self.incident, "pause-outreach"),
            by=self.team.actor("delivery"),
            now=self.held_at,
        )

    def sends(self, total: int, bad: int, at: dt.datetime, *, judged: bool = True) -> None:
        post(self.monitor, at, total=total, bad=bad)
        if judged:
            look(self.monitor, at)

    def release(self, at: dt.datetime, by: str = "delivery", **given: Any) -> list[Hold]:
        return release_gate(self.incident, by=self.team.actor(by), now=at, **given)

    @property
    def gate_step(self) -> Any:
        return find_run_step(self.incident, "resume-sending")

    @property
    def is_held(self) -> bool:
        return Hold.objects.standing().filter(sending_domain=self.domain).exists()


@pytest.fixture
def story() -> Story:
    story = Story()
    story.triage()
    story.pause()
    return story


def act(ref: str, step: str, at: dt.datetime, *given: str, by: str = "devin") -> dict[str, Any]:
    out = StringIO()
    pairs = [part for text in given for part in ("--set", text)]
    arguments = [ref, step, "--as", by, "--now", at.isoformat(), "--json", *pairs]
    with contextlib.suppress(CommandError):
        call_command("act", *arguments, stdout=out)
    return dict(json.loads(out.getvalue()))


# The replay -------------------------------------------------------------------------------


def test_six_percent_opens_the_playbook_and_pausing_places_the_hold_K2_P4() -> None:
    story = Story()
    assert [run.playbook.slug for run in story.incident.runs.all()] == ["email-bounce-spike"]
    assert story.incident.suggested_severity_id == 2
    assert not Hold.objects.exists()
    answer = act(story.incident.ref, "step", story.held_at, "step=pause-outreach")
    assert answer["ok"], answer
    hold = Hold.objects.get()
    assert (hold.client, hold.sending_domain, hold.incident) == (
        story.client, story.domain, story.incident,
    )  # fmt: skip
    assert (hold.placed_at, hold.placed_by_name) == (story.held_at, "Devin")
    [told] = answer["incident"]["holds"]
    assert (told["domain"], told["released_at"]) == (DOMAIN, None)
    texts = [entry["text"] for entry in answer["incident"]["timeline"]]
    assert f"Sending from {DOMAIN} is on hold: Pause outreach immediately" in texts
    assert any(f"On hold: {DOMAIN}." in text for text in texts)


def test_the_gate_replayed_from_six_percent_to_locked_again_P4(story: Story) -> None:
    """No data, too few, 2.0 %: locked. 1.9 %: open. 2.1 % afterwards: locked again."""
    at = story.held_at + 10 * MIN
    ref = story.incident.ref
    refused = act(ref, "release", at)
    assert not refused["ok"]
    assert f"Locked: {DOMAIN}: no data, under 2 % is needed." in refused["missing"][0]
    story.sends(49, 0, at)
    refused = act(ref, "release", at + MIN)
    assert "49 of 50" in refused["missing"][0]
    story.sends(951, 20, at + 2 * MIN)
    refused = act(ref, "release", at + 3 * MIN)
    assert "2 %, under 2 % is needed" in refused["missing"][0]
    assert story.is_held
    # The next hour's batch brings the fresh sample to 1.9 %.
    story.sends(1000, 18, at + 4 * MIN)
    allowed = act(ref, "release", at + 5 * MIN)
    assert allowed["ok"], allowed
    hold = Hold.objects.get()
    assert (hold.released_at, hold.released_by_name, hold.released_how) == (
        at + 5 * MIN, "Devin", ReleaseHow.GATE,
    )  # fmt: skip
    step = story.gate_step
    assert (step.state, step.by_name, step.figure["value"]) == (StepState.DONE, "Devin", "1.9 %")
    story.sends(1000, 21, at + 2 * H)
    again = Hold.objects.standing().get()
    assert (again.placed_by_name, again.placed_at) == ("System", at + 2 * H)
    assert again.reason.startswith("Locked again. Its bounce rate is 2.1 %")
    assert story.gate_step.state == StepState.OPEN
    subjects = [m.subject for m in Message.objects.filter(key__contains=f"hold:{again.pk}:again")]
    assert len(subjects) == 2
    assert all(subject.startswith(f"On hold again: {DOMAIN}") for subject in subjects)
    refused = act(ref, "release", at + 2 * H + MIN)
    assert "no data" in refused["missing"][0]


@pytest.mark.parametrize(
    ("total", "bad", "is_open"),
    [
        (1000, 19, True),
        (1000, 20, False),
        (1000, 21, False),
        (50, 0, True),
        (50, 1, False),
        (49, 0, False),
        (51, 1, True),
        (100_000, 1_999, True),
        (100_000, 2_000, False),
    ],
)  # fmt: skip
def test_the_limit_is_strict_and_needs_the_minimum_sample_P4(
    story: Story, total: int, bad: int, is_open: bool
) -> None:
    at = story.held_at + H
    story.sends(total, bad, at, judged=False)
    [gate] = gates_of(story.incident, now=at)
    assert gate.is_open is is_open
    if is_open:
        story.release(at)
    else:
        with pytest.raises(WorkflowError, match="Sending stays on hold"):
            story.release(at)
    assert story.is_held is not is_open


def test_only_what_was_sent_after_the_hold_counts_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(50_000, 0, story.held_at - MIN)
    story.sends(5_000, 0, story.held_at)
    with pytest.raises(WorkflowError) as refused:
        story.release(at)
    assert "no data" in refused.value.missing[0].text
    # What is posted for a time to come is no evidence either.
    story.sends(5_000, 0, at + H, judged=False)
    with pytest.raises(WorkflowError):
        story.release(at)


def test_an_old_sample_is_not_fresh_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(1000, 0, at)
    with pytest.raises(WorkflowError) as refused:
        story.release(at + D)
    assert "no data" in refused.value.missing[0].text
    story.release(at + D - MIN)


def test_a_paused_or_missing_monitor_keeps_the_gate_locked_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(1000, 0, at)
    Monitor.objects.update(is_active=False)
    with pytest.raises(WorkflowError) as refused:
        story.release(at)
    assert "not watched" in refused.value.missing[0].text


def test_a_laxer_monitor_does_not_open_the_gate_P4(story: Story) -> None:
    Monitor.objects.update(warn_limit=4.5)
    at = story.held_at + H
    story.sends(1000, 30, at)
    with pytest.raises(WorkflowError, match="stays on hold"):
        story.release(at)


def test_the_worst_of_two_monitors_decides_P4(story: Story) -> None:
    other = make_monitor(Kind.BOUNCE_RATE, sending_domain=story.domain)
    at = story.held_at + H
    story.sends(1000, 0, at)
    post(other, at, total=1000, bad=50)
    with pytest.raises(WorkflowError, match="stays on hold"):
        story.release(at)


# Wherever it is tried ---------------------------------------------------------------------


def test_a_direct_post_is_refused_while_locked_P4(story: Story, sign_in: SignIn) -> None:
    url = reverse("incidents:step", args=[story.incident.ref, "release"])
    page = sign_in(Role.DELIVERY).post(url, {})
    assert page.status_code == 422
    assert "Sending stays on hold." in page.content.decode()
    step = story.gate_step
    for action in ("done", "skip", "not_applicable", "reopen", "acknowledge", "answer", "applies"):
        data = {"step": step.key, "action": action, "reason": "Hurry.", "note": "Hurry."}
        for url in (
            reverse("incidents:step", args=[story.incident.ref, "step"]),
            reverse("incidents:run-step", args=[story.incident.ref, step.pk]),
        ):
            answer = sign_in(Role.FOUNDER).post(url, data)
            assert answer.status_code in (409, 422), (action, url)
    assert story.is_held
    assert story.gate_step.is_open


def test_the_administration_neither_changes_nor_deletes_a_hold_P4(story: Story) -> None:
    browser = Browser()
    browser.force_login(make_user("founder", is_staff=True, is_superuser=True))
    hold = Hold.objects.get()
    change = reverse("admin:incidents_hold_change", args=[hold.pk])
    assert browser.get(change).status_code == 200
    data = {"released_at_0": "2026-03-10", "released_at_1": "12:00:00", "released_by_name": "Me"}
    assert browser.post(change, data).status_code == 403
    delete = reverse("admin:incidents_hold_delete", args=[hold.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 403
    listing = reverse("admin:incidents_hold_changelist")
    browser.post(
        listing,
        {"action": "delete_selected", "_selected_action": [hold.pk], "post": "yes"},
    )
    step = reverse("admin:incidents_playbookrunstep_change", args=[story.gate_step.pk])
    assert browser.post(step, {"state": "done"}).status_code == 403
    hold.refresh_from_db()
    assert hold.is_standing


def test_a_held_domain_is_not_taken_off_its_client_P4(story: Story) -> None:
    with pytest.raises(WorkflowError, match="is or was on hold"):
        save_client(
            Client.objects.get(),
            domains=[],
            systems=[],
            only_channels=[],
            by=story.team.actor("orchestrator"),
        )
    assert SendingDomain.objects.filter(name=DOMAIN).exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"released_at": NOW},
        {"released_how": "gate"},
        {"released_at": NOW, "released_by_name": "Me", "released_how": "override"},
        {"released_at": NOW, "released_by_name": "Me", "released_how": "trick"},
        {"reason": ""},
    ],
)
def test_the_database_holds_what_a_hold_may_be_P4(story: Story, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Hold.objects.update(**wrong)


def test_one_standing_hold_for_a_domain_P4(story: Story) -> None:
    delivery = story.team.actor("delivery")
    with pytest.raises(WorkflowError, match="not held already"):
        place_holds(
            story.incident, [story.domain], reason="Again.", by=delivery, now=story.held_at + MIN
        )
    hold = Hold.objects.get()
    hold.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        hold.save(force_insert=True)


# Overriding -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["orchestrator", "founder"])
def test_an_override_has_a_name_and_a_reason_P4(story: Story, role: str) -> None:
    at = story.held_at + H
    story.release(at, by=role, override_reason="The client insists.")
    hold = Hold.objects.get()
    name = story.team.actor(role).name
    assert (hold.released_how, hold.override_reason, hold.released_by_name) == (
        ReleaseHow.OVERRIDE, "The client insists.", name,
    )  # fmt: skip
    texts = [entry.text for entry in story.incident.timeline.filter(kind=EntryKind.HOLD)]
    assert f"Hold on {DOMAIN} overridden by {name}: The client insists." in texts[-1]
    assert "no data" in texts[-1]
    assert (story.gate_step.state, story.gate_step.reason) == ("done", "The client insists.")


@pytest.mark.parametrize("role", ["delivery", "revenue"])
def test_nobody_else_overrides_P4_A1(story: Story, role: str) -> None:
    story.team.orchestrator.away_until = NOW + 30 * D
    story.team.orchestrator.save()
    with pytest.raises(NotAllowedError, match="orchestrator or the founder"):
        story.release(story.held_at + H, by=role, override_reason="Hurry.")
    assert story.is_held


def test_an_override_is_not_needed_while_the_gate_is_open_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(1000, 1, at)
    story.release(at, by="delivery", override_reason="Just in case.")
    assert Hold.objects.get().released_how == ReleaseHow.GATE


def test_after_an_override_only_what_comes_then_locks_again_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(100, 10, at)
    story.release(at, by="founder", override_reason="A known list.")
    look(story.monitor, at + MIN)
    assert not story.is_held
    story.sends(100, 1, at + 2 * MIN)
    assert not story.is_held
    story.sends(100, 3, at + 3 * MIN)
    assert story.is_held


def test_releasing_twice_says_who_was_faster_P4_W1(story: Story) -> None:
    at = story.held_at + H
    story.sends(1000, 1, at)
    story.release(at)
    with pytest.raises(ConflictError) as refused:
        story.release(at, by="revenue")
    assert refused.value.missing[0].text == f"Devin released {DOMAIN}: the gate was open"


# What waits -------------------------------------------------------------------------------


def test_verify_and_resolve_wait_for_the_hold_P4_W6_W7(story: Story) -> None:
    delivery, at = story.team.actor("delivery"), story.held_at + H
    record_fix(story.incident, FIX, by=delivery, now=at)
    later = at + D + H
    story.sends(1000, 1, later)
    given = {"end_to_end": "It runs.", "failure_test": "A batch.", "by": delivery}
    with pytest.raises(WorkflowError) as refused:
        verify_fix(story.incident, now=later, **given)
    assert [item.text for item in refused.value.missing] == [f"Sending from {DOMAIN} is on hold"]
    assert refused.value.missing[0].step == "release"
    story.release(later)
    verify_fix(story.incident, now=later + MIN, **given)
    assert story.incident.status == Status.MONITORING
    place_holds(
        story.incident, [story.domain], reason="Seen more.", by=delivery, now=later + 2 * MIN
    )
    with pytest.raises(WorkflowError) as refused:
        resolve_incident(story.incident, by=story.team.actor("revenue"), now=later + 30 * H)
    assert f"Sending from {DOMAIN} is on hold" in [i.text for i in refused.value.missing]


def test_a_false_alarm_is_not_cancelled_while_something_is_held_P4(story: Story) -> None:
    boss, at = story.team.actor("orchestrator"), story.held_at + H
    with pytest.raises(WorkflowError, match="resume it first"):
        cancel_incident(story.incident, reason="A wrong figure.", by=boss, now=at)
    story.release(at, by="orchestrator", override_reason="A wrong figure.")
    cancel_incident(story.incident, reason="A wrong figure.", by=boss, now=at)


def test_a_rise_after_the_end_places_nothing_P4(story: Story) -> None:
    at = story.held_at + H
    story.sends(1000, 1, at)
    story.release(at)
    facts = {"resolved_at": at, "verified_at": at, "acknowledged_at": at, "accepted_at": at}
    Incident.objects.update(status=Status.RESOLVED, **facts)
    story.sends(1000, 30, at + H)
    assert not story.is_held


# Sends while held -------------------------------------------------------------------------


def alarms(incident: Incident) -> list[str]:
    rows = incident.timeline.filter(kind=EntryKind.HOLD, text__startswith="Alarm:")
    return [entry.text for entry in rows]


def test_a_campaign_seen_while_held_raises_one_alarm_P4_N1(story: Story, sign_in: SignIn) -> None:
    at = story.held_at + H
    story.sends(200, 1, at)
    assert alarms(story.incident) == []
    story.sends(1, 0, at + MIN)
    [text] = alarms(story.incident)
    assert text.startswith(f"Alarm: 201 mails left {DOMAIN} although it is on hold")
    told = Message.objects.filter(key__contains=":sends:")
    assert {message.subject.split(" (")[0] for message in told} == {
        f"Sends while on hold: {DOMAIN}"
    }
    assert told.count() == 2
    story.sends(500, 0, at + 2 * MIN)
    look(story.monitor, at + 3 * MIN)
    assert len(alarms(story.incident)) == 1
    assert told.count() == 2
    hold = Hold.objects.get()
    assert (hold.sent_while_held, hold.alarmed_at) == (701, at + MIN)
    page = sign_in(Role.DELIVERY).get("/").content.decode()
    assert f"701 mails left {DOMAIN} although it is on hold." in page
    story.release(at + 4 * MIN)
    assert "although it is on hold" not in sign_in(Role.DELIVERY).get("/").content.decode()


def test_test_batches_over_days_are_no_campaign_P4(story: Story) -> None:
    for day in range(6):
        story.sends(60, 3, story.held_at + H + day * D)
    assert alarms(story.incident) == []
    assert Hold.objects.get().sent_while_held == 360


def test_a_private_incidents_alarm_names_nothing_to_outsiders_P4_W11(
    story: Story, sign_in: SignIn
) -> None:
    story.sends(1000, 1, story.held_at + H)
    Incident.objects.update(is_private=True, technical_owner=None)
    page = sign_in(Role.LEGAL).get("/").content.decode()
    assert DOMAIN not in page
    assert "1 domain on hold sent mails." in page


# Without a monitor, without a domain ------------------------------------------------------


def test_domains_of_the_affected_clients_are_held_where_no_monitor_spoke_P4() -> None:
    make_sop()
    team, client = make_team(), make_client()
    domains = [make_sending_domain(client, name=f"{n}.example") for n in "ab"]
    incident = make_incident(status="investigating", level=2, team=team, clients=[client])
    act(incident.ref, "playbook", NOW, "playbook=email-bounce-spike")
    answer = act(incident.ref, "step", NOW, "step=1", "domains=b.example")
    assert answer["ok"], answer
    assert [hold.sending_domain for hold in Hold.objects.all()] == domains[1:]
    answer = act(incident.ref, "hold", NOW, "domains=a.example", "reason=To be safe.")
    assert answer["ok"], answer
    assert Hold.objects.standing().count() == 2
    refused = act(incident.ref, "hold", NOW, "domains=other.example", "reason=x")
    assert not refused["ok"]


def test_without_a_domain_the_note_says_what_was_paused_P4() -> None:
    make_sop()
    team = make_team()
    incident = make_incident(
        status="investigating", level=2, team=team, clients=[make_client(name="Acme")],
        systems=[make_system()],
    )  # fmt: skip
    act(incident.ref, "playbook", NOW, "playbook=email-bounce-spike")
    refused = act(incident.ref, "step", NOW, "step=1")
    assert refused["missing"] == [
        "A note that says what was paused by hand",
        "or a sending domain of Acme",
    ]
    assert act(incident.ref, "step", NOW, "step=1", "note=All campaigns in the tool.")["ok"]
    assert not act(incident.ref, "release", NOW)["ok"]
    assert act(incident.ref, "release", NOW, "reason=Looked at by hand.", by="alfred")["ok"]
    assert find_run_step(incident, "resume-sending").state == StepState.DONE
