"""Settings of the whole project: one file, everything that differs from place to place
comes from the environment (see ``.env.example``)."""

import os
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import holidays
from csp.constants import NONE, SELF

from config import environment as env
from config import logs

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
STATIC_ROOT = VAR_DIR / "static"

env.read_dotenv(BASE_DIR / os.environ.get("ENV_FILE", ".env"))
env.make_folder(STATIC_ROOT)

# The place ---------------------------------------------------------------------------

DEBUG = env.flag("DEBUG")
BENCH = env.flag("BENCH")
SECRET_KEY = env.secret_key("SECRET_KEY", VAR_DIR)
PORT = env.whole_number("PORT", 8000, low=1, high=65535)
SITE_URL = env.web_address("SITE_URL", f"http://127.0.0.1:{PORT}", site=True)
IS_HTTPS = SITE_URL.startswith("https://")
SITE_HOST = urlsplit(SITE_URL).hostname or ""
ALLOWED_HOSTS = env.host_names("ALLOWED_HOSTS", [SITE_HOST, "localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS", [SITE_URL] if IS_HTTPS else [])

USE_TZ = True
TIME_ZONE = env.time_zone("TIME_ZONE", "Europe/Berlin")
HOLIDAY_COUNTRY = env.country("HOLIDAY_COUNTRY", "DE", holidays.list_supported_countries)
LANGUAGE_CODE = "en-gb"
# The admin's times: 24 hours, with the zone (rule C9).
DATETIME_FORMAT = "D j M Y H:i T"
USE_I18N = False
FORMAT_MODULE_PATH = None

# Applications ------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "config.apps.CollectedFilesConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_filters",
    "django_htmx",
    "django_q",
    "heroicons",
    "simple_history",
    "notifications",
    "incidents",
    "monitoring",
    # Last, so that its admin classes replace those of the packages above.
    "config.apps.ProjectConfig",
]

MIDDLEWARE = [
    *(["config.middleware.BenchMiddleware"] if BENCH else []),
    "monitoring.ingest.middleware.MachineMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "config.middleware.PermissionsPolicyMiddleware",
    "config.middleware.CleanInputMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.middleware.SessionLimitsMiddleware",
    "incidents.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.SignInMiddleware",
    "config.middleware.SecondFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "config.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.shell",
            ],
        },
    },
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
CRISPY_FAIL_SILENTLY = False

# Data --------------------------------------------------------------------------------

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Cron starts commands elsewhere; a relative path means the same file for all.
    DATABASES["default"]["NAME"] = str(BASE_DIR / str(DATABASES["default"]["NAME"]))
    DATABASES["default"]["OPTIONS"] = {
        # SQLite's writers wait without a queue: on a busy machine one may be passed over for long.
        "timeout": 60,
        # A write transaction that starts as a reader cannot be made to wait its turn.
        "transaction_mode": "IMMEDIATE",
        # FULL: a power cut must not undo "delivered" or an entry of the incident log.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }
    # The last connection that closes empties SQLite's log: one for each request is ten times
    # slower.
    DATABASES["default"]["CONN_MAX_AGE"] = 600
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}

# Rate limits must be counted once for all workers. Without Redis that is the file cache:
# it is shared between processes, replaces a value in one step, and, unlike the database
# cache, never takes SQLite's only write lock away from an incident.
REDIS_URL = env.redis_address("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": VAR_DIR / "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# Forms are small; a description of megabytes is answered with 413 before it is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
MAX_REQUEST_BYTES = 10_000_000

# Static files ------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("vendor/bootstrap", str(files("django_include_bootstrap") / "static")),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False
MEDIA_ROOT = VAR_DIR / "media"

# Signing in --------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
PASSWORD_RESET_TIMEOUT = 3600

# Both limits are kept by SessionLimitsMiddleware; the cookie's age only follows.
SESSION_MAX_AGE = timedelta(hours=8)
SESSION_MAX_IDLE = timedelta(minutes=30)
SESSION_COOKIE_AGE = int(SESSION_MAX_AGE.total_seconds())
SESSION_COOKIE_SAMESITE = "Lax"

REQUIRE_2FA = env.flag("REQUIRE_2FA")

ACCOUNT_ADAPTER = "config.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if IS_HTTPS else "http"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    # Guessing stops after 20 failures from one address and 5 at one account.
    "login_failed": "20/5m/ip,5/5m/key",
}
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "LeadsPanther incidents"
MFA_TOTP_TOLERANCE = 1
# Accounts are made by an admin, so there is no confirmation mail to wait for.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# Behind TLS there is exactly one proxy: `serve` listens on loopback only, so nobody else
# can set these headers.
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if IS_HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None

# Headers -----------------------------------------------------------------------------

SECURE_SSL_REDIRECT = IS_HTTPS
# Health is asked from this very machine, without the proxy in between.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.errors.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# Mail and messages -------------------------------------------------------------------

vars().update(env.mail("EMAIL_URL", VAR_DIR / "mail"))
EMAIL_TIMEOUT = env.number("EMAIL_TIMEOUT", 10, low=1, high=120)
DEFAULT_FROM_EMAIL = env.mail_address(
    "DEFAULT_FROM_EMAIL", "LeadsPanther <incidents@leadspanther.example>"
)
SERVER_EMAIL = DEFAULT_FROM_EMAIL
REPLY_TO_EMAIL = env.mail_address("REPLY_TO_EMAIL", DEFAULT_FROM_EMAIL)
IMAP_URL = env.text("IMAP_URL")
MAIL_UNDO_SECONDS = 10
MESSAGE_SETTLED_HANDLERS = [
    "incidents.correspondence.message_settled",
    "incidents.correspondence.note_settled",
    "incidents.fallback.message_settled",
    "incidents.escalation.message_settled",
    "incidents.digests.message_settled",
]
MESSAGE_DELAYED_HANDLERS = ["incidents.fallback.message_delayed"]
CHANNEL_PAUSED_HANDLERS = ["incidents.outages.channel_paused"]
RECIPIENT_MOVED_HANDLERS = ["incidents.fallback.recipient_moved"]
READING_PROVIDERS = ["monitoring.readings.read"]
READING_PROBES = ["monitoring.asking.ask"]
DOMAIN_FINDERS = ["monitoring.readings.domains_behind"]
RECORD_PANELS = ["monitoring.panels.panels_of"]

# Other services ----------------------------------------------------------------------

HTTP_TIMEOUT = env.number("HTTP_TIMEOUT", 10, low=1, high=120)
OUTBOUND_ALLOW_PRIVATE = env.flag("OUTBOUND_ALLOW_PRIVATE")
DNS_RESOLVER = env.host_and_port("DNS_RESOLVER")
WATCHDOG_PING_URL = env.web_address("WATCHDOG_PING_URL")
# Whoever knows the path can keep the watchdog quiet.
WATCHDOG_PING_TOKEN = urlsplit(WATCHDOG_PING_URL).path.strip("/")
METRICS_TOKEN = env.text("METRICS_TOKEN")
TELEGRAM_BOT_TOKEN = env.text("TELEGRAM_BOT_TOKEN")
TELEGRAM_API_URL = env.web_address("TELEGRAM_API_URL", "https://api.telegram.org")
HUBSPOT_TOKEN = env.text("HUBSPOT_TOKEN")
HUBSPOT_API_URL = env.web_address("HUBSPOT_API_URL", "https://api.hubapi.com")
HUBSPOT_API_VERSION = env.text("HUBSPOT_API_VERSION", "2026-03")
OPENROUTER_API_KEY = env.text("OPENROUTER_API_KEY")
OPENROUTER_API_URL = env.web_address("OPENROUTER_API_URL", "https://openrouter.ai")
APOLLO_API_KEY = env.text("APOLLO_API_KEY")
APOLLO_API_URL = env.web_address("APOLLO_API_URL", "https://api.apollo.io")
INSTANTLY_API_KEY = env.text("INSTANTLY_API_KEY")
INSTANTLY_API_URL = env.web_address("INSTANTLY_API_URL", "https://api.instantly.ai")
SMARTLEAD_API_KEY = env.text("SMARTLEAD_API_KEY")
SMARTLEAD_API_URL = env.web_address("SMARTLEAD_API_URL", "https://server.smartlead.ai")

# Monitoring --------------------------------------------------------------------------

# Ingest takes figures that are up to 30 days late; their hours are summed up from samples.
SAMPLE_KEEP_DAYS = env.whole_number("SAMPLE_KEEP_DAYS", 35, low=31, high=3650)
SIGNAL_KEEP_DAYS = env.whole_number("SIGNAL_KEEP_DAYS", 90, low=7, high=3650)

# Tasks -------------------------------------------------------------------------------

# The retry clock starts when a task is fetched, hence the short queue; the broker is the
# database, because tasks on Redis are gone after a crash.
Q_CLUSTER = {
    "name": "incidents",
    "orm": "default",
    "workers": 2,
    "queue_limit": 2,
    "timeout": 60,
    "retry": 300,
    "max_attempts": 3,
    "catch_up": False,
    "time_zone": "UTC",
    "poll": 0.5,
    "guard_cycle": 1,
    "save_limit": 250,
}

# Logs --------------------------------------------------------------------------------

LOGGING_CONFIG = None
logs.configure(
    level="DEBUG" if DEBUG else "INFO",
    secrets=[
        SECRET_KEY,
        str(DATABASES["default"].get("PASSWORD", "")),
        str(vars().get("EMAIL_HOST_PASSWORD", "")),
        METRICS_TOKEN,
        WATCHDOG_PING_TOKEN,
        TELEGRAM_BOT_TOKEN,
        HUBSPOT_TOKEN,
        OPENROUTER_API_KEY,
        APOLLO_API_KEY,
        INSTANTLY_API_KEY,
        SMARTLEAD_API_KEY,
        urlsplit(REDIS_URL).password or "",
        env.url_password("IMAP_URL"),
    ],
)
