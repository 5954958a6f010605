"""The project's real addresses."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from config.schedules import write_schedules

pytestmark = pytest.mark.django_db


def test_admin_has_no_sign_in_form_of_its_own_A3(client: Client) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/accounts/login/")


def test_admin_is_closed_to_people_who_are_not_staff_A1(client: Client) -> None:
    client.force_login(User.objects.create_user("rick"))
    assert client.get("/admin/", follow=True).status_code == 403


def test_schedules_can_be_seen_and_not_changed(admin_client: Client) -> None:
    write_schedules()
    assert "monitoring.tasks.tick" in admin_client.get("/admin/django_q/schedule/").text
    assert admin_client.get("/admin/django_q/schedule/add/").status_code == 403
    response = admin_client.post("/admin/django_q/schedule/1/delete/", {"post": "yes"})
    assert response.status_code in {302, 403}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/accounts/login/"])
def test_open_address_needs_no_login_A1(client: Client, path: str) -> None:
    assert client.get(path).status_code in {200, 503}


@pytest.mark.parametrize("path", ["/", "/accounts/password/change/", "/accounts/2fa/"])
def test_everything_else_needs_a_login_A1(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")
