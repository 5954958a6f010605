"""Addresses of the incident pages: nouns, then the verb."""

from django.urls import path, register_converter

from incidents.views import (
    account,
    clients,
    deals,
    digests,
    drafts,
    escalations,
    exports,
    holds,
    incidents,
    outbox,
    playbook_edit,
    playbook_files,
    playbook_learning,
    playbook_run,
    playbooks,
    steps,
    systems,
    templates,
    triage,
)


class ReferenceConverter:
    """``INC-2026-0001`` or ``DEMO-0001``."""

    regex = "(?:INC-[0-9]{4}|DEMO)-[0-9]{4,9}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ReferenceConverter, "ref")

app_name = "incidents"

urlpatterns = [
    path("incidents/", incidents.incident_list, name="list"),
    path("incidents/export.csv", exports.list_csv, name="list-csv"),
    path("incidents/assign/", incidents.bulk_assign, name="bulk-assign"),
    path("incidents/new/", triage.new_incident, name="new"),
    path("incidents/new/preview/", triage.new_preview, name="new-preview"),
    path("incidents/<ref:ref>/", incidents.incident_detail, name="detail"),
    path("incidents/<ref:ref>/live/", incidents.incident_live, name="live"),
    path("incidents/<ref:ref>/timeline/", incidents.timeline_fragment, name="timeline"),
    path("incidents/<ref:ref>/triage/", triage.triage_incident, name="triage"),
    path("incidents/<ref:ref>/triage/preview/", triage.triage_preview, name="triage-preview"),
    path("incidents/<ref:ref>/join/", triage.join_incident, name="join"),
    path("incidents/<ref:ref>/export.<str:format>", exports.incident_export, name="export"),
    path("incidents/<ref:ref>/mail/", drafts.start, name="mail-start"),
    path("incidents/<ref:ref>/mail/<int:pk>/", drafts.panel, name="mail"),
    path("incidents/<ref:ref>/mail/<int:pk>/preview/", drafts.preview, name="mail-preview"),
    path("incidents/<ref:ref>/mail/<int:pk>/send/", drafts.send, name="mail-send"),
    path("incidents/<ref:ref>/mail/<int:pk>/undo/", drafts.undo, name="mail-undo"),
    path("incidents/<ref:ref>/mail/<int:pk>/override/", drafts.override, name="mail-override"),
    path("incidents/<ref:ref>/mail/<int:pk>/approve/", drafts.approve, name="mail-approve"),
    path("incidents/<ref:ref>/mail/<int:pk>/discard/", drafts.discard, name="mail-discard"),
    path(
        "incidents/<ref:ref>/mail/<int:pk>/deliveries/", drafts.deliveries, name="mail-deliveries"
    ),
    path("incidents/<ref:ref>/playbooks/", playbook_run.runs, name="runs"),
    path("incidents/<ref:ref>/playbooks/live/", playbook_run.runs_live, name="runs-live"),
    path("incidents/<ref:ref>/playbooks/<int:pk>/", playbook_run.run_step, name="run-step"),
    path("incidents/<ref:ref>/start-playbook/", playbook_learning.start, name="playbook-start"),
    path("incidents/<ref:ref>/<slug:step>/", steps.take, name="step"),
    path("clients/", clients.client_list, name="client-list"),
    path("clients/new/", clients.client_new, name="client-new"),
    path("clients/<slug:slug>/", clients.client_detail, name="client-detail"),
    path("clients/<slug:slug>/edit/", clients.client_edit, name="client-edit"),
    path("clients/<slug:slug>/deal/", deals.client_deal, name="client-deal"),
    path("clients/<slug:slug>/escalate/", clients.client_escalate, name="client-escalate"),
    path("clients/<slug:slug>/update/", digests.update, name="client-update"),
    path("clients/<slug:slug>/update/preview/", digests.preview, name="client-update-preview"),
    path("clients/<slug:slug>/update/send/", digests.send, name="client-update-send"),
    path("clients/<slug:slug>/update/undo/", digests.undo, name="client-update-undo"),
    path("clients/<slug:slug>/update/override/", digests.override, name="client-update-override"),
    path("clients/<slug:slug>/update/skip/", digests.skip, name="client-update-skip"),
    path("systems/", systems.system_list, name="system-list"),
    path("systems/new/", systems.system_new, name="system-new"),
    path("systems/<slug:slug>/", systems.system_detail, name="system-detail"),
    path("systems/<slug:slug>/edit/", systems.system_edit, name="system-edit"),
    path("playbooks/", playbooks.playbook_list, name="playbook-list"),
    path("playbooks/holds/", holds.hold_list, name="hold-list"),
    path("playbooks/import/", playbook_files.playbook_import, name="playbook-import"),
    path("playbooks/learning/", playbook_learning.learning, name="playbook-learning"),
    path("playbooks/<slug:slug>/file/", playbook_files.playbook_file, name="playbook-file"),
    path("playbooks/<slug:slug>/learning/", playbook_learning.figures, name="playbook-figures"),
    path("playbooks/new/", playbook_edit.playbook_new, name="playbook-new"),
    path("playbooks/<slug:slug>/edit/", playbook_edit.playbook_edit, name="playbook-edit"),
    path("playbooks/<slug:slug>/", playbooks.playbook_detail, name="playbook-detail"),
    path("templates/", templates.template_list, name="template-list"),
    path("templates/<slug:name>/", templates.template_edit, name="template-edit"),
    path("templates/<slug:name>/preview/", templates.template_preview, name="template-preview"),
    path("outbox/", outbox.outbox, name="outbox"),
    path("outbox/<int:pk>/", outbox.message_detail, name="message"),
    path("outbox/held/", outbox.outbox_held, name="outbox-held"),
    path("outbox/channels/<slug:channel>/resume/", outbox.channel_resume, name="channel-resume"),
    path("outbox/<int:pk>/settle/", outbox.message_settle, name="message-settle"),
    path("escalations/", escalations.escalation_list, name="escalations"),
    path("escalations/<int:pk>/phone/", escalations.phone, name="escalation-phone"),
    path("escalations/<str:token>/", escalations.seen, name="escalation"),
    path("account/", account.account, name="account"),
]
