"""Tokens of machines on their page (rule A3)."""

import re
import uuid
from collections.abc import Callable

import pytest
from django.test import Client as Browser
from django.utils import timezone

from incidents.enums import Role
from monitoring.enums import Kind
from monitoring.ingest.tokens import authenticate
from monitoring.models import IngestToken
from tests.factories import make_ingest_token, make_monitor, make_user

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]
URL = "/monitors/tokens/"


def form(**changes: object) -> dict[str, object]:
    values = {"name": "Mail server", "scopes": ["metrics"], "form_token": str(uuid.uuid4())}
    return {**values, **changes}


def shown_in(page: str) -> str:
    found = re.search(r'id="token" readonly value="([^"]+)"', page)
    return found[1] if found else ""


@pytest.mark.parametrize("role", [Role.FOUNDER, "admin"])
def test_token_is_shown_once_and_works_A3(role: str, sign_in: SignIn) -> None:
    browser = sign_in(role)
    answer = browser.post(URL, form())
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    token = shown_in(answer.text)
    machine = authenticate(f"Bearer {token}", needs="metrics", now=timezone.now())
    assert machine.name == "Mail server"
    assert IngestToken.objects.get().created_by_user is not None
    secret = token.partition(".")[2]
    for page in (browser.get(URL).text, browser.get("/").text):
        assert secret not in page


def test_form_sent_twice_makes_one_and_shows_it_once(sign_in: SignIn) -> None:
    browser, twice = sign_in(Role.FOUNDER), form()
    browser.post(URL, twice)
    again = browser.post(URL, twice, follow=True)
    assert shown_in(again.text) == ""
    assert "cannot be shown again" in again.text
    assert IngestToken.objects.count() == 1


def test_token_for_one_monitor(sign_in: SignIn) -> None:
    monitor = make_monitor(Kind.CREDITS, slug="credits")
    sign_in(Role.FOUNDER).post(URL, form(scopes=["report"], monitor=monitor.slug))
    assert IngestToken.objects.get().scopes == ["metrics:credits", "report"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"scopes": []}, "Say what it may do"),
        ({"scopes": ["root"]}, "Select a valid choice"),
        ({"monitor": "credits"}, "choose one of both"),
        ({"scopes": [], "monitor": "job"}, "Select a valid choice"),
        ({"expires_at": "2020-01-01T00:00"}, "future"),
        ({"expires_at": "soon"}, "Enter a valid date/time"),
    ],
)
def test_wrong_input_makes_no_token(
    changes: dict[str, object], words: str, sign_in: SignIn
) -> None:
    make_monitor(Kind.CREDITS, slug="credits")
    make_monitor(slug="job")
    answer = sign_in(Role.FOUNDER).post(URL, form(**changes))
    assert answer.status_code == 422
    assert words in answer.text
    assert not IngestToken.objects.exists()


def test_revoking_is_asked_for_first_A3(sign_in: SignIn) -> None:
    token = make_ingest_token()
    url = f"{URL}{token.pk}/revoke/"
    browser = sign_in(Role.FOUNDER)
    assert "Revoke the token of Mail server?" in browser.get(url).text
    token.refresh_from_db()
    assert token.revoked_at is None
    assert browser.post(url)["Location"] == URL
    token.refresh_from_db()
    first = token.revoked_at
    browser.post(url)
    token.refresh_from_db()
    assert token.revoked_at == first
    assert browser.get(f"{URL}999999/revoke/").status_code == 404


@pytest.mark.parametrize("role", [Role.ORCHESTRATOR, Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_tokens_are_for_founder_and_admin_A1(role: str, sign_in: SignIn) -> None:
    token = make_ingest_token()
    browser = sign_in(role)
    assert browser.get(URL).status_code == 403
    assert browser.post(URL, form()).status_code == 403
    assert browser.post(f"{URL}{token.pk}/revoke/").status_code == 403
    token.refresh_from_db()
    assert token.revoked_at is None
    assert IngestToken.objects.count() == 1
    assert 'href="/monitors/tokens/"' not in browser.get("/monitors/").text


def test_admin_neither_shows_nor_makes_tokens_A3(sign_in: SignIn) -> None:
    token = make_ingest_token(digest="d" * 64)
    admin = sign_in(user=make_user("admin", is_staff=True, is_superuser=True))
    page = admin.get(f"/admin/monitoring/ingesttoken/{token.pk}/change/").text
    assert "Mail server" in page
    assert "d" * 64 not in page
    assert admin.get("/admin/monitoring/ingesttoken/add/").status_code == 403
    data = {"action": "revoke", "_selected_action": [str(token.pk)]}
    admin.post("/admin/monitoring/ingesttoken/", data)
    token.refresh_from_db()
    assert token.revoked_at is not None
