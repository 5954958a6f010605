"""The program as a stranger starts it: empty database, SOP, demonstration, `manage.py serve`."""

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.places import ROOT, started

TETHER = str(ROOT / "config" / "tether.py")
#: Seconds until every part has shown a sign of life; a busy machine is slow.
PATIENCE = 180


class PictureError(Exception):
    """Why there are no pictures, in words for whoever asked for them."""


@dataclass(frozen=True)
class Program:
    """One that answers, with the demonstration's accounts."""

    url: str
    folder: Path
    environ: dict[str, str] = field(repr=False)
    passwords: dict[str, str] = field(repr=False)

    def post_figures(self, *figures: dict[str, object]) -> None:
        """What a machine posts, with a token of its own."""
        made = manage(self.environ, "create_token", "pictures", "--scope", "metrics", "--json")
        headers = {"Authorization": f"Bearer {json.loads(made)['token']}"}
        body = json.dumps(figures).encode()
        request = urllib.request.Request(f"{self.url}/ingest/metrics", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            if json.load(answer)["refused"]:
                raise PictureError("The figures were not taken.")

    def find_link(self, pattern: str, seconds: float = PATIENCE) -> str:
        """The first link of that kind in any mail that was sent."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for file in sorted((self.folder / "mail").glob("*")):
                if found := re.search(pattern, file.read_text(encoding="utf-8")):
                    return found[0]
            time.sleep(0.5)
        raise PictureError(f"No mail with a link like {pattern} was sent.")


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    """Start it in an empty folder; it ends with the block, and with this process, however."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": "tests/none.env",
        "DJANGO_SETTINGS_MODULE": "tests.pictures.settings",
        "PLACE": str(folder),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
        "EMAIL_URL": f"filemail://{folder / 'mail'}",
        "PORT": str(port),
    }
    manage(environ, "migrate", "--verbosity", "0")
    manage(environ, "load_sop")
    seeded = json.loads(manage(environ, "seed_demo", "--json"))
    passwords = {row["username"]: row["password"] for row in seeded["accounts"]}
    program = Program(f"http://127.0.0.1:{port}", folder, environ, passwords)
    serve = ["-S", TETHER, str(os.getpid()), sys.executable, "manage.py", "serve"]
    log = folder / "serve.log"
    with started(*serve, "--web-workers", "1", environ=environ, log=log) as process:
        _wait_until_ready(program, process, log)
        yield program


def manage(environ: dict[str, str], *command: str) -> str:
    """What a management command prints. Raises PictureError with what it said where it fails."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PictureError(f"manage.py {command[0]} failed:\n{done.stderr or done.stdout}")
    return done.stdout


def _wait_until_ready(program: Program, process: "subprocess.Popen[str]", log: Path) -> None:
    """Until engine and task cluster live too: their absence would stand on every page."""
    deadline = time.monotonic() + PATIENCE
    said = ""
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{program.url}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
        except OSError as error:
            said = str(error)
        time.sleep(0.5)
    raise PictureError(f"`manage.py serve` did not get ready: {said}\n{log.read_text()}")
