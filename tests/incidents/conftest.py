"""What the tests of the pages share."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.template import engines
from django.test import Client

from tests.factories import make_user

PAGES = ("test_views_", "test_templatetags")


class Undefined(str):
    """In place of a variable that no view gave: the page fails instead of hiding it."""

    def __contains__(self, key: object) -> bool:
        return key == "%s"

    def __mod__(self, variable: Any) -> str:
        raise AssertionError(f"The template asks for {variable}, which is not in its context.")


@pytest.fixture(autouse=True)
def _strict_templates(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page of ours renders without an undefined variable."""
    if request.module.__name__.rpartition(".")[2].startswith(PAGES):
        # Not through the settings: that would compile every template anew for each test.
        engine = engines["django"].engine  # type: ignore[attr-defined]
        monkeypatch.setattr(engine, "string_if_invalid", Undefined("%s"))


@pytest.fixture
def sign_in(client: Client) -> Callable[..., Client]:
    """``sign_in("revenue")`` gives the browser of somebody with that role, or of that user."""

    def enter(*roles: str, user: User | None = None) -> Client:
        client.force_login(user or make_user(*roles))
        return client

    return enter
