"""The yardsticks: a Django project with nothing in it but the statement.

No middleware, no forms, no models; the same web server, database and persistent connections.
"""

import json
import os
import uuid

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from config import environment
from tests.bench.executemany import UPSERT, rows_of

DATABASE = environment.database("DATABASE_URL", "")
IS_SQLITE = str(DATABASE["ENGINE"]).endswith("sqlite3")
if IS_SQLITE:
    DATABASE["OPTIONS"] = {
        "timeout": 60,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
    }

settings.configure(
    DATABASES={"default": DATABASE | {"CONN_MAX_AGE": 600}},
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ["SECRET_KEY"],
    USE_TZ=True,
)

UPDATE_AND_INSERT = """
WITH found AS (
    UPDATE bare_check SET last_ping = %s, pings = pings + 1 WHERE code = %s RETURNING id
)
INSERT INTO bare_ping (check_id, at, kind) SELECT id, %s, 'success' FROM found
"""
INSERT = """
INSERT INTO bare_ping (check_id, at, kind) SELECT id, %s, 'success' FROM bare_check WHERE code = %s
"""


def update_and_insert(request: HttpRequest, code: uuid.UUID) -> HttpResponse:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(UPDATE_AND_INSERT, [now, code, now])
    return HttpResponse("OK", content_type="text/plain")


def insert(request: HttpRequest, code: uuid.UUID) -> HttpResponse:
    at = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [at, code.hex if IS_SQLITE else code])
    return HttpResponse("OK", content_type="text/plain")


def insert_many(request: HttpRequest) -> HttpResponse:
    rows = rows_of(json.loads(request.body), timezone.now().isoformat(sep=" "))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.executemany(UPSERT, rows)
    return HttpResponse("OK", content_type="text/plain", status=202)


urlpatterns = [
    path("update/<uuid:code>", update_and_insert),
    path("insert/<uuid:code>", insert),
    path("many", insert_many),
]

application = get_wsgi_application()
