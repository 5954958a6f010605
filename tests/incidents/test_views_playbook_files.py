"""The pages of a playbook's file and of what the playbooks teach (P1, P8)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from incidents.enums import EntryKind, Role, Status
from incidents.models import Playbook
from incidents.playbooks.files import write_file
from tests.factories import (
    make_entry,
    make_incident,
    make_playbook,
    make_playbook_run,
    make_playbooks,
    make_user,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
URL = "/playbooks/import/"


def upload(browser: Browser, text: str | bytes) -> Any:
    data = text.encode() if isinstance(text, str) else text
    file = SimpleUploadedFile("x.toml", data)
    return browser.post(URL, {"file": file, "action": "look"})


def shown_form(answer: Any) -> dict[str, str]:
    form = answer.context["form"]
    return {
        "form_token": str(form["form_token"].value()),
        "version": str(form["version"].value()),
        "text": str(form["text"].value()),
        "action": "store",
    }


@pytest.fixture
def playbook(db: None) -> Playbook:
    return make_playbook(slug="door-stuck", title="Door Stuck", steps=["Pull", "Push"])


def test_the_file_is_downloaded_P1(sign_in: SignIn, playbook: Playbook) -> None:
    answer = sign_in(Role.LEGAL).get("/playbooks/door-stuck/file/")
    assert answer.headers["Content-Type"].startswith("application/toml")
    assert 'filename="door-stuck.toml"' in answer.headers["Content-Disposition"]
    assert answer.content.decode() == write_file(playbook)


def test_changes_are_shown_before_they_are_stored_P1(sign_in: SignIn, playbook: Playbook) -> None:
    browser = sign_in(Role.ORCHESTRATOR)
    assert browser.get(URL).status_code == 200
    answer = upload(browser, write_file(playbook).replace("Pull", "Pull <gently>"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Step 1 (step-1): text" in page
    assert "Pull &lt;gently&gt;" in page
    assert playbook.steps.get(number=1).text == "Pull"
    answer = browser.post(URL, shown_form(answer))
    assert answer.headers["Location"] == "/playbooks/door-stuck/"
    assert playbook.steps.get(number=1).text == "Pull <gently>"


def test_a_second_click_stores_once_P1(sign_in: SignIn, playbook: Playbook) -> None:
    browser = sign_in(Role.FOUNDER)
    data = shown_form(upload(browser, write_file(playbook).replace("Pull", "Tug")))
    assert browser.post(URL, data).status_code == 302
    count = playbook.history.count()
    assert browser.post(URL, data).status_code == 302
    assert playbook.history.count() == count


def test_somebody_elses_change_in_between_is_a_conflict_P1(
    sign_in: SignIn, playbook: Playbook
) -> None:
    browser = sign_in(Role.ORCHESTRATOR)
    data = shown_form(upload(browser, write_file(playbook).replace("Pull", "Tug")))
    playbook.title = "Door Very Stuck"
    playbook.save()
    answer = browser.post(URL, data)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "was changed by somebody else" in page
    assert "Door Very Stuck" in page
    assert playbook.steps.get(number=1).text == "Pull"
    assert browser.post(URL, shown_form(answer)).status_code == 302
    assert playbook.steps.get(number=1).text == "Tug"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('slug = "x"\ntitle =\n', "at line 2"),
        (b"\xff", "Line 1 is no UTF-8"),
        ("x" * 70_000, "is the most for a playbook"),
        ('slug = "x"\ntitle = "T"\n[[step]]\nkey = "a"\ntext = ""\n', "Line 3: Step 1: It has no"),
        ("", "The submitted file is empty"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_line_P1(
    sign_in: SignIn, text: str | bytes, said: str
) -> None:
    answer = upload(sign_in(Role.ORCHESTRATOR), text)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Playbook.objects.exists()


def test_nothing_chosen_is_said_and_text_may_be_pasted_P1(sign_in: SignIn) -> None:
    browser = sign_in(Role.ORCHESTRATOR)
    answer = browser.post(URL, {"action": "look"})
    assert answer.status_code == 422
    assert "Choose a file, or paste its text" in answer.content.decode()
    text = 'slug = "x"\r\ntitle = "T"\r\n[[step]]\r\nkey = "a"\r\ntext = "Look"\r\n'
    answer = browser.post(URL, {"text": text, "action": "look"})
    assert "a new playbook" in answer.content.decode()
    assert browser.post(URL, shown_form(answer)).status_code == 302
    assert Playbook.objects.get().steps.get().text == "Look"


def test_what_the_playbooks_teach_is_shown_P8(sign_in: SignIn, playbook: Playbook) -> None:
    run = make_playbook_run(make_incident(), playbook)
    run.steps.filter(number=2).update(
        state="skipped", reason="Nobody is there.", at=run.attached_at, by_name="Devin"
    )
    odd = make_incident(status=Status.TRIAGED, level=2, title="Odd thing")
    make_entry(odd, kind=EntryKind.FIX, text="Switched it off.")
    browser = sign_in(Role.LEGAL)
    page = browser.get("/playbooks/learning/").content.decode()
    assert "Door Stuck" in page
    assert "Odd thing" in page
    assert "Start a playbook from it" not in page
    page = browser.get("/playbooks/door-stuck/learning/").content.decode()
    assert "Nobody is there." in page
    assert "Used 1 time." in page
    page = browser.get(f"/playbooks/{make_playbook().slug}/learning/").content.decode()
    assert "Not used yet." in page


def test_a_playbook_starts_from_an_incident_on_its_page_P8(sign_in: SignIn) -> None:
    odd = make_incident(status=Status.TRIAGED, level=2, title="Odd thing")
    browser = sign_in(user=make_user(Role.ORCHESTRATOR))
    url = f"/incidents/{odd.ref}/start-playbook/"
    answer = browser.post(url, follow=True)
    assert "Nothing that a person did" in answer.content.decode()
    make_entry(odd, kind=EntryKind.FIX, text="Switched it off.")
    assert "Start a playbook from it" in browser.get("/playbooks/learning/").content.decode()
    answer = browser.post(url, follow=True)
    assert "is started" in answer.content.decode()
    assert Playbook.objects.get().steps.get().text == "Switched it off."


def test_the_playbooks_lead_to_these_pages_P1_P8(sign_in: SignIn) -> None:
    make_playbooks()
    browser = sign_in(Role.ORCHESTRATOR)
    page = browser.get("/playbooks/").content.decode()
    assert "/playbooks/learning/" in page
    assert URL in page
    page = browser.get("/playbooks/api-down/").content.decode()
    assert "/playbooks/api-down/file/" in page
    assert "/playbooks/api-down/learning/" in page
