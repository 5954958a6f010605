"""The data of incidents against the words of docs/sop.md."""

import datetime as dt
import re

import pytest

from incidents import sop_data
from incidents.enums import Communication, EscalationCode, Rank, Role, StepKind
from incidents.models import EscalationRule, Playbook, PlaybookStep, Responder, Severity
from tests import sop

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

HOUR = dt.timedelta(hours=1)
LEVELS = sop.headings(level=3, after="## Severity Levels")
PLAYBOOKS = sop.headings(level=3, after="## Common Incident Playbooks")


def sop_duration(text: str) -> dt.timedelta:
    """“4 hours” or “1 week” as a duration."""
    found = re.match(r"(\d+) (hour|week)", text)
    assert found
    return int(found[1]) * {"hour": HOUR, "week": 168 * HOUR}[found[2]]


@pytest.fixture
def severities() -> dict[int, Severity]:
    sop_data.load_severities()
    return Severity.objects.in_bulk()


@pytest.fixture
def playbooks() -> None:
    sop_data.load_playbooks()
    sop_data.load_playbook_steps()


@pytest.mark.parametrize(("level", "heading"), list(enumerate(LEVELS, start=1)))
def test_severity_has_the_sops_texts_S(severities, level, heading):
    severity = severities[level]
    assert heading == f"### SEV-{level}: {severity.name} — {severity.title}"
    assert severity.definition == sop.value(heading, "Definition")
    assert severity.examples == sop.value(heading, "Examples")


@pytest.mark.parametrize(("level", "heading"), list(enumerate(LEVELS, start=1)))
def test_severity_clocks_are_the_sops_S1_S2(severities, level, heading):
    acknowledge, resolve = sop.value(heading, "Response time").split(" / ")
    severity = severities[level]
    assert acknowledge.endswith("(acknowledge)")
    assert severity.acknowledge_within == sop_duration(acknowledge)
    assert severity.resolve_within == sop_duration(resolve)
    assert severity.workaround_stops_resolve == ("workaround" in resolve)


@pytest.mark.parametrize(
    ("level", "communication", "words"),
    [
        (1, Communication.IMMEDIATE, "Immediate notification to client"),
        (2, Communication.SAME_DAY, "Same-day notification to client"),
        (3, Communication.NEXT_UPDATE, "Include in next scheduled update"),
        (4, Communication.SCHEDULE, "Acknowledge and schedule fix"),
    ],
)
def test_severity_communication_S3(severities, level, communication, words):
    assert severities[level].communication == communication
    assert sop.value(LEVELS[level - 1], "Communication").startswith(words)


def test_sev1_notice_within_15_minutes_S3_C3(severities):
    notices = {level: severity.notice_within for level, severity in severities.items()}
    assert notices == {1: dt.timedelta(minutes=15), 2: None, 3: None, 4: None}


def test_workaround_follow_up_after_24_hours_only_for_sev1_C4(severities):
    follow_ups = {level: severity.follow_up_within for level, severity in severities.items()}
    assert follow_ups == {1: 24 * HOUR, 2: None, 3: None, 4: None}


def test_stability_window_is_the_sops_S4(severities):
    [words] = [line for line in sop.numbered("### Step 5: Verify") if line.startswith("Monitor")]
    assert words.startswith("Monitor for 1 hour (SEV-1) or 24 hours (SEV-2+)")
    windows = {level: severity.stability_window for level, severity in severities.items()}
    assert windows == {1: HOUR, 2: 24 * HOUR, 3: 24 * HOUR, 4: 24 * HOUR}


def test_post_incident_entry_only_for_sev1_and_sev2_S5(severities):
    assert "### Step 7: Post-Incident (SEV-1 and SEV-2 only)" in sop.SOP.read_text(encoding="utf-8")
    reviews = {
        level: (severity.review_days, severity.review_in_working_days)
        for level, severity in severities.items()
    }
    assert reviews == {1: (3, False), 2: (5, True), 3: (None, False), 4: (None, False)}


def test_postmortem_only_for_sev1_S6(severities):
    assert [level for level in severities if severities[level].postmortem_to_premium] == [1]


def test_update_cadence_S7(severities):
    cadences = {level: severity.update_cadence for level, severity in severities.items()}
    assert cadences == {1: HOUR, 2: 4 * HOUR, 3: 72 * HOUR, 4: None}


def test_responders_are_the_sops_people_without_addresses(settings):
    settings.TIME_ZONE = "Europe/Lisbon"
    sop_data.load_responders()
    people = {responder.role: responder for responder in Responder.objects.all()}
    assert {role: person.name for role, person in people.items()} == {
        Role.ORCHESTRATOR: "Alfred",
        Role.DELIVERY: "Devin",
        Role.REVENUE: "Rick",
        Role.FOUNDER: "Clayton",
        Role.LEGAL: "Laura",
    }
    for person in people.values():
        assert (person.rank, person.email, person.user) == (Rank.PRIMARY, "", None)
        assert person.time_zone == "Europe/Lisbon"


def test_every_role_of_the_sop_has_its_person():
    text = sop.SOP.read_text(encoding="utf-8")
    sop_data.load_responders()
    for name in Responder.objects.values_list("name", flat=True):
        assert name in text


def test_matrix_rows_are_the_sops_E1_to_E7():
    sop_data.load_matrix()
    rows = sop.table("## Escalation Matrix")
    rules = list(EscalationRule.objects.filter(is_ours=False))
    assert [rule.code for rule in rules] == ["E1", "E2", "E3", "E4", "E5", "E6", "E7"]
    for rule, (situation, to, method) in zip(rules, rows, strict=True):
        assert (rule.situation, rule.method) == (situation, method)
        named = [role for name, role in sop.ROLE_OF.items() if name in f"{to} {method}"]
        assert rule.to_roles == named
        assert rule.is_immediate == ("(immediate)" in method)
        assert rule.has_email_summary == ("email summary" in method)


def test_matrix_rows_raised_by_a_person_E2_E3_E4_E7():
    sop_data.load_matrix()
    raised = EscalationRule.objects.filter(is_raised_by_person=True)
    assert [rule.code for rule in raised] == ["E2", "E3", "E4", "E7"]


def test_breach_rule_is_marked_as_ours_C8():
    sop_data.load_matrix()
    [ours] = EscalationRule.objects.filter(is_ours=True)
    assert ours.code == EscalationCode.BREACH
    assert ours.situation not in sop.SOP.read_text(encoding="utf-8")


def test_matrix_has_a_row_for_every_code_E():
    sop_data.load_matrix()
    assert set(EscalationRule.objects.values_list("code", flat=True)) == set(EscalationCode.values)


def test_playbooks_are_the_sops_P1(playbooks):
    titles = [
        f"### {book.title} ({book.applies_to})" if book.applies_to else f"### {book.title}"
        for book in Playbook.objects.all()
    ]
    assert sorted(titles) == sorted(PLAYBOOKS)
    assert len(titles) == 5


@pytest.mark.parametrize("heading", PLAYBOOKS)
def test_playbook_steps_are_the_sops_P1(playbooks, heading):
    [book] = [book for book in Playbook.objects.all() if heading.startswith(f"### {book.title}")]
    steps = list(book.steps.all())
    assert [step.text for step in steps] == sop.numbered(heading)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))


def test_playbooks_have_every_step_of_the_sop_P1(playbooks):
    written = sum(len(sop.numbered(heading)) for heading in PLAYBOOKS)
    assert PlaybookStep.objects.count() == written == 28


def test_branches_carry_their_condition_P1(playbooks):
    for step in PlaybookStep.objects.exclude(condition=""):
        assert step.condition.startswith("if ")
    for step in PlaybookStep.objects.filter(text__startswith="If "):
        assert step.text.lower().startswith(f"{step.condition}: ")


def test_playbook_step_kinds_are_known_P1(playbooks):
    kinds = set(PlaybookStep.objects.values_list("kind", flat=True))
    assert kinds == set(StepKind.values)


def test_api_down_notifies_when_the_outage_passes_one_hour_P3(playbooks):
    [step] = PlaybookStep.objects.filter(playbook__slug="api-down", kind=StepKind.NOTIFY)
    assert step.condition == "if outage exceeds 1 hour"


def test_resume_sending_is_the_only_gate_P4(playbooks):
    [gate] = PlaybookStep.objects.filter(kind=StepKind.GATE)
    assert gate.text == "Do NOT resume sending until bounce rate is under 2%"
    assert gate.reading == "bounce_rate"


def test_suspension_forces_sev1_and_prohibits_a_new_account_P5(playbooks):
    forced = Playbook.objects.exclude(forces_level=None).get()
    assert (forced.slug, forced.forces_level) == ("outreach-tool-suspension", 1)
    [prohibition] = PlaybookStep.objects.filter(kind=StepKind.PROHIBITION)
    assert prohibition.playbook == forced
    assert prohibition.text == "Do NOT create a new account — this makes it worse"


def test_clarifying_questions_are_three_P6(playbooks):
    step = PlaybookStep.objects.get(playbook__slug="client-reports-not-working", number=2)
    assert step.text.count("?") == 3


def test_second_load_creates_nothing():
    loaders = [
        sop_data.load_severities,
        sop_data.load_policy,
        sop_data.load_responders,
        sop_data.load_matrix,
        sop_data.load_playbooks,
        sop_data.load_playbook_steps,
    ]
    first = [load() for load in loaders]
    second = [load() for load in loaders]
    assert [counts["created"] for counts in first] == [4, 1, 5, 8, 5, 28]
    assert second == [{"created": 0, "kept": counts["created"]} for counts in first]


def test_edited_severity_is_kept(severities):
    severities[2].acknowledge_within = 2 * HOUR
    severities[2].save()
    sop_data.load_severities()
    assert Severity.objects.get(pk=2).acknowledge_within == 2 * HOUR


def test_role_with_another_person_gets_no_second_one():
    sop_data.load_responders()
    Responder.objects.filter(role=Role.DELIVERY).update(name="Dana", email="dana@agency.example")
    assert sop_data.load_responders() == {"created": 0, "kept": 5}
    assert Responder.objects.get(role=Role.DELIVERY).name == "Dana"


def test_rewritten_step_is_kept(playbooks):
    step = PlaybookStep.objects.get(playbook__slug="crm-sync-break", number=1)
    step.text = "Open the integration page and read its state"
    step.save()
    assert sop_data.load_playbook_steps()["created"] == 0
    step.refresh_from_db()
    assert step.text == "Open the integration page and read its state"


def test_moved_step_is_not_loaded_twice(playbooks):
    steps = PlaybookStep.objects.filter(playbook__slug="crm-sync-break")
    steps.filter(number=1).delete()
    for step in steps.order_by("number"):
        step.number -= 1
        step.save()
    sop_data.load_playbook_steps()
    texts = list(steps.values_list("text", flat=True))
    assert len(texts) == len(set(texts)) == 5


def test_missing_step_is_created(playbooks):
    PlaybookStep.objects.get(playbook__slug="crm-sync-break", number=6).delete()
    assert sop_data.load_playbook_steps() == {"created": 1, "kept": 27}
