"""The walls of the house."""

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APPS = ("config", "monitoring", "incidents", "notifications")
TOO_VAGUE = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py"}


def test_imports_go_down_only() -> None:
    result = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_module_has_a_name_that_says_nothing() -> None:
    found = [path for app in APPS for path in (ROOT / app).rglob("*.py") if path.name in TOO_VAGUE]
    assert found == []


def test_no_import_hides_inside_a_function() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(
            r"^[ \t]+(from|import)\s", text := path.read_text(encoding="utf-8"), re.MULTILINE
        )
        for outer in ast.walk(ast.parse(text))
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []
