"""A person at the pages of a served installation, over plain HTTP: what a browser sends without
JavaScript."""

import re
import uuid
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import requests
from django.utils import timezone

_REF = re.compile(r"/incidents/(INC-\d{4}-\d+)/$")
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass
class Visitor:
    """Signs in through the form, and then does as the pages allow."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self, username: str, password: str) -> None:
        answer = self._post("/accounts/login/", {"login": username, "password": password})
        assert not answer.url.endswith("/accounts/login/"), answer.text

    def open_sev1(self, *, title: str, system: str) -> str:
        """New incident and its triage in one submit; its reference."""
        now = timezone.now().astimezone(ZoneInfo("Europe/Berlin"))
        answer = self._post(
            "/incidents/new/",
            {
                "title": title,
                "source": "monitoring",
                "detected_at": f"{now:%Y-%m-%dT%H:%M}",
                "systems": system,
                "core_stopped": "yes",
                "component_broken": "no",
                "below_expectations": "no",
                "level": "1",
                "form_token": str(uuid.uuid4()),
            },
        )
        found = _REF.search(answer.url)
        assert found, f"{answer.status_code} {answer.url}\n{answer.text}"
        return found[1]

    def _post(self, path: str, values: dict[str, str]) -> requests.Response:
        token = _TOKEN.search(self.session.get(f"{self.url}{path}", timeout=30).text)
        assert token
        headers = {"Referer": f"{self.url}{path}"}
        return self.session.post(
            f"{self.url}{path}",
            values | {"csrfmiddlewaretoken": token[1]},
            headers=headers,
            timeout=60,
        )
