"""The template editor: refusals, preview, history (rules M1, A4)."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import Role, Status
from notifications.models import EmailTemplate
from tests.factories import (
    make_affected,
    make_client,
    make_draft,
    make_incident,
    make_system,
    make_templates,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
URL = "/templates/incident-update/"
PREVIEW = f"{URL}preview/"


@pytest.fixture
def template() -> EmailTemplate:
    return make_templates()["incident-update"]


def form_of(template: EmailTemplate, **changes: object) -> dict[str, object]:
    return {
        "subject": template.subject,
        "body": template.body,
        "version": str(template.history.first().history_id),
        "form_token": str(uuid.uuid4()),
        "action": "save",
        **changes,
    }


def test_list_says_which_wording_was_changed(template: EmailTemplate, sign_in: SignIn) -> None:
    template.subject = f"{template.subject}!"
    template.save()
    page = sign_in(Role.LEGAL).get("/templates/").content.decode()
    assert page.count("changed by us") == 1
    assert page.count("as delivered") == 6


def test_list_costs_few_queries(
    template: EmailTemplate, sign_in: SignIn, django_assert_max_num_queries: Callable
) -> None:
    browser = sign_in(Role.REVENUE)
    browser.get("/templates/")
    with django_assert_max_num_queries(12):
        browser.get("/templates/")


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.REVENUE, Role.FOUNDER])
def test_wording_is_saved_with_who_changed_it_A2(
    role: str, template: EmailTemplate, sign_in: SignIn
) -> None:
    user = make_user(role, username="editor")
    body = template.body.replace("Here is an update", "This is an update")
    answer = sign_in(user=user).post(URL, form_of(template, body=body))
    assert answer.status_code == 302
    template.refresh_from_db()
    assert "This is an update" in template.body
    assert template.history.first().history_user == user


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.LEGAL, "admin"])
def test_others_read_and_may_not_change_A1(
    role: str, template: EmailTemplate, sign_in: SignIn
) -> None:
    browser = sign_in(role)
    page = browser.get(URL)
    assert page.status_code == 200
    assert "Save the wording" not in page.content.decode()
    assert browser.post(URL, form_of(template)).status_code == 403
    assert template.history.count() == 1


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("body", "Hi {{ recipient_nme }}", "Unknown field: {{ recipient_nme }}"),
        ("body", "{{ settings.SECRET_KEY }}", "Unknown field"),
        ("body", "{% load static %}", "A mail may use"),
        ("body", "{% include 'base.html' %}", "A mail may use"),
        ("body", "{% for x in items %}{% endfor %}", "A mail may use"),
        ("body", "{% if brief %}", "A mail may use"),
        ("body", "{{ brief", "stands alone"),
        ("body", "Nothing in it", "This mail must use"),
        ("body", "x" * 20_001, "at most 20000 characters"),
        ("subject", "{{ brief|safe }} {{ nope }}", "A mail may use"),
        ("subject", "One\nBcc: all@agency.example", "one line"),
        ("subject", "", "This field is required"),
    ],
)
def test_what_does_not_render_is_refused_beside_its_field_A4(
    part: str, text: str, words: str, template: EmailTemplate, sign_in: SignIn
) -> None:
    answer = sign_in(Role.REVENUE).post(URL, form_of(template, **{part: text}))
    assert answer.status_code == 422
    errors = " ".join(answer.context["form"].errors.get(part, []))
    assert words in errors
    assert template.history.count() == 1


def test_stale_wording_is_a_conflict_and_kept(template: EmailTemplate, sign_in: SignIn) -> None:
    stale = form_of(template, subject="Mine — {{ brief }}")
    template.subject = "Theirs — {{ brief }}"
    template.save()
    answer = sign_in(Role.REVENUE).post(URL, stale)
    assert answer.status_code == 409
    assert "Mine — {{ brief }}" in answer.content.decode()
    assert "changed by somebody else" in answer.content.decode()
    template.refresh_from_db()
    assert template.subject.startswith("Theirs")


def test_double_click_saves_once(template: EmailTemplate, sign_in: SignIn) -> None:
    browser = sign_in(Role.REVENUE)
    values = form_of(template, subject="Once — {{ brief }}")
    assert [browser.post(URL, values).status_code for _ in range(2)] == [302, 302]
    assert template.history.count() == 2


def test_preview_speaks_to_the_chosen_client_M1(template: EmailTemplate, sign_in: SignIn) -> None:
    client = make_client(contact_name="Maya Okafor", time_zone="America/New_York")
    system = make_system(plain_name="your outreach e-mails")
    incident = make_incident(status=Status.TRIAGED, systems=[system], level=1)
    row = make_affected(incident, client)
    draft = {"system_name": "", "update_text": "It sends again.", "brief": "Mails paused"}
    make_draft(incident, kind="incident-update", **draft)
    answer = sign_in(Role.REVENUE).post(PREVIEW, form_of(template, affected=str(row.pk)))
    page = answer.content.decode()
    assert answer.status_code == 200
    for text in ("Hi Maya,", "your outreach e-mails", "It sends again.", "Mails paused", "E"):
        assert text in page
    assert " EST on " in page or " EDT on " in page


def test_preview_uses_samples_without_a_client(template: EmailTemplate, sign_in: SignIn) -> None:
    page = sign_in(Role.REVENUE).post(PREVIEW, form_of(template)).content.decode()
    assert "Hi Maya," in page
    assert "<strong>Where things stand</strong>" in page


def test_preview_of_a_private_incident_is_for_those_on_it_W11(
    template: EmailTemplate, sign_in: SignIn
) -> None:
    incident = make_incident(status=Status.TRIAGED, is_private=True, title="Psst")
    row = make_affected(incident, make_client(contact_name="Secret Person"))
    values = form_of(template, affected=str(row.pk))
    browser = sign_in(Role.REVENUE)
    assert "Secret" not in browser.post(PREVIEW, values).content.decode()
    assert "Psst" not in browser.get(URL).content.decode()
    assert "Hi Secret" in sign_in(Role.FOUNDER).post(PREVIEW, values).content.decode()


def test_preview_says_why_it_does_not_render(template: EmailTemplate, sign_in: SignIn) -> None:
    answer = sign_in(Role.REVENUE).post(PREVIEW, form_of(template, body="{% include 'x' %}"))
    assert answer.status_code == 200
    assert "Does not render" in answer.content.decode()


def test_preview_never_runs_markup_of_a_value(template: EmailTemplate, sign_in: SignIn) -> None:
    row = make_affected(
        make_incident(status=Status.TRIAGED), make_client(contact_name="<script>alert(1)</script>")
    )
    page = sign_in(Role.REVENUE).post(PREVIEW, form_of(template, affected=str(row.pk)))
    assert "<script>alert" not in page.content.decode()


def test_preview_without_script_keeps_the_text(template: EmailTemplate, sign_in: SignIn) -> None:
    values = form_of(template, action="preview", subject="Tried — {{ brief }}")
    answer = sign_in(Role.REVENUE).post(URL, values)
    assert answer.status_code == 200
    assert "Tried — Outgoing emails paused" in answer.content.decode()
    assert template.history.count() == 1


def test_older_version_fills_the_form_and_counts_when_saved(
    template: EmailTemplate, sign_in: SignIn
) -> None:
    original = template.subject
    template.subject = "Newer — {{ brief }}"
    template.save()
    first = template.history.last()
    browser = sign_in(Role.REVENUE)
    page = browser.get(f"{URL}?from={first.history_id}")
    assert page.context["form"]["subject"].value() == original
    assert "Nothing is changed until you save it" in page.content.decode()
    template.refresh_from_db()
    assert template.subject.startswith("Newer")


def test_words_of_the_sop_fill_the_form(template: EmailTemplate, sign_in: SignIn) -> None:
    original = template.body
    template.body = template.body.replace("Here is", "This is")
    template.save()
    page = sign_in(Role.REVENUE).get(f"{URL}?from=sop")
    assert page.context["form"]["body"].value() == original
    template.refresh_from_db()
    assert "This is" in template.body


@pytest.mark.parametrize("source", ["999999", "x", "-1", "9" * 40])
def test_unknown_version_shows_the_present_one(
    source: str, template: EmailTemplate, sign_in: SignIn
) -> None:
    page = sign_in(Role.REVENUE).get(f"{URL}?from={source}&affected={source}")
    assert page.status_code == 200
    assert page.context["form"]["body"].value() == template.body


def test_unknown_template_is_404(sign_in: SignIn) -> None:
    browser = sign_in(Role.REVENUE)
    assert browser.get("/templates/nothing/").status_code == 404
    assert browser.get(PREVIEW).status_code == 405
