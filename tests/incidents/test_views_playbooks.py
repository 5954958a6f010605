"""The playbooks, to read (rules P1, P4, P5)."""

from collections.abc import Callable

import pytest
from django.test import Client as Browser

from incidents.enums import Role, StepKind
from tests.factories import (
    make_incident,
    make_playbook,
    make_playbook_run,
    make_playbook_step,
    make_playbooks,
    make_system,
)

pytestmark = pytest.mark.django_db
SignIn = Callable[..., Browser]


def test_list_shows_the_five_playbooks_P1(sign_in: SignIn) -> None:
    make_system(playbook=make_playbooks()["api-down"], name="AI drafting")
    page = sign_in(Role.LEGAL).get("/playbooks/").content.decode()
    assert page.count("data-open") == 5
    assert "AI drafting" in page
    assert "SEV-1" in page


def test_detail_shows_conditions_and_prohibitions_P1_P5(sign_in: SignIn) -> None:
    make_playbooks()
    page = sign_in(Role.DELIVERY).get("/playbooks/outreach-tool-suspension/").content.decode()
    assert "pb-forbid" in page
    assert "Do NOT create a new account" in page
    assert "never ticked off as work" in page
    assert "If suspended permanently" in page


def test_gate_is_framed_P4(sign_in: SignIn) -> None:
    make_playbooks()
    page = sign_in(Role.DELIVERY).get("/playbooks/email-bounce-spike/").content.decode()
    assert "pb-gate" in page


@pytest.mark.parametrize("kind", StepKind.values)
def test_every_kind_of_step_has_its_place(kind: str, sign_in: SignIn) -> None:
    playbook = make_playbook()
    make_playbook_step(playbook, kind=kind, text="Look here", condition="if it rains")
    page = sign_in(Role.REVENUE).get(f"/playbooks/{playbook.slug}/").content.decode()
    assert "Look here" in page
    assert "If it rains" in page


def test_private_incident_is_not_named_W11(sign_in: SignIn) -> None:
    playbook = make_playbook()
    incident = make_incident(is_private=True)
    make_playbook_run(incident, playbook)
    url = f"/playbooks/{playbook.slug}/"
    assert incident.ref not in sign_in(Role.DELIVERY).get(url).content.decode()
    assert incident.ref in sign_in(Role.FOUNDER).get(url).content.decode()


def test_playbooks_are_read_only_and_need_a_login(client: Browser, sign_in: SignIn) -> None:
    url = f"/playbooks/{make_playbook().slug}/"
    assert client.get(url).status_code == 302
    browser = sign_in(Role.FOUNDER)
    assert browser.post(url).status_code == 405
    assert browser.get("/playbooks/nothing/").status_code == 404
