"""check_wording as scripts and agents call it (rules M4, M5)."""

import io
import json
import sys

import pytest
from django.core.management import CommandError, call_command

from incidents.enums import Side
from tests.factories import make_client, make_system, make_third_party

pytestmark = pytest.mark.django_db


def run(monkeypatch, source: str | bytes, *arguments: str) -> list[dict]:
    data = source if isinstance(source, bytes) else source.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
    out = io.StringIO()
    try:
        call_command("check_wording", *arguments, stdout=out)
    finally:
        run.answers = [json.loads(line) for line in out.getvalue().splitlines()]
    return run.answers


@pytest.fixture(autouse=True)
def _names():
    make_third_party(vendor="Apollo", aliases=["Apollo.io"])
    make_system(name="HubSpotter", side=Side.OURS)
    make_client(name="Apollo Dental")


def test_text_on_standard_input_gets_its_findings_M4(monkeypatch):
    text = "Hi Apollo Dental team.\nApollo.io went down."

    (answer,) = run(monkeypatch, text, "--kind", "update")

    (finding,) = answer["findings"]
    assert finding["rule"] == "blame"
    assert text[finding["start"] : finding["end"]] == finding["text"] == "Apollo.io went down."
    assert finding["suggestion"]


def test_clean_text_has_no_findings_M4(monkeypatch):
    text = "The import of Apollo Dental has failed; we're working on it."

    assert run(monkeypatch, text, "--kind", "update") == [{"findings": []}]


def test_kind_decides_about_speculation_M5(monkeypatch):
    text = "It is probably an expired key."

    (flagged,) = run(monkeypatch, text, "--kind", "notification")
    (passed,) = run(monkeypatch, text, "--kind", "update")

    assert [finding["rule"] for finding in flagged["findings"]] == ["speculation"]
    assert passed == {"findings": []}


def test_json_lines_are_answered_one_by_one_M4_M5(monkeypatch):
    lines = ['{"id": 1, "text": "Apollo is down."}', "", '{"id": "b", "text": "Fixed by 5pm."}']

    first, second = run(monkeypatch, "\n".join(lines), "--json-lines", "--kind", "update")

    assert first["id"] == 1
    assert [finding["rule"] for finding in first["findings"]] == ["blame"]
    assert second["id"] == "b"
    assert [finding["rule"] for finding in second["findings"]] == ["promise"]


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b"\xff\xfe", b'{"id": 1}', b'{"text": "a"}', b'{"id": 1, "text": 2}',
             b"[" * 100_000]
)  # fmt: skip
def test_line_that_cannot_be_read_never_stops_the_others(monkeypatch, line):
    source = b'{"id": 1, "text": "a"}\n' + line + b'\n{"id": 3, "text": "a"}\n'

    with pytest.raises(CommandError, match="1 line could not be read"):
        run(monkeypatch, source, "--json-lines", "--kind", "update")

    first, bad, last = run.answers
    assert (first["id"], bad["line"], last["id"]) == (1, 2, 3)
    assert bad["error"]


def test_unknown_kind_is_one_clear_line(monkeypatch):
    with pytest.raises(CommandError, match="Unknown kind 'poem'"):
        run(monkeypatch, "text", "--kind", "poem")


def test_bytes_that_are_no_text_are_taken(monkeypatch):
    assert run(monkeypatch, b"\xff\x00 nothing", "--kind", "update") == [{"findings": []}]
