"""The description of the machine addresses, and that it is true."""

import json
import uuid
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client as Browser
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from monitoring.enums import Scope
from monitoring.ingest import urls
from monitoring.ingest.metrics import MOST_COUNTED, MOST_ITEMS
from monitoring.ingest.openapi import SOURCE
from tests.factories import make_client, make_monitor, make_sop, make_system, make_team
from tests.monitoring.ingesting import bearer, make_token


def described() -> dict[str, Any]:
    answer = Browser().get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def test_the_description_is_open_and_tagged() -> None:
    answer = Browser().get("/openapi.json")
    assert answer["Content-Type"] == "application/json"
    again = Browser().get("/openapi.json", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Browser().head("/openapi.json").content == b""
    assert Browser().post("/openapi.json").status_code == 405
    assert answer.json()["servers"] == [{"url": "http://127.0.0.1:8000"}]


def test_every_address_is_described() -> None:
    paths = {f"/{pattern.pattern}" for pattern in urls.urlpatterns}
    assert len(described()["paths"]) == len(paths)
    for path in described()["paths"]:
        filled = path.replace("{ping_id}", str(uuid.uuid4())).replace("{action}", "start")
        assert get_resolver().resolve(filled).namespace == "ingest"


def test_the_figures_of_the_description_are_those_of_the_code() -> None:
    text = json.dumps(described())
    assert f'"maxItems": {MOST_ITEMS}' in text
    assert f'"exclusiveMaximum": {MOST_COUNTED}' in text
    assert all(f"`{scope}`" in text for scope in Scope.values)


@pytest.fixture
def place(transactional_db: None) -> str:
    make_sop()
    make_team()
    make_system(slug="crm", clients=[make_client(slug="acme")])
    make_monitor("error_rate", slug="rate")
    return make_token("metrics", "alertmanager", "report")


#: What a value means is judged after its form: an unknown slug is a refusal, and one odd item or
#: alert does not fail the rest.
MEANING = [checks.positive_data_acceptance, checks.negative_data_rejection]
OPERATIONS = [
    (path, method)
    for path, operations in json.loads(SOURCE.read_text())["paths"].items()
    for method in operations
    if method != "parameters"
]


@pytest.mark.machines
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_answers_are_as_described(path: str, method: str, place: str) -> None:
    description = schemathesis.openapi.from_wsgi("/openapi.json", get_wsgi_application())

    @settings(
        max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=description[path][method].as_strategy())
    def is_true(case: Any) -> None:
        headers = {"Authorization": bearer(place)}
        case.call_and_validate(headers=headers, excluded_checks=MEANING)

    is_true()
