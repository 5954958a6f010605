import pytest
from django.test import Client

pytestmark = [pytest.mark.urls("tests.config.urls"), pytest.mark.django_db]

CSP = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}


@pytest.mark.parametrize("path", ["/public/", "/nowhere/", "/accounts/login/", "/healthz"])
def test_every_answer_carries_the_policy_and_headers(client: Client, path: str) -> None:
    response = client.get(path)
    policy = {part.strip() for part in response["Content-Security-Policy"].split(";")}
    assert policy == CSP
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["X-Frame-Options"] == "DENY"
    assert "camera=()" in response["Permissions-Policy"]
