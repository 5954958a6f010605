import pytest
from django.test import Client

pytestmark = [pytest.mark.urls("tests.config.urls"), pytest.mark.django_db]


@pytest.fixture
def calm_client() -> Client:
    """A client that gets the error page instead of the exception."""
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/nowhere/", 404, "There is no such page"),
        ("/fail/denied/", 403, "Only the founder approves this."),
        ("/fail/role/", 403, "Only the orchestrator waives."),
        ("/fail/conflict/", 409, "Status: triaged"),
        ("/fail/refused/", 400, "The fix has no test evidence."),
        ("/fail/crash/", 500, "Nothing was saved."),
    ],
)
def test_people_get_a_page_with_the_reason(
    calm_client: Client, path: str, status: int, text: str
) -> None:
    response = calm_client.get(path)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert text in response.content.decode()
    assert "Traceback" not in response.content.decode()
    assert "hunter2" not in response.content.decode()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/metrics/nothing", 404), ("/metrics/fail/crash", 500), ("/metrics/fail/denied", 403)],
)
def test_machines_get_problem_json(calm_client: Client, path: str, status: int) -> None:
    response = calm_client.get(path)
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == status


@pytest.mark.parametrize(
    "path",
    ["/public/?q=a%00b", "/public/?a%00=b", "/pub%00lic/", "/metrics/any?q=%00"],
)
def test_nul_in_the_address_is_400(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_nul_in_a_form_is_400(client: Client) -> None:
    assert client.post("/public/", {"title": "a\0b"}).status_code == 400
    assert client.post("/public/", {"title": ["fine", "not\0"]}).status_code == 400
    assert client.post("/public/", "a%00=b", "application/x-www-form-urlencoded").status_code == 400
    assert client.post("/public/", {"title": "fine"}).status_code == 200


def test_machine_takes_any_bytes(client: Client) -> None:
    body = b"\0\xff" * 10
    assert client.post("/metrics/any", body, content_type="text/plain").content == b"20"


@pytest.mark.parametrize("kind", ["multipart", "urlencoded"])
def test_five_megabytes_of_text_are_413(client: Client, kind: str) -> None:
    text = "x" * 5_000_000
    response = (
        client.post("/public/", {"description": text})
        if kind == "multipart"
        else client.post("/public/", f"d={text}", "application/x-www-form-urlencoded")
    )
    assert response.status_code == 413
    assert "Shorten it" in response.content.decode()


def test_broken_multipart_is_400(client: Client) -> None:
    response = client.post("/public/", b"--x\r\n", content_type="multipart/form-data")
    assert response.status_code == 400


def test_unknown_host_is_400(client: Client) -> None:
    response = client.get("/public/", headers={"host": "evil.example.com"})
    assert response.status_code == 400


def test_stale_form_is_a_403_page_that_says_so() -> None:
    response = Client(enforce_csrf_checks=True).post("/public/", {"title": "fine"})
    assert response.status_code == 403
    assert "This form is stale" in response.content.decode()
