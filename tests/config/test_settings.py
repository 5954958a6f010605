import os
import re
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from config import environment, settings

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "SITE_URL": "https://incidents.example.com",
    "SECRET_KEY": "5TnJ0-strong-and-long-enough_kQzP8wYc1rXv7LmBd3HsFgUa9EoTiN2",
}


def run_manage(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`manage.py` in a process of its own, with nothing but these variables set."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": "tests/none.env", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("SITE_URL", "incidents.example.com"),
        ("SITE_URL", "ftp://incidents.example.com"),
        ("SITE_URL", "https://user:pa55word@incidents.example.com"),
        ("SITE_URL", "https://incidents.example.com/app"),
        ("SITE_URL", "http://[::1"),
        ("ALLOWED_HOSTS", "https://incidents.example.com"),
        ("CSRF_TRUSTED_ORIGINS", "incidents.example.com"),
        ("TIME_ZONE", "Europe/Bärlin"),
        ("TIME_ZONE", "../etc/passwd"),
        ("HOLIDAY_COUNTRY", "Atlantis"),
        ("HOLIDAY_COUNTRY", "DE-XX"),
        ("DATABASE_URL", "mysql://root:pa55word@db/incidents"),
        ("DATABASE_URL", "postgres://root:pa55word@db:port/incidents"),
        ("DATABASE_URL", "sqlite://db.sqlite3"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("REDIS_URL", "http://:pa55word@cache"),
        ("REDIS_URL", "redis://"),
        ("EMAIL_URL", "https://user:pa55word@mail"),
        ("EMAIL_URL", "smtp://user:pa55word@mail:x"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_TIMEOUT", "soon"),
        ("EMAIL_TIMEOUT", "0"),
        ("EMAIL_TIMEOUT", "nan"),
        ("HTTP_TIMEOUT", "9e9"),
        ("DEFAULT_FROM_EMAIL", "nobody"),
        ("REPLY_TO_EMAIL", "a@example.com, b@example.com"),
        ("TELEGRAM_API_URL", "api.telegram.org"),
        ("WATCHDOG_PING_URL", "watch me"),
        ("DNS_RESOLVER", "127.0.0.1"),
        ("REQUIRE_2FA", "sometimes"),
        ("SAMPLE_KEEP_DAYS", "30"),
        ("SIGNAL_KEEP_DAYS", "for ever"),
    ],
)
def test_wrong_value_stops_with_one_line_naming_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(settings.__file__)
    line = str(stop.value)
    assert line.startswith(f"Cannot start: {name} must be ")
    assert "\n" not in line
    assert "pa55word" not in line


def test_manage_shows_the_line_and_no_traceback() -> None:
    result = run_manage("check", SITE_URL="incidents.example.com")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "SITE_URL" in result.stderr


def test_deploy_check_is_silent_in_production() -> None:
    result = run_manage("check", "--deploy", "--fail-level", "INFO", **PRODUCTION)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "System check identified no issues (0 silenced)."
    assert result.stderr.strip() in {"", result.stdout.strip()}


def test_deploy_check_speaks_up_over_http() -> None:
    result = run_manage("check", "--deploy", SECRET_KEY=PRODUCTION["SECRET_KEY"])
    assert "security.W008" in result.stderr


def test_dotenv_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    dotenv = tmp_path / "some.env"
    dotenv.write_text("TIME_ZONE=Asia/Tokyo\nEMAIL_TIMEOUT=33\n")
    code = "from config import settings as s; print(s.TIME_ZONE, s.EMAIL_TIMEOUT)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "ENV_FILE": str(dotenv), "EMAIL_TIMEOUT": "44"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert result.stdout.split() == ["Asia/Tokyo", "44.0"]


def test_secret_key_is_made_once_for_the_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    first = environment.secret_key("SECRET_KEY", tmp_path)
    assert environment.secret_key("SECRET_KEY", tmp_path) == first
    assert len(first) > 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_secret_key_file_that_was_cut_short_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "secret_key").write_text("")
    with pytest.raises(SystemExit, match="holds no usable key"):
        environment.secret_key("SECRET_KEY", tmp_path)


def test_every_variable_of_the_settings_is_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    names = {line.removeprefix("#").partition("=")[0] for line in example.splitlines()}
    source = Path(settings.__file__).read_text()
    used = set(re.findall(r'env\.[a-z_]+\(\s*"([A-Z0-9_]+)"', source))
    assert len(used) > 30
    assert used <= names


def test_mail_address_gives_host_port_and_encryption(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp+tls://me%40x:p%2Fw@mail.example.com")
    found = environment.mail("EMAIL_URL", tmp_path)
    assert found["EMAIL_HOST_USER"] == "me@x"
    assert found["EMAIL_HOST_PASSWORD"] == "p/w"
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"]) == ("mail.example.com", 587)
    assert found["EMAIL_USE_TLS"] is True


def test_without_mail_address_mail_goes_into_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("EMAIL_URL", raising=False)
    found = environment.mail("EMAIL_URL", tmp_path)
    assert str(found["EMAIL_BACKEND"]).endswith("filebased.EmailBackend")
    assert found["EMAIL_FILE_PATH"] == str(tmp_path)


def test_passwords_are_hashed_with_argon2_and_long() -> None:
    assert settings.PASSWORD_HASHERS[0].endswith("Argon2PasswordHasher")
    assert {"min_length": 12} in [v["OPTIONS"] for v in settings.AUTH_PASSWORD_VALIDATORS]
