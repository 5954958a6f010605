"""The registry of steps: the whole transition table, refusals, conflicts, many at once."""

import datetime as dt
import json
import threading
from dataclasses import dataclass

import pytest
from django.db import connection, transaction
from django.http import QueryDict

from incidents.actors import actor_for
from incidents.correspondence import start_draft
from incidents.enums import EntryKind, HubSpotState, MailKind, Role, Status, WaiverKind
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.forms.triage import TriageForm
from incidents.models import Client, Incident, ReferenceCounter, System
from incidents.step_catalog import describe_steps
from incidents.steps import SPECS, possible_steps
from incidents.taking import refusal
from incidents.transitions import Step
from tests.factories import (
    NOW,
    Team,
    make_affected,
    make_client,
    make_client_mail,
    make_draft,
    make_fix,
    make_hold,
    make_incident,
    make_matrix,
    make_playbook,
    make_playbook_run,
    make_responder,
    make_sending_domain,
    make_severities,
    make_sop,
    make_system,
    make_team,
    make_templates,
)
from tests.racing import race

LATER = NOW + dt.timedelta(days=3)

#: Rule W1, written down from the rules, not from the code: where each step is possible, and the
#: status it leads to (None: it stays).
TABLE: dict[str, tuple[str, str | None]] = {
    "triage": ("detected", "triaged"),
    "acknowledge": ("detected triaged investigating monitoring", None),
    "assign": ("detected triaged investigating monitoring resolved", None),
    "investigate": ("triaged investigating", "investigating"),
    "contain": ("detected triaged investigating monitoring", None),
    "fix": ("triaged investigating", "investigating"),
    "workaround": ("triaged investigating", "investigating"),
    "verify": ("investigating", "monitoring"),
    "relapse": ("monitoring", "investigating"),
    "resolve": ("monitoring", "resolved"),
    "review": ("monitoring resolved", None),
    "close": ("resolved", "closed"),
    "cancel": ("detected triaged investigating monitoring", "cancelled"),
    "note": ("detected triaged investigating monitoring resolved closed cancelled", None),
    "wait": ("detected triaged investigating monitoring", None),
    "draft": ("detected triaged investigating monitoring resolved", None),
    "send": ("detected triaged investigating monitoring resolved", None),
    "approve": ("detected triaged investigating monitoring resolved", None),
    "told": ("detected triaged investigating monitoring resolved", None),
    "hubspot-noted": ("resolved", None),
    "severity": ("triaged investigating monitoring", None),
    "detected-at": ("detected triaged investigating monitoring resolved", None),
    "clients": ("triaged investigating monitoring", None),
    "escalate": ("detected triaged investigating monitoring resolved", None),
    "waive": ("detected triaged investigating monitoring", None),
    "playbook": ("detected triaged investigating monitoring", None),
    "step": ("detected triaged investigating monitoring resolved", None),
    "hold": ("detected triaged investigating monitoring", None),
    "release": ("detected triaged investigating monitoring resolved closed cancelled", None),
}
EVIDENCE = {"tested_what": "One sync", "tested_where": "Staging", "test_result": "It arrived."}
FIX = {"broke": "The sync.", "cause": "An expired key.", "done": "Renewed it.", **EVIDENCE}
TYPED = {
    "acknowledge": {},
    "assign": {"technical_owner": "Substitute"},
    "investigate": {"found": "An expired key.", "side": "ours"},
    "contain": {"done": "Paused the sync."},
    "fix": {"kind": "fix", **FIX},
    "workaround": FIX,
    "verify": {"end_to_end": "A lead went through.", "failure_test": "The sync ran."},
    "relapse": {"reason": "It failed again."},
    "resolve": {},
    "close": {},
    "cancel": {"reason": "A false alarm."},
    "note": {"text": "Looked at it."},
    "wait": {"action": "start", "on": "vendor", "what": "An answer."},
    "draft": {"kind": "notification", "clients": "acme", "what_happening": "The sync is paused."},
    "send": {"kind": "notification"},
    "approve": {"kind": "notification"},
    "told": {"client": "acme", "about": "notification", "via": "phone", "said": "We are on it."},
    "hubspot-noted": {"client": "acme"},
    "severity": {"level": "SEV-2"},
    "detected-at": {"detected_at": "2026-03-10T08:00:00Z", "reason": "The log is older."},
    "clients": {"clients": ["acme", "other"]},
    "escalate": {"code": "E2", "summary": "They think of leaving."},
    "waive": {"kind": "test-evidence", "reason": "There is no staging."},
    "playbook": {"playbook": "spare"},
    "step": {"step": "1", "note": "Looked at it."},
    "hold": {"domains": "go.acme.example", "reason": "It bounces."},
    "release": {"override_reason": "A wrong figure."},
    "triage": {"level": "3", "systems": "sync", "clients": "acme"},
    "review": {
        "timeline": "It broke, it was mended.",
        "root_cause": "An expired key.",
        "resolution": "Renewed it.",
        "measure": "Renew keys early | Substitute | 2026-03-20",
        "complete": "yes",
    },
}


def form_data(values: dict[str, object]) -> QueryDict:
    data = QueryDict(mutable=True)
    for name, value in values.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def run(incident: Incident, step: str, by, /, *, now: dt.datetime = LATER, **values: object):
    """Take a step the way the page and ``act`` do."""
    spec = SPECS[Step(step)]
    blank = spec.form_class(incident=incident)
    data = form_data(values)
    blank.fill_in(data)
    form = spec.form_class(data, incident=incident)
    assert form.is_valid(), form.errors
    return spec.run(incident, form, by=by, now=now)


def founder():
    return make_team().actor("founder")


@dataclass
class Ground:
    """What an incident stands on; made once for all steps of a status."""

    team: Team
    client: Client
    system: System

    def incident(self, step: str, status: str) -> Incident:
        """An incident in that status in which nothing but the table can refuse the step."""
        facts = {"accepted_at": None} if step == "acknowledge" else {}
        if step == "acknowledge" and status == Status.MONITORING:
            facts |= {"acknowledged_at": None}
        clients = [] if step in ("cancel", "acknowledge") else [self.client]
        incident = make_incident(
            status=status, level=3, systems=[self.system], clients=clients, team=self.team, **facts
        )
        if step == "verify":
            make_fix(incident)
        if step == "resolve":
            incident.affected.update(resolution_told_at=NOW, resolution_told_via="mail")
        if step in ("close", "hubspot-noted"):
            state = HubSpotState.DONE if step == "close" else HubSpotState.MANUAL
            noted = NOW if step == "close" else None
            incident.affected.update(hubspot_state=state, hubspot_noted_at=noted)
        if step == "step":
            make_playbook_run(incident)
        if step == "release":
            make_hold(incident, self.client.sending_domains.get())
        if step in ("send", "approve"):
            make_client_mail(make_draft(incident, next_update_at=None), self.client)
        return incident


def make_ground() -> Ground:
    make_severities()
    make_matrix()
    make_templates()
    team = make_team()
    make_responder(Role.DELIVERY, name="Substitute", rank="backup")
    make_client(name="Other", slug="other")
    make_playbook(slug="spare", steps=["Look at it."])
    acme = make_client(name="Acme", slug="acme")
    make_sending_domain(acme, name="go.acme.example")
    return Ground(team, acme, make_system(name="Sync", slug="sync"))


def ready_for(step: str, status: str) -> Incident:
    return make_ground().incident(step, status)


@pytest.mark.django_db
@pytest.mark.parametrize("status", list(Status))
def test_each_step_is_possible_exactly_where_the_table_says_W1(status):
    ground = make_ground()
    wrong = {}
    for step in TABLE:
        with transaction.atomic():
            try:
                check_cell(step, status, ground)
            except (AssertionError, WorkflowError) as error:
                wrong[step] = str(error)
            transaction.set_rollback(True)
    assert wrong == {}


def check_cell(step: str, status: Status, ground: Ground) -> None:
    incident = ground.incident(step, status)
    allowed, target = TABLE[step]
    entries = incident.timeline.count()
    if status in allowed.split():
        run(incident, step, ground.team.actor("founder"), **TYPED[step])
        incident.refresh_from_db()
        assert incident.status == (target or status)
        assert incident.timeline.count() > entries
        return
    with pytest.raises(WorkflowError, match="is not possible") as refused:
        run(incident, step, ground.team.actor("founder"), **TYPED[step])
    assert f"{incident.ref} is {status.label.lower()}" in refused.value.message
    for wanted in allowed.split():
        assert wanted in refused.value.message
    incident.refresh_from_db()
    assert (incident.status, incident.timeline.count()) == (status, entries)


def test_the_table_of_this_test_has_every_step_W1():
    assert set(TABLE) == {step.value for step in Step} - {"open"} == set(TYPED)
    assert set(SPECS) == set(Step) - {Step.OPEN}


@pytest.mark.django_db
def test_refusal_says_beforehand_what_taking_it_would_say_W1():
    incident = ready_for("verify", Status.TRIAGED)
    devin = make_team().actor("delivery")
    assert "must be investigating" in refusal(Step.VERIFY, incident, by=devin, now=LATER).message
    assert refusal(Step.FIX, incident, by=devin, now=LATER) is None
    assert isinstance(refusal(Step.SEND, incident, by=devin, now=LATER), NotAllowedError)
    assert Step.FIX in {s.step for s in possible_steps(incident, by=devin, now=LATER)}
    assert Step.SEND not in {s.step for s in possible_steps(incident, by=devin, now=LATER)}


# Refusals name what is missing ------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("step", "status", "change", "values", "missing"),
    [
        ("verify", "investigating", "no_fix", {}, [("A recorded fix", "fix")]),
        (
            "fix",
            "triaged",
            "",
            dict.fromkeys(EVIDENCE, ""),
            [("Test evidence", ""), ("waiver", "waive")],
        ),
        ("workaround", "triaged", "", dict.fromkeys(EVIDENCE, ""), [("waiver", "waive")]),
        (
            "resolve",
            "monitoring",
            "untold",
            {},
            [("The resolution mail delivered to Acme", "draft")],
        ),
        ("close", "resolved", "unnoted", {}, [("HubSpot note for Acme", "hubspot-noted")]),
        ("close", "resolved", "severe", {}, [("post-incident entry", "review")]),
        ("send", "triaged", "no_text", {}, [("happening", "draft")]),
        ("send", "triaged", "breach", {}, [("founder's approval", "approve")]),
        ("send", "triaged", "", {"kind": "update"}, [("A drafted mail", "draft")]),
        ("draft", "triaged", "", {"kind": "resolved"}, [("The verified fix", "verify")]),
        ("told", "triaged", "", {"about": "resolved"}, [("The verified fix", "verify")]),
        ("review", "resolved", "", {"root_cause": ""}, [("root cause", "")]),
    ],
)
def test_a_refusal_names_what_is_missing_and_where_to_mend_it(
    step, status, change, values, missing
):
    incident = ready_for(step, Status(status))
    if change == "no_fix":
        incident.fixes.all().delete()
    if change == "untold":
        incident.affected.update(resolution_told_at=None, resolution_told_via="")
    if change == "unnoted":
        incident.affected.update(hubspot_state=HubSpotState.MANUAL, hubspot_noted_at=None)
    if change == "severe":
        Incident.objects.update(severity=1, review_severity=1)
    if change == "no_text":
        incident.drafts.update(what_happening="")
    if change == "breach":
        Incident.objects.update(is_breach_suspected=True, is_private=True)
    incident.refresh_from_db()
    with pytest.raises(WorkflowError) as refused:
        run(incident, step, founder(), **(TYPED[step] | values))
    found = [(item.text, item.step) for item in refused.value.missing]
    for text, mended_by in missing:
        assert any(text in said and by == mended_by for said, by in found), found


@pytest.mark.django_db
def test_resolve_names_window_acknowledgement_and_each_client_W7():
    make_sop()
    incident = make_incident(
        status=Status.MONITORING, level=1, verified_at=LATER, acknowledged_at=None, team=make_team()
    )
    make_affected(incident, make_client(name="Acme"), told_at=NOW, told_via="mail")
    with pytest.raises(WorkflowError) as refused:
        run(incident, "resolve", founder())
    texts = " / ".join(item.text for item in refused.value.missing)
    assert "The stability window runs until Fri 13 Mar 2026 11:00 CET" in texts
    assert "The acknowledgement" in texts
    assert "The resolution mail delivered to Acme" in texts


@pytest.mark.django_db
def test_an_override_sends_in_spite_of_a_finding_M5():
    incident = ready_for("send", Status.TRIAGED)
    text = "It will be fixed by 5pm."
    incident.drafts.update(what_doing=text)
    with pytest.raises(WorkflowError, match="wording") as refused:
        run(incident, "send", founder(), kind="notification")
    assert refused.value.missing[0].step == Step.DRAFT
    reason = {"override_reason": "The vendor confirmed it."}
    with pytest.raises(WorkflowError, match="certain fix time"):
        run(incident, "send", founder(), kind="notification", **reason)
    sent = run(
        incident,
        "send",
        founder(),
        kind="notification",
        certain_fix_at="2026-03-13T16:00:00Z",
        **reason,
    )
    assert len(sent.mails) == 1
    assert incident.waivers.get().kind == WaiverKind.WORDING
    assert text not in incident.waivers.get().reason


# Forms ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_triage_suggests_but_never_decides_S8():
    make_sop()
    incident = make_incident()
    system = make_system(slug="sync")
    answers = {"core_stopped": "no", "component_broken": "yes", "systems": system.slug}
    form = TriageForm(form_data(answers), incident=incident)
    assert not form.is_valid()
    assert list(form.errors) == ["level"]
    assert form.suggestion.level == 2
    form = TriageForm(form_data(answers | {"level": "sev-3"}), incident=incident)
    assert form.is_valid()
    assert (form.decision().level, form.decision().suggested_level) == (3, 2)
    unanswered = TriageForm(form_data({"level": "3", "systems": system.slug}), incident=incident)
    assert unanswered.is_valid()
    assert unanswered.suggestion is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("note", {"text": "a\0b"}),
        ("note", {"text": "x" * 10_001}),
        ("note", {"text": "ok", "at": "soon"}),
        ("note", {"text": "ok", "at": "0001-01-01T00:00:00Z"}),
        ("note", {"text": "ok", "at": "9999-12-31T23:59:59-12:00"}),
        ("note", {"text": "ok", "kind": "breach"}),
        ("severity", {"level": "7"}),
        ("severity", {"level": "SEV-"}),
        ("triage", {"level": "3", "systems": "a\0b"}),
        ("triage", {"level": "3", "systems": "sync", "data_breach": "perhaps"}),
        ("triage", {"level": "3", "systems": "sync", "playbook": "no-such"}),
        ("assign", {"technical_owner": "Nobody"}),
        ("assign", {"technical_owner": "a\0b"}),
        ("clients", {"clients": ["acme", "nobody"]}),
        ("told", {"client": "other", "about": "update", "via": "phone", "said": "x"}),
        ("approve", {}),
        ("approve", {"draft": str(2**40)}),
        ("note", {"text": "ok", "version": "-1"}),
        ("review", {"measure": "No owner and no date"}),
        ("review", {"measure": "Text | Nobody | 2026-03-20"}),
        ("review", {"measure": "Text | Substitute | someday"}),
        ("review", {"measure": " | Substitute | 2026-03-20"}),
    ],
)
def test_wrong_input_is_refused_by_the_form(step, values):
    incident = ready_for(step, Status.TRIAGED)
    form = SPECS[Step(step)].form_class(form_data(values), incident=incident)
    assert not form.is_valid()


@pytest.mark.django_db
def test_one_line_stays_one_line_and_line_ends_count_once():
    incident = ready_for("draft", Status.TRIAGED)
    brief = "Sync\r\nBcc: everybody@example.com"
    run(
        incident,
        "draft",
        founder(),
        kind="notification",
        clients="acme",
        brief=brief,
        what_happening="One.\r\nTwo.",
    )
    draft = incident.drafts.get()
    assert draft.brief == "Sync Bcc: everybody@example.com"
    assert draft.what_happening == "One.\nTwo."


@pytest.mark.django_db
def test_people_are_found_by_number_account_and_name():
    incident = ready_for("assign", Status.TRIAGED)
    substitute = make_responder(Role.REVENUE, name="Zoe", rank="backup")
    team = make_team()
    for words in (str(substitute.pk), "zoe", "Zoe"):
        form = SPECS[Step.ASSIGN].form_class(
            form_data({"communications_owner": words}), incident=incident
        )
        assert form.is_valid()
        assert form.cleaned_data["communications_owner"] == substitute
    form = SPECS[Step.ASSIGN].form_class(form_data({"coordinator": "alfred"}), incident=incident)
    assert form.is_valid()
    assert form.cleaned_data["coordinator"] == team.orchestrator


@pytest.mark.django_db
def test_describe_lists_every_step_with_fields_types_and_choices():
    make_sop()
    make_system(slug="sync")
    described = {step["step"]: step for step in describe_steps()}
    assert list(described) == [step.value for step in Step if step != Step.OPEN]
    triage = {field["name"]: field for field in described["triage"]["fields"]}
    assert triage["level"]["required"]
    assert [choice["value"] for choice in triage["level"]["choices"]] == ["1", "2", "3", "4"]
    assert triage["systems"] | {"choices": 0, "help": ""} == {
        "name": "systems",
        "label": "Affected systems",
        "type": "names",
        "required": True,
        "multiple": True,
        "max_length": None,
        "choices": 0,
        "help": "",
    }
    assert {"value": "sync", "label": str(triage["systems"]["choices"][0]["label"])} in triage[
        "systems"
    ]["choices"]
    assert triage["title"]["type"] == "line"
    assert triage["title"]["max_length"] == 200
    assert triage["data_breach"]["type"] == "flag"
    assert described["review"]["fields"][3]["type"] == "measures"
    assert described["verify"]["statuses"] == ["investigating"]
    assert described["verify"]["leads_to"] == "monitoring"
    assert described["verify"]["role"] == "delivery"
    assert json.dumps(list(described.values()))


@pytest.mark.django_db
def test_review_keeps_measures_that_were_saved_and_takes_lines_W8():
    incident = ready_for("review", Status.RESOLVED)
    run(incident, "review", founder(), **TYPED["review"])
    incident.refresh_from_db()
    run(incident, "review", founder(), root_cause="Two expired keys.")
    review = incident.review
    review.refresh_from_db()
    assert review.root_cause == "Two expired keys."
    assert review.resolution == "Renewed it."
    assert [measure.text for measure in review.measures.all()] == ["Renew keys early"]
    lines = ["A | B | Substitute | 2026-03-20 | done 2026-03-12", "C | Substitute | 2026-04-01"]
    run(incident, "review", founder(), measure=lines)
    rows = list(review.measures.values_list("text", "done_on"))
    assert rows == [("A | B", dt.date(2026, 3, 12)), ("C", None)]


# Two at once -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stale_version_is_a_conflict_that_tells_what_changed_W1():
    incident = ready_for("assign", Status.TRIAGED)
    seen = str(incident.version)
    run(incident, "severity", founder(), level="2", version=seen)
    with pytest.raises(ConflictError) as conflict:
        run(incident, "assign", founder(), technical_owner="Substitute", version=seen)
    assert any("From SEV-3 to SEV-2" in item.text for item in conflict.value.missing)
    run(incident, "note", founder(), text="A note is never stale.", version=seen)


@pytest.mark.django_db(transaction=True)
def test_two_triages_at_once_are_one_triage_and_one_conflict_W1():
    incident = ready_for("triage", Status.DETECTED)
    team = make_team()
    actors = [team.actor("orchestrator"), team.actor("founder")]
    barrier = threading.Barrier(2)
    outcomes: list[object] = []

    def triage(by, level: str) -> None:
        mine = Incident.objects.get(pk=incident.pk)
        values = TYPED["triage"] | {"level": level, "version": str(mine.version)}
        barrier.wait()
        try:
            run(mine, "triage", by, **values)
            outcomes.append(level)
        except ConflictError as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=triage, args=(by, level))
        for by, level in zip(actors, ("2", "3"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, ConflictError)]
    [won] = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(conflicts) == 1
    assert "changed by somebody else" in conflicts[0].message
    incident.refresh_from_db()
    assert incident.severity_id == int(won)
    assert incident.timeline.filter(kind=EntryKind.TRIAGED).count() == 1


ACTOR = """
import json, sys, django
django.setup()
from datetime import datetime, timedelta
from django.contrib.auth.models import User
from django.http import QueryDict
from incidents.actors import actor_for
from incidents.errors import ConflictError
from incidents.models import Incident
from incidents.steps import SPECS
from incidents.transitions import Step
from incidents.workflow import open_incident
ref, number, now = sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])
by = actor_for(User.objects.get(username="clayton"))
done, conflicts, refs = [], 0, []
print("ready", flush=True)
sys.stdin.readline()
for turn in range(50):
    at = now + timedelta(seconds=number * 50 + turn)
    incident = Incident.objects.get(ref=ref)
    if turn % 5 == 4:
        refs.append(open_incident(title=f"{number}.{turn}", source="agent", by=by, now=at)
                    .incident.ref)
    elif turn % 5 == 3:
        form = SPECS[Step.NOTE].form_class(QueryDict(f"text=note {number}.{turn}"))
        assert form.is_valid(), form.errors
        SPECS[Step.NOTE].run(incident, form, by=by, now=at)
        done.append(f"note {number}.{turn}")
    else:
        level = 1 + (incident.severity_id % 3)
        words = f"level={level}&reason=turn {number}.{turn}&downgrade=shrank"
        form = SPECS[Step.SEVERITY].form_class(QueryDict(f"{words}&version={incident.version}"))
        assert form.is_valid(), form.errors
        try:
            SPECS[Step.SEVERITY].run(incident, form, by=by, now=at)
            done.append(f"turn {number}.{turn}")
        except ConflictError:
            conflicts += 1
print(json.dumps([done, conflicts, refs]))
"""


@pytest.mark.fault
@pytest.mark.django_db(transaction=True)
def test_8_processes_with_50_acts_each_lose_nothing_W1():
    make_sop()
    make_team()
    incident = make_incident(
        status=Status.TRIAGED, level=2, systems=[make_system()], team=make_team()
    )
    calls = [[incident.ref, str(number), LATER.isoformat()] for number in range(8)]
    outputs = race(ACTOR, *calls, seconds=300)
    done = [text for part, _, _ in outputs for text in part]
    conflicts = sum(count for _, count, _ in outputs)
    refs = sorted(ref for _, _, part in outputs for ref in part)
    assert len(done) + conflicts + len(refs) == 400
    incident.refresh_from_db()
    changes = [text for text in done if text.startswith("turn")]
    assert incident.version == 1 + len(changes)
    told = list(incident.timeline.filter(kind=EntryKind.SEVERITY).values_list("text", flat=True))
    assert sorted(text.split("turn ")[1] for text in told) == sorted(
        text.removeprefix("turn ") for text in changes
    )
    notes = incident.timeline.filter(kind=EntryKind.NOTE).values_list("text", flat=True)
    assert sorted(notes) == sorted(text for text in done if text.startswith("note"))
    assert incident.entry_count == incident.timeline.count()
    numbers = [int(ref.rsplit("-", 1)[1]) for ref in refs]
    assert numbers == list(range(2, 82))
    assert ReferenceCounter.objects.get().last == 81


@pytest.mark.django_db
def test_a_draft_is_begun_edited_and_approved_by_its_kind_M3():
    incident = ready_for("approve", Status.TRIAGED)
    by = founder()
    draft = start_draft(
        incident, kind=MailKind.UPDATE, clients=list(incident.clients.all()), by=by, now=LATER
    )
    run(incident, "approve", by, draft=str(draft.pk))
    draft.refresh_from_db()
    assert draft.approved_by == by.user
    run(incident, "draft", by, kind="update", clients="acme", update_text="We are still on it.")
    draft.refresh_from_db()
    assert (draft.update_text, draft.approved_at) == ("We are still on it.", None)
    assert actor_for(by.user).name == "Clayton"
