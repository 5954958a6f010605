import datetime as dt
from typing import Any

from django.core.management.base import CommandParser
from django.http import QueryDict
from django.utils import timezone

from incidents.actors import actor_for
from incidents.command_line import (
    IncidentCommand,
    Outcome,
    find_incident,
    find_user,
    form_error,
    read_settings,
    zone_of,
)
from incidents.enums import Origin
from incidents.errors import WorkflowError
from incidents.forms.base import NamedListField, StepForm
from incidents.forms.playbooks import NumbersField, RepliesField, WordsField
from incidents.forms.review import MeasuresField
from incidents.models import Incident
from incidents.serialization import full_data
from incidents.step_catalog import describe_steps
from incidents.steps import SPECS, StepSpec, outcome_text

LIST_FIELDS = (NamedListField, MeasuresField, NumbersField, RepliesField, WordsField)


class Command(IncidentCommand):
    help = (
        "Take one step on an incident as a person: the same form, the same rules and the same "
        "refusals as on its page. --describe lists the steps with their fields."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("ref", nargs="?", metavar="REF", help="INC-2026-0001")
        parser.add_argument("step", nargs="?", metavar="STEP", help="such as triage, fix, send")
        parser.add_argument("--as", dest="username", metavar="USERNAME", help="who does it")
        parser.add_argument(
            "--set",
            dest="settings_given",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="a field of the step's form; repeat it for a list",
        )
        parser.add_argument("--describe", action="store_true", help="list steps and fields")

    def run(self, options: dict[str, Any], *, now: dt.datetime) -> Outcome:
        if options["describe"]:
            return _describe()
        for name, given in (("REF", "ref"), ("STEP", "step"), ("--as USERNAME", "username")):
            if not options[given]:
                raise WorkflowError(f"{name} is missing: act REF STEP --as USERNAME.")
        spec = find_spec(options["step"])
        user = find_user(options["username"])
        incident = find_incident(options["ref"], user=user)
        with timezone.override(zone_of(user)):
            form = read_form(spec, incident, read_settings(options["settings_given"]))
            actor = actor_for(user, origin=Origin.COMMAND_LINE)
            result = spec.run(incident, form, by=actor, now=now)
        incident = Incident.objects.get(pk=incident.pk)
        data = {"ok": True, "incident": full_data(incident, now=now)}
        return Outcome(outcome_text(spec, incident, result), data)


def find_spec(word: str) -> StepSpec:
    """The step of that name. Raises WorkflowError that lists them."""
    wanted = word.strip().casefold().replace("_", "-")
    spec = next((spec for spec in SPECS.values() if spec.step.value == wanted), None)
    if spec is None:
        names = ", ".join(step.value for step in SPECS)
        raise WorkflowError(f"There is no step “{word}”. Steps: {names}.")
    return spec


def read_form(spec: StepSpec, incident: Incident, given: QueryDict) -> StepForm:
    """The valid form of a step: what was given, and what its page would have shown filled in.

    Raises WorkflowError for an unknown field, a field given twice, or a wrong value.
    """
    blank = spec.form_class(incident=incident)
    data = QueryDict(mutable=True)
    for word, values in given.lists():
        name = spec.form_class.aliases.get(word, word)
        if name not in spec.form_class.base_fields:
            shown = [key for key in blank.fields if key not in ("form_token", "version")]
            known = f"Fields: {', '.join(shown)}." if shown else "It has no fields."
            raise WorkflowError(f"{spec.step.value} has no field “{word}”. {known}")
        field = spec.form_class.base_fields[name]
        if len(values) > 1 and not isinstance(field, LIST_FIELDS):
            raise WorkflowError(f"{word} was given {len(values)} times; it takes one value.")
        data.setlist(name, values)
    blank.fill_in(data)
    form = spec.form_class(data, incident=incident)
    if not form.is_valid():
        raise form_error(form)
    return form


def _describe() -> Outcome:
    steps = describe_steps()
    lines = []
    for step in steps:
        fields = [field["name"] + ("*" if field["required"] else "") for field in step["fields"]]
        lines.append(f"{step['step']}: {', '.join(fields) or 'no fields'}")
    return Outcome("\n".join(lines), steps)
