"""Addresses of the pages of monitors and checklists: nouns, then the verb."""

from django.urls import path

from monitoring.views import checklists, definitions, maintenance, monitors, tokens

app_name = "monitoring"

urlpatterns = [
    path("monitors/", monitors.monitor_list, name="list"),
    path("monitors/new/", monitors.monitor_new, name="new"),
    path("monitors/maintenance/", maintenance.maintenance, name="maintenance"),
    path("monitors/maintenance/<int:pk>/end/", maintenance.maintenance_end, name="maintenance-end"),
    path("monitors/tokens/", tokens.tokens, name="tokens"),
    path("monitors/tokens/<int:pk>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("monitors/<slug:slug>/", monitors.monitor_detail, name="detail"),
    path("monitors/<slug:slug>/edit/", monitors.monitor_edit, name="edit"),
    path("monitors/<slug:slug>/pause/", monitors.monitor_pause, name="pause"),
    path("checklists/", checklists.checklists, name="checklists"),
    path("checklists/definitions/", definitions.definitions, name="definitions"),
    path(
        "checklists/definitions/<slug:period>/", definitions.definition_edit, name="definition-edit"
    ),
    path("checklists/<int:pk>/", checklists.run, name="run"),
    path(
        "checklists/<int:pk>/items/<int:item>/incident/",
        checklists.item_incident,
        name="item-incident",
    ),
]
