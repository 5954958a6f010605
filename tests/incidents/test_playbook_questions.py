"""The clarifying questions: answers kept on the incident, and mailed to the client (P6)."""

import contextlib
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.urls import reverse

from incidents.actors import actor_for
from incidents.correspondence import check_draft, edit_draft, render_for, send_draft
from incidents.enums import EntryKind, MailKind, Role, StepState
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Client, ClientAnswer, Incident, MailDraft, Playbook, PlaybookRunStep
from incidents.playbooks.clarifying import keep_answers, mail_questions
from incidents.playbooks.running import finish_step
from tests.factories import (
    NOW,
    Team,
    make_actor,
    make_client,
    make_incident,
    make_playbook_run,
    make_system,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
QUESTIONS = ["What specifically isn't working?", "When did it stop?", "Any changes on their end?"]


@pytest.fixture
def acme(team: Team) -> Client:
    return make_client(
        name="Acme", slug="acme", contact_name="Ada", contact_email="ada@acme.example"
    )


@pytest.fixture
def incident(team: Team, acme: Client) -> Incident:
    system = make_system(name="Reports", plain_name="your reports", clients=[acme])
    return make_incident(
        status="investigating", level=2, team=team, clients=[acme], systems=[system]
    )


@pytest.fixture
def step(incident: Incident) -> PlaybookRunStep:
    run = make_playbook_run(incident, Playbook.objects.get(slug="client-reports-not-working"))
    return run.steps.get(number=2)


def keep(incident: Incident, step: PlaybookRunStep, replies: dict[int, str], **more: Any) -> None:
    keep_answers(incident, step, replies, **{"by": make_actor(Role.REVENUE), "now": NOW} | more)


def texts() -> list[tuple[int, str]]:
    return list(ClientAnswer.objects.order_by("number").values_list("number", "text"))


def test_the_sops_three_questions_are_asked_P6(step: PlaybookRunStep) -> None:
    assert step.questions == QUESTIONS
    assert all(question in step.text for question in QUESTIONS)


def test_answers_stay_on_the_incident_P6(
    incident: Incident, step: PlaybookRunStep, acme: Client
) -> None:
    keep(incident, step, {1: "The weekly report is empty.", 2: "Since Monday"})
    rows = ClientAnswer.objects.order_by("number")
    assert [(row.client, row.question, row.text) for row in rows] == [
        (acme, QUESTIONS[0], "The weekly report is empty."),
        (acme, QUESTIONS[1], "Since Monday"),
    ]
    entry = incident.timeline.filter(kind=EntryKind.STEP).last()
    assert entry is not None
    assert entry.client == acme
    assert "Acme answered" in entry.text
    assert "The weekly report is empty." in entry.text
    step.refresh_from_db()
    assert step.state == StepState.OPEN


def test_a_later_answer_replaces_and_the_timeline_keeps_both_P6(
    incident: Incident, step: PlaybookRunStep
) -> None:
    keep(incident, step, {1: "Nothing", 3: "No"})
    keep(incident, step, {1: "The weekly report"})
    assert texts() == [(1, "The weekly report"), (3, "No")]
    told = "\n".join(incident.timeline.values_list("text", flat=True))
    assert "Nothing" in told
    assert "The weekly report" in told
    count = incident.timeline.count()
    keep(incident, step, {3: "No"})
    assert incident.timeline.count() == count


def test_answers_are_kept_when_the_step_is_done_P6(
    incident: Incident, step: PlaybookRunStep
) -> None:
    finish_step(incident, step, by=make_actor(Role.DELIVERY), now=NOW, note="Asked by phone.")
    keep(incident, step, {2: "At noon"})
    assert texts() == [(2, "At noon")]
    step.refresh_from_db()
    assert step.state == StepState.DONE


@pytest.mark.parametrize(
    ("replies", "said"),
    [
        ({}, "no answer to keep"),
        ({1: "  "}, "no answer to keep"),
        ({4: "More"}, "has no question 4"),
        ({0: "None"}, "has no question 0"),
        ({1: "x" * 5_001}, "at most 5,000"),
    ],
)
def test_answers_to_nothing_are_refused_P6(
    incident: Incident, step: PlaybookRunStep, replies: dict[int, str], said: str
) -> None:
    with pytest.raises(WorkflowError, match=said):
        keep(incident, step, replies)
    assert texts() == []


def test_two_people_at_once_the_second_is_told_P6_W1(
    incident: Incident, step: PlaybookRunStep
) -> None:
    seen = step.version
    keep(incident, step, {1: "The report"}, version=seen)
    with pytest.raises(ConflictError):
        keep(incident, step, {1: "The mails"}, version=seen)
    assert texts() == [(1, "The report")]


def test_with_several_clients_the_one_who_answered_is_named_P6(
    incident: Incident, step: PlaybookRunStep, acme: Client
) -> None:
    other = make_client(name="Beta")
    incident.affected.create(client=other, added_at=NOW)
    with pytest.raises(WorkflowError, match=r"Which client said so\? .*Acme, Beta"):
        keep(incident, step, {1: "The report"})
    keep(incident, step, {1: "The report"}, client=acme)
    keep(incident, step, {1: "Nothing at all"}, client=other)
    assert ClientAnswer.objects.count() == 2
    with pytest.raises(WorkflowError, match="is not affected"):
        keep(incident, step, {1: "Hm"}, client=make_client())


def test_a_step_without_questions_has_no_answers_P6(
    incident: Incident, step: PlaybookRunStep
) -> None:
    first = step.run.steps.get(number=1)
    with pytest.raises(WorkflowError, match="has no questions"):
        keep(incident, first, {1: "The report"})
    with pytest.raises(WorkflowError, match="has no questions"):
        mail_questions(incident, first, by=make_actor(Role.REVENUE), now=NOW)


def test_the_questions_are_mailed_in_the_sops_voice_P6_M2_M4(
    incident: Incident, step: PlaybookRunStep, team: Team, acme: Client
) -> None:
    by = actor_for(team.revenue.user)
    draft = mail_questions(incident, step, by=by, now=NOW)
    assert draft.kind == MailKind.QUESTIONS
    assert check_draft(draft) == []
    mail = render_for(draft, acme, now=NOW)
    assert mail.subject == "[LeadsPanther] A Few Questions — Reports"
    assert mail.text.startswith("Hi Ada,")
    assert all(question in mail.text for question in QUESTIONS)
    assert "Just reply to this email" in mail.text
    sent = send_draft(draft, by=by, now=NOW)
    [row] = sent.mails
    assert row.message is not None
    assert row.message.recipient == "ada@acme.example"
    draft.refresh_from_db()
    assert draft.finished_at


def test_the_guard_reads_the_questions_too_P6_M4(
    incident: Incident, step: PlaybookRunStep, team: Team
) -> None:
    by = actor_for(team.revenue.user)
    make_system(name="HubSpot", vendor="HubSpot", side="third_party")
    draft = mail_questions(incident, step, by=by, now=NOW)
    edit_draft(draft, {"questions": "HubSpot broke. Did you notice?"}, by=by, now=NOW)
    with pytest.raises(WorkflowError):
        send_draft(draft, by=by, now=NOW)
    assert not draft.mails.filter(message__isnull=False).exists()


def test_drafting_the_mail_is_the_communicators_P6_A1(
    incident: Incident, step: PlaybookRunStep
) -> None:
    with pytest.raises(NotAllowedError):
        mail_questions(incident, step, by=make_actor(Role.DELIVERY), now=NOW)
    assert not MailDraft.objects.exists()


def test_without_an_affected_client_nobody_can_be_asked_P6(team: Team) -> None:
    incident = make_incident(status="investigating", level=2, team=team)
    run = make_playbook_run(incident, Playbook.objects.get(slug="client-reports-not-working"))
    with pytest.raises(WorkflowError, match="names no client"):
        mail_questions(incident, run.steps.get(number=2), by=make_actor(Role.REVENUE), now=NOW)
    keep(incident, run.steps.get(number=2), {1: "The report"})
    assert ClientAnswer.objects.get().client is None


def act(incident: Incident, *given: str, by: str) -> dict[str, Any]:
    out = StringIO()
    pairs = [part for text in given for part in ("--set", text)]
    with contextlib.suppress(CommandError):
        call_command("act", incident.ref, "step", "--as", by, "--json", *pairs, stdout=out)
    return dict(json.loads(out.getvalue()))


def test_the_command_line_keeps_answers_and_drafts_the_mail_P6(
    incident: Incident, step: PlaybookRunStep
) -> None:
    answer = act(
        incident, "step=2", "action=answers", "reply=1=The report\nis empty", "reply=2=At noon",
        by="devin",
    )  # fmt: skip
    assert answer["ok"], answer
    kept = answer["incident"]["runs"][0]["steps"][1]["client_answers"]
    assert [(one["number"], one["text"], one["client"]) for one in kept] == [
        (1, "The report\nis empty", "acme"),
        (2, "At noon", "acme"),
    ]
    answer = act(incident, "step=2", "action=mail-questions", by="rick")
    assert answer["ok"], answer
    assert MailDraft.objects.get().kind == MailKind.QUESTIONS
    answer = act(incident, "step=2", "reply=3=A new password", by="devin")
    assert answer["incident"]["runs"][0]["steps"][1]["state"] == "done"
    assert texts()[2] == (3, "A new password")
    for given in ("reply=What now", "reply=x=1"):
        answer = act(incident, "step=2", "action=answers", given, by="devin")
        assert "Write “1=what they said”" in answer["missing"][0]


def test_the_page_asks_keeps_and_shows_P6(
    sign_in: SignIn, incident: Incident, step: PlaybookRunStep, team: Team
) -> None:
    browser = sign_in(user=team.revenue.user)
    page = browser.get(incident.get_absolute_url()).content.decode()
    assert page.count('name="replies-') == 3
    url = reverse("incidents:run-step", args=[incident.ref, step.pk])
    data = {"action": "answers", "replies-1": "The report\n2=is empty", "replies-2": ""}
    assert browser.post(url, data).status_code == 302
    assert texts() == [(1, "The report\n2=is empty")]
    page = browser.get(incident.get_absolute_url()).content.decode()
    assert "written down by" in page
    answer = browser.post(url, {"action": "mail_questions"}, follow=True)
    assert "clarifying questions drafted" in answer.content.decode()
    answer = browser.post(url, {"action": "answers", "replies-7": "a"})
    assert answer.status_code == 422
