"""How the SOP is applied: severities, policy, matrix, playbooks (rule A1)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone

from incidents.actors import actor_for
from incidents.admin.base import RecordAdmin
from incidents.datafixes import recompute_open_deadlines
from incidents.enums import Role
from incidents.escalation import replan_rule
from incidents.models import EscalationRule, Playbook, PlaybookStep, Policy, Severity
from incidents.playbooks.definition import problems_of


class _Fixed(RecordAdmin):
    """The rows are the SOP's: changed, never added."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Severity)
class SeverityAdmin(_Fixed):
    list_display = [
        "__str__",
        "acknowledge_within",
        "resolve_within",
        "stability_window",
        "communication",
        "update_cadence",
    ]
    search_fields = ["name", "title"]
    readonly_fields = ["level"]
    actions = ["recompute_open"]

    @admin.action(description="Recompute open deadlines", permissions=["change"])
    def recompute_open(self, request: HttpRequest, queryset: QuerySet[Severity]) -> None:
        """Editing a severity leaves the running deadlines alone until this is asked for."""
        by, now = actor_for(request.user), timezone.now()
        changed = sum(recompute_open_deadlines(row, by=by, now=now) for row in queryset)
        text = f"Deadlines of {changed} open incident{'' if changed == 1 else 's'} changed."
        messages.success(request, text)

    def response_change(self, request: HttpRequest, obj: Severity) -> Any:
        text = "Open incidents keep their deadlines until you choose “Recompute open deadlines”."
        messages.info(request, text)
        return super().response_change(request, obj)


@admin.register(Policy)
class PolicyAdmin(_Fixed):
    list_display = ["__str__", "untriaged_backup_after", "untriaged_founder_after", "flood_limit"]


class EscalationRuleForm(forms.ModelForm):
    """The roles as boxes: a typing error would leave nobody to tell."""

    to_roles = forms.MultipleChoiceField(
        choices=Role.choices, widget=forms.CheckboxSelectMultiple, label="Who is told"
    )
    email_roles = forms.MultipleChoiceField(
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="Who gets an e-mail in any case",
    )

    class Meta:
        model = EscalationRule
        fields = [
            "situation",
            "to_roles",
            "method",
            "is_active",
            "is_immediate",
            "is_raised_by_person",
            "has_email_summary",
            "email_roles",
            "fires_after",
            "fires_every",
            "ring_every",
            "rings_to_target",
            "rings_to_backup",
            "is_ours",
        ]

    def clean(self) -> dict[str, Any]:
        """A rule without its times would look as if they had never been loaded."""
        data = super().clean() or {}
        for name in ("fires_after", "ring_every"):
            if getattr(self.instance, name) is not None and data.get(name) is None:
                self.add_error(name, "Give a time, or switch the rule off.")
        return data


@admin.register(EscalationRule)
class EscalationRuleAdmin(_Fixed):
    form = EscalationRuleForm
    list_display = ["code", "situation", "who", "method", "fires_after", "ring_every", "is_active"]
    list_filter = ["is_active", "is_immediate", "is_raised_by_person", "is_ours"]
    search_fields = ["code", "situation"]
    readonly_fields = ["code"]

    @admin.display(description="Who is told")
    def who(self, rule: EscalationRule) -> str:
        return ", ".join(rule.to_roles)

    def save_model(
        self, request: HttpRequest, obj: EscalationRule, form: forms.ModelForm, change: bool
    ) -> None:
        """Open incidents follow the changed times at once."""
        super().save_model(request, obj, form, change)
        replan_rule(obj, now=timezone.now())


class PlaybookStepFormSet(BaseInlineFormSet):
    """The steps together must make a playbook that can be run (rule P1)."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        left = [form for form in self.forms if form not in self.deleted_forms]
        steps = [form.instance for form in left if form.instance.pk or form.has_changed()]
        problems = problems_of(steps)
        if problems:
            raise ValidationError([str(problem) for problem in problems])


class PlaybookStepInline(admin.StackedInline):
    model = PlaybookStep
    formset = PlaybookStepFormSet
    extra = 0


@admin.register(Playbook)
class PlaybookAdmin(RecordAdmin):
    list_display = ["title", "applies_to", "forces_level", "is_active"]
    list_filter = ["is_active"]
    search_fields = ["title", "applies_to"]
    inlines = [PlaybookStepInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["slug"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> dict[str, list[str]]:
        return {} if obj else {"slug": ["title"]}
