"""Every address of the program; the apps bring their own."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import health
from config.home import home

admin.site.site_header = "LeadsPanther incidents: data"
admin.site.site_title = "LeadsPanther incidents"
admin.site.index_title = "Records"
# The admin's own form knows neither the rate limit nor the second factor (rule A3).
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("", include("incidents.urls")),
    path("", include("monitoring.urls")),
    path("", include("monitoring.ingest.urls")),
]

handler400 = "config.errors.bad_request"
handler403 = "config.errors.forbidden"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
