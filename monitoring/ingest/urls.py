"""Addresses of machines; MachineMiddleware answers, the project knows them for ``reverse``."""

from django.urls import path, re_path

from monitoring.ingest import views

app_name = "ingest"

urlpatterns = [
    path("ping/<str:ping_id>", views.ping, name="ping"),
    re_path(r"^ping/(?P<ping_id>[^/]+)/(?P<action>[^/]*)$", views.ping, name="ping-action"),
    path("ingest/metrics", views.metrics, name="metrics"),
    path("ingest/alertmanager", views.alertmanager, name="alertmanager"),
    path("ingest/report", views.report, name="report"),
    path("openapi.json", views.openapi, name="openapi"),
]
