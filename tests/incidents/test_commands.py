"""The commands: whole incidents replayed against clocks worked out by hand, and every refusal."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents.enums import Origin, Role, Status
from incidents.models import Incident
from notifications.models import Message
from tests.factories import (
    make_client,
    make_incident,
    make_premium_client,
    make_responder,
    make_sop,
    make_system,
    make_team,
    make_user,
)

pytestmark = pytest.mark.django_db


def command(*words: str) -> str:
    """What a command prints. Raises CommandError where it ends with status 1."""
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def answer(*words: str) -> Any:
    return json.loads(command(*words, "--json"))


def refused(*words: str) -> dict[str, Any]:
    """The JSON of a refusal; the error's line is under ``line``, its status 1."""
    out = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command(*words, "--json", stdout=out)
    assert error.value.returncode == 1
    return json.loads(out.getvalue()) | {"line": str(error.value)}


class Day:
    """Replays steps of one incident at instants of one stretch of time."""

    def __init__(self, *words: str, at: str) -> None:
        self.opened = answer("open_incident", *words, "--now", at)
        self.ref = self.opened["ref"]
        self.incident = answer("show", self.ref, "--now", at)

    def act(self, at: str, username: str, step: str, *fields: str) -> dict[str, Any]:
        """Take a step, settle what was due and deliver what was queued; the new incident."""
        words = [word for field in fields for word in ("--set", field)]
        result = answer("act", self.ref, step, "--as", username, *words, "--now", at)
        assert result["ok"] is True
        return self.look(at)

    def refuse(self, at: str, username: str, step: str, *fields: str) -> list[str]:
        words = [word for field in fields for word in ("--set", field)]
        result = refused("act", self.ref, step, "--as", username, *words, "--now", at)
        assert result["ok"] is False
        return result["missing"]

    def deliver(self, at: str) -> dict[str, Any]:
        command("deliver", "--now", at)
        return self.look(at)

    def sweep(self, at: str) -> dict[str, Any]:
        command("sweep", "--now", at)
        return self.look(at)

    def look(self, at: str) -> dict[str, Any]:
        self.incident = answer("show", self.ref, "--now", at)
        return self.incident

    def clock(self, name: str) -> tuple[Any, ...] | None:
        """Due, stopped, breached; instants without their date's year and zone."""
        clock = self.incident["clocks"][name]
        return clock and (_short(clock["due_at"]), _short(clock["stopped_at"]), clock["breached"])

    def deadline(self, kind: str, client: str | None = None) -> tuple[Any, ...] | None:
        """The last standing deadline of a kind."""
        found = [
            row
            for row in self.incident["deadlines"]
            if row["kind"] == kind and row["client"] == client
        ]
        if not found:
            return None
        return (_short(found[-1]["due_at"]), _short(found[-1]["stopped_at"]), found[-1]["breached"])


def _short(instant: str | None) -> str | None:
    """``2026-03-10T12:52:00+00:00`` as ``10T12:52``; seconds are shown where there are any."""
    if instant is None:
        return None
    assert instant.startswith("2026-03-")
    assert instant.endswith("+00:00")
    text = instant.removeprefix("2026-03-").removesuffix("+00:00")
    return text.removesuffix(":00")


NOTICE = ("kind=notification", "what_happening=We have paused sending your emails.")
RESOLVED = (
    "kind=resolved",
    "what_happened=Sending was paused.",
    "what_did=We cleaned the list and resumed.",
)
FIX = (
    "broke=Sending",
    "cause=Bad addresses in the list",
    "tested_what=A batch of 50",
    "tested_where=A test domain",
    "test_result=No bounce",
)


@pytest.fixture
def scene(smtp_server):
    """A Premium and a Standard client on one third-party system; everybody of the SOP."""
    make_sop()
    make_team()
    halden = make_premium_client(
        name="Halden Solar", slug="halden", contact_email="anna@halden.example"
    )
    brightwater = make_client(
        name="Brightwater Dental",
        slug="brightwater",
        contact_email="maria@brightwater.example",
        time_zone="America/New_York",
    )
    make_system(
        name="Outreach",
        slug="outreach",
        side="third_party",
        vendor="Mailwind",
        plain_name="your outreach emails",
        clients=[halden, brightwater],
    )
    return smtp_server


def test_a_sev1_replayed_has_the_clocks_of_the_sop_C1_C2_C3_C4_S1_S2_S4_S5_M6_W7_W8(scene):
    day = Day(
        "--title",
        "Outreach paused",
        "--source",
        "monitoring",
        "--system",
        "outreach",
        "--severity",
        "1",
        "--detected-at",
        "2026-03-10T11:52:00Z",
        at="2026-03-10T11:54:00Z",
    )
    assert day.opened == {"ref": "INC-2026-0001", "joined": False}
    # Provisional: SEV-1's hour from the detection, not from the opening (C1, C2).
    assert day.clock("acknowledge") == ("10T12:52", None, False)
    assert day.incident["clocks"]["acknowledge"]["provisional"] is True
    assert day.clock("resolve") is None

    day.act("2026-03-10T12:01:00Z", "alfred", "triage", "level=SEV-1", "reason=Sending stopped.")
    assert day.incident["status"] == "triaged"
    assert [client["slug"] for client in day.incident["clients"]] == ["brightwater", "halden"]
    assert day.clock("acknowledge") == ("10T12:52", None, False)
    assert day.incident["clocks"]["acknowledge"]["provisional"] is False
    assert day.clock("resolve") == ("10T15:52", None, False)
    assert day.deadline("notice", "halden") == ("10T12:16", None, False)
    assert day.deadline("notice", "brightwater") == ("10T12:16", None, False)

    day.act("2026-03-10T12:04:00Z", "rick", "draft", *NOTICE)
    day.act("2026-03-10T12:05:00Z", "rick", "send", "kind=notification")
    assert day.clock("acknowledge") == ("10T12:52", None, False)
    day.deliver("2026-03-10T12:06:00Z")
    assert {mail.recipients[0] for mail in scene.mails if "Issue" in mail.message["Subject"]} == {
        "anna@halden.example",
        "maria@brightwater.example",
    }
    assert day.clock("acknowledge") == ("10T12:52", "10T12:06", False)
    assert day.deadline("notice", "halden") == ("10T12:16", "10T12:06", False)
    assert day.deadline("promise", "halden") == ("10T13:05", None, False)

    day.act("2026-03-10T12:12:00Z", "devin", "investigate", "found=Bad list", "side=third-party")
    assert day.incident["fault_side"] == "third_party"
    day.act("2026-03-10T12:15:00Z", "devin", "contain", "done=Paused outreach.")
    assert day.clock("resolve") == ("10T15:52", None, False)
    assert "Test evidence" in " ".join(
        day.refuse("2026-03-10T12:20:00Z", "devin", "fix", "broke=b", "cause=c", "done=d")
    )
    day.act("2026-03-10T12:50:00Z", "devin", "workaround", "done=Another domain", *FIX)
    # A workaround stops the resolve clock of a SEV-1; its follow-up is due a day later (C4).
    assert day.clock("resolve") == ("10T15:52", "10T12:50", False)
    assert day.deadline("follow_up") == ("11T12:50", None, False)

    day.act(
        "2026-03-10T13:00:00Z", "rick", "draft", "kind=update", "update_text=We are still on it."
    )
    day.act("2026-03-10T13:00:00Z", "rick", "send", "kind=update")
    day.deliver("2026-03-10T13:01:00Z")
    assert day.deadline("promise", "halden") == ("10T14:00", None, False)

    day.act("2026-03-10T13:40:00Z", "devin", "fix", "done=Cleaned the list", *FIX)
    day.act("2026-03-10T13:50:00Z", "devin", "verify", "end_to_end=Sent.", "failure_test=Bounced.")
    assert day.incident["status"] == "monitoring"
    assert day.clock("resolve") == ("10T15:52", "10T12:50", False)
    assert day.deadline("follow_up") == ("11T12:50", "10T13:50", False)
    assert day.deadline("window") == ("10T14:50", None, False)

    day.act("2026-03-10T13:55:00Z", "devin", "relapse", "reason=It bounces again.")
    assert day.incident["status"] == "investigating"
    assert day.clock("resolve") == ("10T15:52", None, False)
    assert day.deadline("follow_up") is None
    assert day.deadline("window") is None

    day.sweep("2026-03-10T15:53:00Z")
    assert day.clock("resolve") == ("10T15:52", None, True)
    assert day.deadline("promise", "halden") == ("10T14:00", None, True)

    assert "A recorded fix" in " ".join(
        day.refuse(
            "2026-03-10T15:54:00Z", "devin", "verify", "end_to_end=Sent.", "failure_test=Bounced."
        )
    )
    day.act("2026-03-10T15:58:00Z", "devin", "fix", "done=Cleaned it all", *FIX)
    day.act("2026-03-10T16:00:00Z", "devin", "verify", "end_to_end=Sent.", "failure_test=Bounced.")
    assert day.clock("resolve") == ("10T15:52", "10T16:00", True)
    assert day.deadline("window") == ("10T17:00", None, False)

    missing = " ".join(day.refuse("2026-03-10T16:30:00Z", "rick", "resolve"))
    assert "The stability window runs until Tue 10 Mar 2026 18:00 CET (waive)" in missing
    assert "The resolution mail delivered to Halden Solar (draft)" in missing
    day.act("2026-03-10T17:01:00Z", "rick", "draft", *RESOLVED)
    day.act("2026-03-10T17:01:00Z", "rick", "send", "kind=resolved")
    day.deliver("2026-03-10T17:02:00Z")
    assert day.deadline("promise", "halden") == ("10T14:00", "10T17:02", True)
    day.act("2026-03-10T17:05:00Z", "rick", "resolve")
    assert day.incident["status"] == "resolved"
    assert day.deadline("window") == ("10T17:00", "10T17:05", False)
    # Three calendar days, the end of the day in Berlin (S5).
    assert day.deadline("review") == ("13T22:59:59", None, False)

    missing = " ".join(day.refuse("2026-03-10T17:10:00Z", "alfred", "close"))
    assert "The complete post-incident entry (review)" in missing
    assert "The postmortem delivered to Halden Solar (draft)" in missing
    assert "The postmortem delivered to Brightwater" not in missing
    assert "The HubSpot note for Brightwater Dental (hubspot-noted)" in missing
    day.act(
        "2026-03-10T17:30:00Z",
        "alfred",
        "review",
        "timeline=It bounced, it was cleaned.",
        "root_cause=The list was not verified.",
        "resolution=We cleaned it.",
        "measure=Verify every list | devin | 2026-03-20",
        "measure=Lower the first batch | alfred | 2026-03-10 | done 2026-03-10",
    )
    assert day.deadline("review") == ("13T22:59:59", "10T17:30", False)
    day.act("2026-03-10T17:40:00Z", "rick", "draft", "kind=postmortem")
    day.act("2026-03-10T17:41:00Z", "rick", "send", "kind=postmortem")
    day.deliver("2026-03-10T17:42:00Z")
    for client in ("halden", "brightwater"):
        day.act("2026-03-10T17:50:00Z", "rick", "hubspot-noted", f"client={client}")
    day.act("2026-03-10T18:00:00Z", "alfred", "close")
    assert day.incident["status"] == "closed"
    assert day.incident["blockers"] == []
    assert day.clock("acknowledge") == ("10T12:52", "10T12:06", False)
    assert day.clock("resolve") == ("10T15:52", "10T16:00", True)
    assert day.incident["times"]["closed"] == "2026-03-10T18:00:00+00:00"
    origins = {entry["origin"] for entry in day.incident["timeline"]}
    assert origins == {"command_line", "system"}


def test_a_sev3_replayed_has_the_clocks_of_the_sop_C2_C3_C4_S1_S2_S4_W2_W8_M11(scene):
    day = Day(
        "--title",
        "Reports are late",
        "--source",
        "client",
        "--system",
        "outreach",
        "--client",
        "brightwater",
        "--detected-at",
        "2026-03-11T08:30:00Z",
        at="2026-03-11T08:40:00Z",
    )
    assert day.incident["reported_by"] == "brightwater"
    assert day.clock("acknowledge") == ("11T09:30", None, False)
    # Revenue acknowledges a client's report before triage; the reply still counts (W2, C3).
    day.act("2026-03-11T08:50:00Z", "rick", "acknowledge")
    assert day.clock("acknowledge") == ("11T09:30", None, False)
    day.act(
        "2026-03-11T08:55:00Z",
        "rick",
        "told",
        "client=brightwater",
        "about=notification",
        "via=phone",
        "who=Maria",
        "said=We look into it.",
    )
    assert day.clock("acknowledge") == ("11T09:30", "11T08:55", False)
    day.act("2026-03-11T09:10:00Z", "alfred", "triage", "severity=3", "clients=brightwater")
    assert day.clock("acknowledge") == ("12T08:30", "11T08:55", False)
    assert day.incident["clocks"]["acknowledge"]["provisional"] is False
    assert day.clock("resolve") == ("14T08:30", None, False)
    assert day.deadline("notice", "brightwater") is None
    day.act("2026-03-11T09:30:00Z", "devin", "investigate", "found=A filter", "side=client")
    day.act(
        "2026-03-11T10:00:00Z", "devin", "fix", "kind=guidance", "done=Showed Maria the filter."
    )
    day.act("2026-03-11T10:30:00Z", "devin", "verify", "end_to_end=It shows.", "failure_test=Did.")
    assert day.clock("resolve") == ("14T08:30", "11T10:30", False)
    assert day.deadline("window") == ("12T10:30", None, False)
    missing = day.refuse("2026-03-12T10:29:00Z", "rick", "resolve")
    assert missing[0] == "The stability window runs until Thu 12 Mar 2026 11:30 CET (waive)"
    day.act(
        "2026-03-12T10:31:00Z",
        "rick",
        "told",
        "client=brightwater",
        "about=resolved",
        "via=chat",
        "said=It is back to normal.",
    )
    day.act("2026-03-12T10:35:00Z", "rick", "resolve")
    assert day.deadline("review") is None
    day.act("2026-03-12T10:40:00Z", "rick", "hubspot-noted")
    day.act("2026-03-12T10:45:00Z", "alfred", "close")
    assert day.incident["status"] == "closed"
    assert day.clock("acknowledge") == ("12T08:30", "11T08:55", False)
    assert day.clock("resolve") == ("14T08:30", "11T10:30", False)
    [client] = day.incident["clients"]
    assert (client["told_via"], client["resolution_told_via"]) == ("phone", "chat")


# act --------------------------------------------------------------------------------------


@pytest.fixture
def incident():
    make_sop()
    team = make_team()
    client = make_client(name="Acme", slug="acme")
    system = make_system(name="Sync", slug="sync", clients=[client])
    return make_incident(status=Status.TRIAGED, clients=[client], systems=[system], team=team)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("INC-2026-0001", "fix", "--as", "nobody"), "no active account “nobody”"),
        (("INC-2026-9999", "fix", "--as", "devin"), "no incident INC-2026-9999"),
        (("INC-2026-0001", "mend", "--as", "devin"), "no step “mend”. Steps: triage,"),
        (("INC-2026-0001", "open", "--as", "devin"), "no step “open”"),
        (("INC-2026-0001", "fix"), "--as USERNAME is missing"),
        ((), "REF is missing"),
        (("INC-2026-0001", "fix", "--as", "devin", "--set", "colour=red"), "no field “colour”"),
        (("INC-2026-0001", "close", "--as", "alfred", "--set", "a=b"), "It has no fields"),
        (("INC-2026-0001", "fix", "--as", "devin", "--set", "done"), "Write --set field=value"),
        (
            ("INC-2026-0001", "fix", "--as", "devin", "--set", "done=a", "--set", "done=b"),
            "done was given 2 times",
        ),
        (("INC-2026-0001", "fix", "--as", "devin"), "done: This field is required."),
        (("INC-2026-0001", "fix", "--as", "devin", "--now", "noon"), "not an ISO instant"),
        (("INC-2026-0001", "close", "--as", "devin"), "Close is for orchestrator or founder"),
        (("INC-2026-0001", "verify", "--as", "devin", "--set", "end_to_end=x"), "failure_test"),
        (
            ("INC-2026-0001", "triage", "--as", "alfred", "--set", "level=3"),
            "It must be detected",
        ),
    ],
)
def test_act_refuses_in_one_clear_line(incident, words, said):
    result = refused("act", *words)
    assert result["ok"] is False
    assert result["missing"]
    assert said in result["line"]
    assert "\n" not in result["line"]


def test_act_records_the_person_on_the_command_line_A1(incident):
    line = command("act", incident.ref, "contain", "--as", "devin", "--set", "done=Paused.")
    assert line == f"{incident.ref}: Containment recorded.\n"
    entry = incident.timeline.get(kind="containment")
    assert (entry.origin, entry.actor_name) == (Origin.COMMAND_LINE, "Devin")
    line = command("act", incident.ref.lower(), "hubspot_noted".upper(), "--describe")
    assert "close: no fields" in line


def test_act_takes_a_version_and_refuses_a_stale_one_W1(incident):
    fields = ("--set", "level=2", "--set", f"version={incident.version}")
    answer("act", incident.ref, "severity", "--as", "alfred", *fields)
    result = refused("act", incident.ref, "severity", "--as", "alfred", *fields)
    assert "changed by somebody else" in result["error"]


def test_act_reads_local_times_in_the_persons_zone_C9(incident):
    person = make_team().delivery
    person.time_zone = "America/New_York"
    person.save()
    words = ("--set", "text=Seen.", "--set", "at=2026-03-10T05:30", "--now", "2026-03-11T00:00Z")
    data = answer("act", incident.ref, "note", "--as", "devin", *words)
    [note] = [entry for entry in data["incident"]["timeline"] if entry["kind"] == "note"]
    assert note["at"] == "2026-03-10T09:30:00+00:00"
    assert note["is_added_later"] is True


def test_triage_on_the_command_line_needs_a_severity_and_fills_in_the_rest_S8_W3(incident):
    ref = answer("open_incident", "--title", "X", "--source", "agent", "--system", "sync")["ref"]
    result = refused("act", ref, "triage", "--as", "alfred", "--set", "core_stopped=yes")
    assert result["missing"] == ["level: Choose a severity."]
    data = answer("act", ref, "triage", "--as", "alfred", "--set", "level=4")["incident"]
    assert [client["slug"] for client in data["clients"]] == ["acme"]
    assert data["systems"] == ["sync"]
    ref = answer("open_incident", "--title", "Y", "--source", "agent")["ref"]
    words = ("--set", "level=4", "--set", "systems=Sync", "--set", "clients=")
    data = answer("act", ref, "triage", "--as", "alfred", *words)["incident"]
    assert data["clients"] == []


def test_a_private_incident_does_not_exist_for_an_outsider_on_the_command_line_W11(incident):
    Incident.objects.update(is_private=True, technical_owner=None)
    for words in (
        ("act", incident.ref, "note", "--as", "devin", "--set", "text=x"),
        ("show", incident.ref, "--as", "devin"),
        ("export_incident", incident.ref, "--as", "devin"),
    ):
        assert refused(*words)["error"] == f"There is no incident {incident.ref}."
    assert answer("list_incidents", "--as", "devin") == []
    assert [row["ref"] for row in answer("list_incidents", "--as", "alfred")] == [incident.ref]
    assert answer("show", incident.ref)["is_private"] is True


def test_describe_is_a_list_for_machines():
    make_sop()
    steps = answer("act", "--describe")
    assert len(steps) == 29
    assert {"name", "label", "type", "required", "multiple", "max_length", "choices", "help"} == (
        set(steps[0]["fields"][0])
    )


def test_a_client_without_a_contact_is_named_when_sending_M7(incident):
    other = make_client(name="Silent", slug="silent", contact_email="")
    incident.affected.create(client=other, added_at=incident.triaged_at)
    text = ("--set", "kind=notification", "--set", "what_happening=The sync is paused.")
    command("act", incident.ref, "draft", "--as", "rick", *text)
    line = command("act", incident.ref, "send", "--as", "rick", "--set", "kind=notification")
    assert line == f"{incident.ref}: 1 mail on the way. Not to Silent: no usable contact.\n"
    assert Message.objects.filter(recipient__startswith="anna@").count() == 1


# open_incident ----------------------------------------------------------------------------


def test_opening_again_with_the_same_key_joins_the_open_one():
    make_sop()
    make_team()
    words = ("open_incident", "--title", "X", "--source", "monitor", "--key", "bounce:acme")
    first = answer(*words)
    assert first["joined"] is False
    assert answer(*words) == {"ref": first["ref"], "joined": True}
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    ("word", "source"),
    [
        ("monitoring", "monitoring"),
        ("monitor", "monitoring"),
        ("automated", "monitoring"),
        ("client-report", "client_report"),
        ("client", "client_report"),
        ("agent", "agent"),
        ("review", "scheduled_review"),
        ("scheduled-review", "scheduled_review"),
    ],
)
def test_sources_may_be_written_in_short(word, source):
    make_sop()
    make_team()
    make_client(name="Acme", slug="acme")
    words = ("--title", "X", "--source", word, "--client", "Acme", "--severity", "sev-2")
    ref = answer("open_incident", *words)["ref"]
    data = answer("show", ref)
    assert (data["source"], data["suggested_severity"]) == (source, "SEV-2")
    assert data["severity"] is None
    assert data["timeline"][0]["actor"] == "Command line"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--source", "agent"), "title: This field is required."),
        (("--title", "X"), "source: This field is required."),
        (("--title", "X", "--source", "rumour"), "source: Select a valid choice"),
        (("--title", "X", "--source", "client"), "reported_by: Name the client"),
        (("--title", "X", "--source", "agent", "--system", "no"), "There is no system “no”"),
        (("--title", "X", "--source", "agent", "--severity", "5"), "severity: Select"),
        (("--title", "X", "--source", "agent", "--as", "nobody"), "no active account"),
        (("--title", "X" * 201, "--source", "agent"), "title: Ensure"),
        (
            ("--title", "X", "--source", "agent", "--detected-at", "2099-01-01T00:00Z"),
            "lies in the future",
        ),
        (
            (
                *("--title", "X", "--source", "agent", "--client", "acme"),
                *("--detected-at", "2001-01-01T00:00Z"),
            ),
            "before Acme became a client",
        ),
    ],
)
def test_opening_refuses_in_one_clear_line_C1(words, said):
    make_sop()
    make_team()
    make_client(name="Acme", slug="acme")
    result = refused("open_incident", *words)
    assert said in result["line"]
    assert Incident.objects.count() == 0


def test_opening_as_somebody_who_may_not_is_refused_A1():
    make_sop()
    make_user(Role.LEGAL, username="laura")
    words = ("--title", "X", "--source", "agent", "--as", "laura")
    assert "is for" in refused("open_incident", *words)["error"]


def test_a_breach_is_private_from_the_start_W11():
    make_sop()
    make_team()
    ref = answer("open_incident", "--title", "X", "--source", "agent", "--breach")["ref"]
    assert answer("show", ref)["is_breach_suspected"] is True
    assert answer("list_incidents", "--as", "devin") == []


# show, list_incidents, export_incident ------------------------------------------------------


def test_show_in_one_line_and_in_json(incident):
    line = command("show", incident.ref)
    assert line.startswith(f"{incident.ref} SEV-3 Triaged: Something broke; acknowledge due ")
    data = answer("show", incident.ref)
    assert set(data["clocks"]) == {"acknowledge", "resolve"}
    assert set(data) >= {"status", "severity", "clocks", "clients", "blockers", "timeline"}
    assert refused("show", "INC-2026-4711")["missing"] == ["There is no incident INC-2026-4711."]


def test_list_filters_by_what_it_is_asked(incident):
    make_responder(Role.DELIVERY, name="Other", rank="backup")
    closed = make_incident(status=Status.CLOSED, level=2)
    refs = {
        (): [closed.ref, incident.ref],
        ("--open",): [incident.ref],
        ("--status", "closed"): [closed.ref],
        ("--severity", "SEV-3"): [incident.ref],
        ("--client", "acme"): [incident.ref],
        ("--system", "Sync", "--status", "closed"): [],
    }
    for words, wanted in refs.items():
        assert [row["ref"] for row in answer("list_incidents", *words)] == wanted
    assert "timeline" not in answer("list_incidents")[0]
    assert command("list_incidents", "--open").splitlines()[-1] == "1 incidents."
    assert "status: Select" in refused("list_incidents", "--status", "lost")["line"]
    assert "There is no client" in refused("list_incidents", "--client", "lost")["line"]


def test_list_costs_the_same_for_1_and_30(incident, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        answer("list_incidents")
    for _ in range(30):
        make_incident(status=Status.TRIAGED, clients=[make_client()], systems=[make_system()])
    with django_assert_max_num_queries(12):
        assert len(answer("list_incidents")) == 31


def test_export_to_a_file_and_to_standard_output(incident, tmp_path):
    path = tmp_path / "out.json"
    line = command("export_incident", incident.ref, "--format", "json", "--output", str(path))
    assert line == f"{incident.ref} written to {path}.\n"
    assert json.loads(path.read_text(encoding="utf-8"))["ref"] == incident.ref
    assert command("export_incident", incident.ref).startswith(f"# {incident.ref} Something broke")
    assert (
        "Choose markdown or json"
        in refused("export_incident", incident.ref, "--format", "pdf")["line"]
    )
    nowhere = str(tmp_path / "no" / "out.md")
    result = refused("export_incident", incident.ref, "--output", nowhere)
    assert "cannot be written" in result["line"]
