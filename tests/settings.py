"""The project's settings for tests: the same, fast, and deaf to this machine's `.env`.

Only DATABASE_URL and REDIS_URL are taken from the environment, so that the same suite runs
on another database.
"""

import os
import tempfile
from pathlib import Path

from config import environment

KEPT = {"DATABASE_URL", "REDIS_URL"}
EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
for _line in EXAMPLE.read_text(encoding="utf-8").splitlines():
    _name = _line.removeprefix("#").partition("=")[0].strip()
    if _name not in KEPT:
        os.environ.pop(_name, None)

os.environ["ENV_FILE"] = "tests/none.env"
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 50
os.environ["OUTBOUND_ALLOW_PRIVATE"] = "1"

from config.settings import *  # noqa: E402, F403
from config.settings import CACHES, DATABASES  # noqa: E402

WORK_DIR = Path(tempfile.gettempdir()) / f"incidents-tests-{os.getpid()}"
environment.make_folder(WORK_DIR)

VAR_DIR = WORK_DIR
# A live server serves the files as they are written, whatever was collected and when.
STATIC_ROOT = WORK_DIR / "static"
environment.make_folder(STATIC_ROOT)
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

if "sqlite3" in str(DATABASES["default"]["ENGINE"]):
    # A file, because a live server's threads and other processes must see it too; nothing
    # here has to survive a power cut.
    DATABASES["default"]["TEST"] = {"NAME": str(WORK_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (  # type: ignore[index]
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"
    )
DATABASES["default"] |= {"CONN_MAX_AGE": 0}

if not os.environ.get("REDIS_URL"):
    CACHES["default"] = {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "tests",
    }
