"""A playbook as a TOML file: written, read back, compared and imported, whole or not (P1, P2)."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from incidents import sop_data
from incidents.enums import ReadingKind, Role, StepKind
from incidents.errors import ConflictError, NotAllowedError, WorkflowError
from incidents.models import Playbook, PlaybookRunStep, PlaybookStep
from incidents.models.playbook import STEP_FIELDS
from incidents.playbooks.editing import save_playbook
from incidents.playbooks.files import (
    MOST_BYTES,
    compare,
    find_playbook,
    import_playbook,
    read_file,
    write_file,
)
from incidents.playbooks.rows import NAMES
from incidents.records import changes_of, version_of
from tests import sop
from tests.factories import (
    make_actor,
    make_incident,
    make_playbook,
    make_playbook_run,
    make_playbook_step,
    make_playbooks,
    make_user,
)

pytestmark = pytest.mark.django_db
SHIPPED = sorted((sop_data.DATA / "playbooks").glob("*.toml"))
SMALL = """slug = "door-stuck"
title = "Door Stuck"

[[step]]
key = "pull"
text = "Pull"

[[step]]
key = "push"
text = "Push"
"""


def fields_of_steps(steps: Any) -> list[dict[str, Any]]:
    return [{name: getattr(step, name) for name in STEP_FIELDS} for step in steps]


def orchestrator() -> Any:
    return make_actor(Role.ORCHESTRATOR)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_playbook_of_the_sop_comes_back_as_it_was_P1(path: Path) -> None:
    file = read_file(path.read_bytes())
    stored = import_playbook(file, by=orchestrator())
    again = read_file(write_file(stored).encode())
    assert fields_of_steps(again.steps) == fields_of_steps(file.steps)
    assert again.playbook.title == file.playbook.title
    assert again.playbook.forces_level == file.playbook.forces_level
    assert compare(again, stored) == []


@pytest.mark.parametrize(
    "text",
    ['"quoted" and \\ back', "two\nlines\tand a tab", "\x7f del", "a = b # no comment", "“ü”"],
)
def test_every_text_survives_the_file_P1(text: str) -> None:
    playbook = make_playbook()
    make_playbook_step(playbook, text=text, parameters={"limit": 2.5, "name": text, "hard": True})
    [step] = read_file(write_file(playbook).encode()).steps
    assert step.text == text
    assert step.parameters == {"limit": 2.5, "name": text, "hard": True}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('slug = "x"\ntitle "no sign"\n', "(at line 2,"),
        ("", "has no slug"),
        ('slug = "x"\n', "has no title"),
        ('slug = 7\ntitle = "T"\n', "slug must be a text, not 7"),
        (SMALL + "colour = 1\n", "Line 8: Step 2 has an unknown part “colour”"),
        (f"colour = 1\n{SMALL}", "unknown part “colour”"),
        (SMALL.replace('text = "Push"', 'text = "Push"\nkind = "dance"'), "Line 8: Step 2: The k"),
        (SMALL.replace("push", "pull"), "Line 8: Step 2: The key “pull” is taken"),
        (SMALL.replace("door-stuck", "Door Stuck"), "is no short name"),
        (SMALL.replace("door-stuck", "import"), "is the name of a page"),
        ('slug = "x"\ntitle = "T"\n', "has no step"),
        ('slug = "x"\ntitle = "T"\nstep = 3\n', "no [[step]] tables"),
        (f"forces_level = 9\n{SMALL}", "no severity 9"),
        (f"forces_level = true\n{SMALL}", "forces_level must be a number"),
        (SMALL + "parameters = {limit = nan}\n", "Give a finite one"),
        (SMALL + 'note = "\\u0000"\n', "(NUL)"),
        (SMALL + "due_after_minutes = 99999999999999999999\n", "far too long"),
        ("a = " + "[" * 20_000, "far too large"),
        ("a = " + "9" * 20_000, "far too large"),
        ("x" * (MOST_BYTES + 1), "is the most for a playbook"),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_refused_with_its_line_P1(text: str, said: str) -> None:
    with pytest.raises(WorkflowError) as refusal:
        read_file(text.encode())
    found = [refusal.value.message, *(item.text for item in refusal.value.missing)]
    assert any(said in one for one in found), found
    assert not Playbook.objects.exists()


def test_bytes_that_are_no_text_are_refused_with_their_line_P1() -> None:
    with pytest.raises(WorkflowError, match="Line 2 is no UTF-8"):
        read_file(b'slug = "x"\ntitle = "\xff"\n')


def test_files_of_windows_are_read_P1() -> None:
    data = b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode()
    assert [step.key for step in read_file(data).steps] == ["pull", "push"]


def test_an_import_changes_adds_moves_and_removes_P1() -> None:
    by = orchestrator()
    stored = import_playbook(read_file(SMALL.encode()), by=by)
    pull = stored.steps.get(key="pull")
    text = """slug = "door-stuck"
title = "Door Stuck Again"

[[step]]
key = "push"
text = "Push harder"

[[step]]
key = "pull"
text = "Pull"

[[step]]
key = "call"
text = "Call"
"""
    file = read_file(text.encode())
    before = version_of(stored)
    shown = {change.what: (change.before, change.after) for change in compare(file, stored)}
    assert shown == {
        "Title": ("Door Stuck", "Door Stuck Again"),
        "Step 1 (push): number": ("2", "1"),
        "Step 1 (push): text": ("Push", "Push harder"),
        "Step 2 (pull): number": ("1", "2"),
        "Step 3 (call) is new": ("", "Call"),
    }
    import_playbook(file, by=by)
    rows = list(stored.steps.order_by("number").values_list("number", "key", "text"))
    assert rows == [(1, "push", "Push harder"), (2, "pull", "Pull"), (3, "call", "Call")]
    assert stored.steps.get(key="pull").pk == pull.pk
    newest = changes_of(find_playbook(file))[0]
    assert newest.version > before
    assert "imported" in newest.what
    assert "+call" in newest.what
    import_playbook(read_file(SMALL.encode()), by=by)
    assert list(stored.steps.values_list("key", flat=True)) == ["pull", "push"]


def test_nothing_half_done_is_left_P1() -> None:
    stored = import_playbook(read_file(SMALL.encode()), by=orchestrator())
    steps = [PlaybookStep(number=1, key="pull", text="Pull"), PlaybookStep(number=2, key="x")]
    stored.title = "Other"
    with pytest.raises(WorkflowError):
        save_playbook(stored, steps, by=orchestrator())
    stored.refresh_from_db()
    assert stored.title == "Door Stuck"
    assert list(stored.steps.values_list("key", flat=True)) == ["pull", "push"]


def test_an_import_written_for_an_older_playbook_is_refused_P1() -> None:
    stored = import_playbook(read_file(SMALL.encode()), by=orchestrator())
    seen = version_of(stored)
    import_playbook(read_file(SMALL.replace("Pull", "Tug").encode()), by=orchestrator())
    with pytest.raises(ConflictError):
        import_playbook(read_file(SMALL.encode()), by=orchestrator(), version=seen)
    assert stored.steps.get(key="pull").text == "Tug"


@pytest.mark.parametrize("role", [Role.DELIVERY, Role.REVENUE, Role.LEGAL])
def test_only_who_keeps_the_playbooks_imports_A1(role: Role) -> None:
    with pytest.raises(NotAllowedError):
        import_playbook(read_file(SMALL.encode()), by=make_actor(role))
    assert not Playbook.objects.exists()


def test_an_import_changes_nothing_in_a_run_P2() -> None:
    stored = import_playbook(read_file(SMALL.encode()), by=orchestrator())
    run = make_playbook_run(make_incident(), stored)
    before = list(PlaybookRunStep.objects.filter(run=run).values())
    text = SMALL.replace("Pull", "Tug").replace('key = "push"', 'key = "shove"')
    import_playbook(read_file(text.encode()), by=orchestrator())
    assert list(PlaybookRunStep.objects.filter(run=run).values()) == before


def test_one_that_is_out_of_use_stays_so_P1() -> None:
    stored = import_playbook(read_file(SMALL.encode()), by=orchestrator())
    Playbook.objects.filter(pk=stored.pk).update(is_active=False)
    import_playbook(read_file(SMALL.replace("Pull", "Tug").encode()), by=orchestrator())
    stored.refresh_from_db()
    assert not stored.is_active


def run(name: str, *arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    return dict(json.loads(out.getvalue()))


def test_commands_write_check_and_store_P1(tmp_path: Path) -> None:
    make_playbooks()
    path = tmp_path / "api-down.toml"
    answer = run("export_playbook", "api-down", "--output", str(path))
    assert answer == {"ok": True, "playbook": "api-down", "file": str(path)}
    assert run("import_playbook", str(path))["changes"] == []
    path.write_text(path.read_text().replace('title = "API Down"', 'title = "API Gone"'))
    answer = run("import_playbook", str(path), "--check")
    assert answer["changes"] == [{"what": "Title", "before": "API Down", "after": "API Gone"}]
    assert (answer["stored"], answer["new"]) == (False, False)
    assert Playbook.objects.get(slug="api-down").title == "API Down"
    assert run("import_playbook", str(path))["stored"] is True
    assert Playbook.objects.get(slug="api-down").title == "API Gone"


def test_commands_refuse_with_a_clear_line_P1_A1(tmp_path: Path) -> None:
    path = tmp_path / "door.toml"
    path.write_text(SMALL)
    make_user(Role.DELIVERY, username="devin")
    for name, arguments, said in (
        ("export_playbook", ["nothing"], "There is no playbook “nothing”"),
        ("import_playbook", [str(tmp_path / "none.toml")], "cannot be read"),
        ("import_playbook", [str(path), "--as", "devin"], "Playbooks are changed by"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command(name, *arguments)
    assert not Playbook.objects.exists()


def sop_lines() -> dict[str, list[str]]:
    """The numbered lines below each playbook's heading in the SOP, read without other code."""
    text = sop.SOP.read_text(encoding="utf-8")
    part = text.split("\n## Common Incident Playbooks\n", 1)[1].split("\n---\n", 1)[0]
    found: dict[str, list[str]] = {}
    for block in part.split("\n### ")[1:]:
        heading, *lines = block.splitlines()
        numbered = [line.split(". ", 1)[1] for line in lines if line[:1].isdigit()]
        found[heading] = [line.replace("**", "") for line in numbered]
    return found


def heading_of(playbook: Playbook) -> str:
    scope = f" ({playbook.applies_to})" if playbook.applies_to else ""
    return f"{playbook.title}{scope}"


def test_every_step_of_the_sop_is_in_the_data_word_for_word_P1() -> None:
    files = [read_file(path.read_bytes()) for path in SHIPPED]
    data = {heading_of(file.playbook): [step.text for step in file.steps] for file in files}
    assert data == sop_lines()
    assert sum(map(len, data.values())) == 28


def test_every_step_of_the_sop_is_in_a_loaded_database_word_for_word_P1() -> None:
    make_playbooks()
    files = [read_file(write_file(row).encode()) for row in Playbook.objects.all()]
    loaded = {heading_of(file.playbook): [step.text for step in file.steps] for file in files}
    assert loaded == sop_lines()
    assert PlaybookStep.objects.count() == sum(map(len, sop_lines().values()))


def test_a_run_says_the_sops_words_word_for_word_P1_P2() -> None:
    for playbook in make_playbooks().values():
        run = make_playbook_run(make_incident(), playbook)
        texts = list(run.steps.order_by("number").values_list("text", flat=True))
        assert texts == sop_lines()[heading_of(playbook)]


def test_the_example_of_the_documentation_can_be_imported_P1() -> None:
    page = (sop.SOP.parent / "playbooks.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    stored = import_playbook(read_file(example.encode()), by=orchestrator())
    assert stored.steps.count() == 6
    for name in {*ReadingKind.values, *StepKind.values, *NAMES}:
        assert f"`{name}`" in page or f"| {name} |" in page, name
