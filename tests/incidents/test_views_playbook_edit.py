"""Playbooks written in the app (rules P1, P2, A1, A2)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client as Browser

from incidents.enums import Role, Status
from incidents.forms.playbook_edit import PlaybookEditForm, rows_of
from incidents.models import Playbook
from incidents.models.playbook import STEP_FIELDS
from incidents.records import version_of
from tests.factories import (
    make_incident,
    make_playbook,
    make_playbook_run,
    make_playbooks,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


def shown(playbook: Playbook | None = None, *rows: dict[str, Any]) -> dict[str, Any]:
    """What the page of this playbook would post, with these rows instead where given."""
    steps = list(playbook.steps.order_by("number")) if playbook else []
    form = PlaybookEditForm(
        instance=playbook or Playbook(title="Key expired"),
        rows=rows or rows_of(steps),
        version=version_of(playbook) if playbook else None,
    )
    fields = [*form.visible_fields(), form["version"]]
    fields += [field for row in form.rows for field in row]
    data = {field.html_name: field.value() for field in fields}
    data["steps-count"] = str(len(form.rows))
    for field in fields:
        value = field.field.prepare_value(field.value())
        data[field.html_name] = "" if value is None or value is False else value
    return data


def post(browser: Browser, data: dict[str, Any], slug: str = "", do: str = "save") -> Any:
    url = f"/playbooks/{slug}/edit/" if slug else "/playbooks/new/"
    return browser.post(url, {**data, "do": do})


def definition(playbook: Playbook) -> list[list[Any]]:
    rows = playbook.steps.order_by("number")
    return [[getattr(row, name) for name in STEP_FIELDS] for row in rows]


@pytest.mark.parametrize(
    "slug",
    [
        "api-down",
        "email-bounce-spike",
        "crm-sync-break",
        "client-reports-not-working",
        "outreach-tool-suspension",
    ],
)
def test_saving_what_is_shown_changes_nothing_P1(slug: str, sign_in: SignIn) -> None:
    playbook = make_playbooks()[slug]
    before = definition(playbook)
    browser = sign_in(Role.ORCHESTRATOR)
    page = browser.get(f"/playbooks/{slug}/edit/").content.decode()
    assert page.count('id="row-') == len(before)
    assert post(browser, shown(playbook), slug).status_code == 302
    assert definition(playbook) == before


def test_new_playbook_is_written_P1(sign_in: SignIn) -> None:
    browser = sign_in(Role.ORCHESTRATOR)
    first = {
        "text": "Look at the key.",
        "kind": "check",
        "question": "Is it expired?",
        "answers": "expired = Yes\nvalid = No (opens nothing)",
    }
    second = {"text": "Renew it.", "kind": "action", "branch": "expired", "due_minutes": "30"}
    data = shown(None, first, second) | {"title": "Key expired", "is_active": "on"}
    answer = post(browser, data)
    assert answer["Location"] == "/playbooks/key-expired/"
    playbook = Playbook.objects.get(slug="key-expired")
    look, renew = playbook.steps.order_by("number")
    assert look.answers == [
        {"branch": "expired", "label": "Yes"},
        {"branch": "valid", "label": "No", "opens_nothing": True},
    ]
    assert (look.key, renew.key, renew.branch) == ("look-at-the-key", "renew-it", "expired")
    assert renew.due_after is not None
    assert renew.due_after.total_seconds() == 1800


def test_problem_stands_beside_its_step_and_nothing_is_saved_P1(sign_in: SignIn) -> None:
    playbook = make_playbooks()["api-down"]
    before = definition(playbook)
    data = shown(playbook) | {"steps-1-branch": "nowhere"}
    answer = post(sign_in(Role.ORCHESTRATOR), data, "api-down")
    assert answer.status_code == 422
    page = answer.content.decode()
    second = page[page.index('id="row-2"') : page.index('id="row-3"')]
    assert "no earlier answer offers “nowhere”" in second
    assert definition(playbook) == before


def test_line_that_is_no_answer_is_refused(sign_in: SignIn) -> None:
    data = shown(None, {"text": "Look.", "kind": "check", "answers": "only words"})
    answer = post(sign_in(Role.FOUNDER), data | {"title": "X"})
    assert answer.status_code == 422
    assert "Write “short-name = label”" in answer.content.decode()
    assert not Playbook.objects.filter(title="X").exists()


@pytest.mark.parametrize(
    ("do", "order"),
    [
        ("up-2", ["B", "A", "C"]),
        ("down-2", ["A", "C", "B"]),
        ("remove-2", ["A", "C"]),
        ("add", ["A", "B", "C", ""]),
        ("up-1", ["A", "B", "C"]),
        ("down-3", ["A", "B", "C"]),
        ("remove-99", ["A", "B", "C"]),
        ("nonsense", ["A", "B", "C"]),
    ],
)
def test_steps_are_moved_without_saving(do: str, order: list[str], sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A", "B", "C"])
    answer = post(sign_in(Role.ORCHESTRATOR), shown(playbook), playbook.slug, do=do)
    assert answer.status_code == 200
    found = re.findall(r'<textarea name="steps-\d+-text"[^>]*>\s*([A-C]?)', answer.content.decode())
    assert found == order
    assert [step.text for step in playbook.steps.order_by("number")] == ["A", "B", "C"]


def test_order_is_saved_and_keys_stay_P1(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A", "B"])
    keys = {step.text: step.key for step in playbook.steps.all()}
    first, second = rows_of(list(playbook.steps.order_by("number")))
    browser = sign_in(Role.ORCHESTRATOR)
    assert post(browser, shown(playbook, second, first), playbook.slug).status_code == 302
    rows = list(playbook.steps.order_by("number"))
    assert [row.text for row in rows] == ["B", "A"]
    assert {row.text: row.key for row in rows} == keys


def test_preview_walks_the_branches_P1(sign_in: SignIn) -> None:
    playbook = make_playbooks()["api-down"]
    browser, data = sign_in(Role.ORCHESTRATOR), shown(playbook)
    page = post(browser, data, "api-down", do="preview").content.decode()
    assert "opens when step 1 is answered" in page
    page = post(browser, data | {"walk": ["our-config"]}, "api-down", do="preview").content.decode()
    preview = page[page.index('id="preview"') :]
    assert preview.count("does not apply") == 3
    assert "2 of 5 steps apply" in preview


def test_preview_of_a_step_that_asks_itself_P1(sign_in: SignIn) -> None:
    playbook = make_playbooks()["crm-sync-break"]
    data = shown(playbook) | {"walk": ["not-data-loss"]}
    page = post(sign_in(Role.FOUNDER), data, "crm-sync-break", do="preview").content.decode()
    assert "5 of 6 steps apply" in page


def test_second_editor_is_told_who_changed_what_W1_A2(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A", "B"])
    data = shown(playbook)
    browser = sign_in(Role.ORCHESTRATOR)
    assert post(browser, data | {"title": "First"}, playbook.slug).status_code == 302
    answer = post(browser, data | {"title": "Second"}, playbook.slug)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "was changed by somebody else" in page
    assert 'value="Second"' in page
    playbook.refresh_from_db()
    assert playbook.title == "First"


def test_editing_changes_nothing_in_a_run_P2(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A", "B"])
    run = make_playbook_run(make_incident(status=Status.INVESTIGATING, level=2), playbook)
    data = shown(playbook, {"text": "C", "kind": "action"})
    assert post(sign_in(Role.ORCHESTRATOR), data, playbook.slug).status_code == 302
    assert [step.text for step in run.steps.order_by("number")] == ["A", "B"]


def test_out_of_use_is_shown_to_editors_alone(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A"], title="Old one")
    data = {name: value for name, value in shown(playbook).items() if name != "is_active"}
    post(sign_in(Role.ORCHESTRATOR), data, playbook.slug)
    playbook.refresh_from_db()
    assert not playbook.is_active
    assert "Old one" in sign_in(Role.ORCHESTRATOR).get("/playbooks/").content.decode()
    assert "Old one" not in sign_in(Role.DELIVERY).get("/playbooks/").content.decode()


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_others_only_read_A1(role: str, sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A"])
    browser = sign_in(role)
    assert browser.get(f"/playbooks/{playbook.slug}/edit/").status_code == 403
    assert post(browser, shown(playbook), playbook.slug).status_code == 403
    assert "Edit</a>" not in browser.get(f"/playbooks/{playbook.slug}/").content.decode()


def test_strange_posts_are_no_error(sign_in: SignIn) -> None:
    playbook = make_playbook(steps=["A"])
    browser = sign_in(Role.ORCHESTRATOR)
    for data in ({}, {"steps-count": "-1"}, {"steps-count": "9999"}, {"steps-count": "x"}):
        assert post(browser, data, playbook.slug).status_code == 422
