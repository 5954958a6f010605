"""Clients, systems and responders."""

from django.contrib import admin
from django.db import models
from django.db.models import Model
from django.http import HttpRequest

from incidents.admin.base import RecordAdmin
from incidents.forms.sending import SendingDomainForm
from incidents.models import Client, Dependency, Responder, SendingDomain, System


class SendingDomainInline(admin.TabularInline):
    model = SendingDomain
    form = SendingDomainForm
    extra = 0


class DependencyInline(admin.TabularInline):
    model = Dependency
    extra = 0
    autocomplete_fields = ["system"]


@admin.register(Client)
class ClientAdmin(RecordAdmin):
    list_display = ["name", "tier", "contact_email", "time_zone", "hubspot_deal", "is_active"]
    list_filter = ["tier", "is_active"]
    search_fields = ["name", "contact_name", "contact_email", "sending_domains__name"]
    inlines = [SendingDomainInline, DependencyInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """The address of its page stays."""
        return ["slug"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> dict[str, list[str]]:
        return {} if obj else {"slug": ["name"]}


@admin.register(System)
class SystemAdmin(RecordAdmin):
    list_display = ["name", "side", "vendor", "plain_name", "status_page", "backup", "is_active"]
    list_filter = ["side", "status_page", "is_active"]
    list_select_related = ["backup"]
    search_fields = ["name", "vendor", "plain_name"]
    autocomplete_fields = ["backup", "playbook"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["slug"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> dict[str, list[str]]:
        return {} if obj else {"slug": ["name"]}


@admin.register(Responder)
class ResponderAdmin(RecordAdmin):
    list_display = ["name", "role", "rank", "user", "channel", "email", "away_until", "is_active"]
    list_filter = ["role", "rank", "channel", "is_active"]
    list_select_related = ["user"]
    search_fields = ["name", "email", "user__username"]
    raw_id_fields = ["user"]
