"""The shipped mails, the editor's refusals, and the sandbox (M1, M8, A4)."""

import re
from html.parser import HTMLParser

import pytest
from django.core.exceptions import ValidationError
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from notifications.models import EmailTemplate
from notifications.sop_data import load_templates, read_templates
from notifications.template_fields import TEMPLATE_FIELDS
from notifications.templating import RenderedMail, TemplateError, render_mail
from tests.sop import SOP

pytestmark = [pytest.mark.fast, pytest.mark.django_db]

NAMES = list(TEMPLATE_FIELDS)
SHIPPED = {row["name"]: row for row in read_templates()}

PLACEHOLDERS = {
    "incident-notification": {
        "recipient_name": "[Name]",
        "brief": "[Brief Description]",
        "system": "[specific system/automation]",
        "what_happening": "[1-2 sentence plain-language description]",
        "next_update": "[specific time]",
    },
    "incident-resolved": {
        "recipient_name": "[Name]",
        "brief": "[Brief Description]",
        "system": "[specific system]",
        "what_happened": "[1-2 sentence plain-language root cause]",
        "what_did": "[1-2 sentence fix description]",
    },
}


def make_template(shipped: str = "incident-notification", **changes: str) -> EmailTemplate:
    return EmailTemplate(**SHIPPED[shipped] | changes)


def samples(name: str, **changes: str) -> dict[str, str]:
    return {field.name: field.sample for field in TEMPLATE_FIELDS[name]} | changes


def quoted_in_sop(name: str) -> tuple[str, str]:
    """Subject and body of the template block in the SOP, its bold marks kept."""
    text = SOP.read_text(encoding="utf-8")
    [block] = re.findall(rf"\*\*Template: {name}\*\*\n((?:>.*\n)+)", text)
    lines = [line.removeprefix(">").removeprefix(" ") for line in block.splitlines()]
    return lines[0].removeprefix("Subject: "), "\n".join(lines[2:]) + "\n"


class Tags(HTMLParser):
    """Collects tags and checks that they close in order."""

    VOID = {"br", "meta"}

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


# The shipped wording


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_wording_is_the_sops_word_for_word_M1(name):
    subject, body = quoted_in_sop(name)
    mail = make_template(name).render(PLACEHOLDERS[name])
    assert mail.subject == subject
    assert mail.text == body.replace("**", "")


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_bold_of_the_sop_is_bold_in_html_M1(name):
    _, body = quoted_in_sop(name)
    mail = make_template(name).render(PLACEHOLDERS[name])
    assert re.findall(r"<strong>(.*?)</strong>", mail.html) == re.findall(r"\*\*(.*?)\*\*", body)


def test_postmortem_has_its_three_parts_as_headings_M1():
    mail = make_template("incident-postmortem").render(samples("incident-postmortem"))
    assert re.findall("<h2>(.*?)</h2>", mail.html) == [
        "Full timeline",
        "Root cause analysis",
        "What we've changed to prevent recurrence",
        "What is planned",
    ]
    sop = SOP.read_text(encoding="utf-8")
    for heading in ("Full timeline", "Root cause analysis", "What we've changed to prevent"):
        assert f"\n- {heading}" in sop
        assert f"\n{heading}" in mail.text


def test_postmortem_keeps_planned_measures_apart_W8():
    template = make_template("incident-postmortem")
    planned = template.render(samples("incident-postmortem", changes_made=""))
    assert "The measures are planned; none is completed yet." in planned.text
    done = template.render(samples("incident-postmortem", changes_planned=""))
    assert "What is planned" not in done.text


def test_normal_is_claimed_only_when_resolved_M8():
    claim = "Everything is back to normal"
    for name in NAMES:
        mail = make_template(name).preview()
        assert (claim in mail.text) is (name == "incident-resolved")


@pytest.mark.parametrize("name", ["incident-resolved", "incident-resolved-workaround"])
def test_data_loss_is_stated_if_any_M8(name):
    template = make_template(name)
    assert "Data loss: Two records" in template.render(samples(name, data_loss="Two records")).text
    assert "Data loss" not in template.render(samples(name, data_loss="")).text


@pytest.mark.parametrize("name", ["incident-notification", "incident-update"])
def test_next_update_may_be_left_out_M6(name):
    mail = make_template(name).render(samples(name, next_update=""))
    assert "Next update" not in mail.text + mail.html
    assert "\n\nIf you have questions" in mail.text
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("name", NAMES)
def test_every_mail_has_both_parts_and_sound_html_M1(name):
    mail = make_template(name).preview()
    assert mail.subject.startswith("[LeadsPanther] ")
    assert mail.text.startswith("Hi Maya,\n")
    assert mail.text.endswith("— LeadsPanther Team\n")
    assert "**" not in mail.text + mail.html
    tags = Tags(mail.html)
    assert set(tags.seen) <= {
        "html", "head", "meta", "title", "body", "p", "br", "strong", "h2"
    }  # fmt: skip
    assert tags.attributes == [("lang", "en"), ("charset", "utf-8")]


# Loading


def test_load_creates_what_is_missing_and_keeps_edits_M1():
    assert load_templates() == {"created": len(NAMES), "kept": 0}
    edited = EmailTemplate.objects.get(name="client-digest")
    edited.subject = "[LeadsPanther] News"
    edited.save()
    EmailTemplate.objects.get(name="incident-update").delete()
    assert load_templates() == {"created": 1, "kept": len(NAMES) - 1}
    edited.refresh_from_db()
    assert edited.subject == "[LeadsPanther] News"
    assert edited.history.count() == 2


def test_every_known_mail_is_shipped():
    assert set(SHIPPED) == set(NAMES)


# Values


@pytest.mark.parametrize("field", ["recipient_name", "brief", "system", "what_happening"])
@pytest.mark.parametrize("value", ["", "  \n"])
def test_missing_value_is_refused(field, value):
    with pytest.raises(TemplateError, match=f"No value for: {{{{ {field} }}}}"):
        make_template().render(samples("incident-notification", **{field: value}))


def test_absent_value_is_refused():
    with pytest.raises(TemplateError, match="No value for"):
        make_template().render({"recipient_name": "Maya"})


def test_value_that_is_no_text_is_refused():
    with pytest.raises(TemplateError, match="System, in the client's words is not text"):
        make_template().render(samples("incident-notification") | {"system": 17})  # type: ignore[arg-type]


def test_control_characters_in_a_value_are_refused():
    with pytest.raises(TemplateError, match="control character"):
        make_template().render(samples("incident-notification", system="a\x00b"))


def test_fields_the_mail_does_not_offer_are_ignored():
    values = samples("client-digest", root_cause="secret", anything="else")
    assert "secret" not in make_template("client-digest").render(values).text


@pytest.mark.parametrize(
    "value",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</p></body><p>",
        "**bold** & <b>bolder</b>",
        "{{ recipient_name }} {% if x %}",
        "\"quotes' & ampersands",
        mark_safe("<em>marked safe</em>"),
    ],
)
def test_values_never_become_markup(value):
    mail = make_template().render(samples("incident-notification", what_happening=value))
    assert str(value) in mail.text
    tags = Tags(mail.html)
    assert not {"script", "img", "b", "em"} & set(tags.seen)
    assert tags.seen.count("strong") == 3
    assert tags.seen.count("body") == 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80))
def test_any_value_keeps_the_document_whole(value):
    if not value.strip():
        return
    mail = render_mail(
        subject=SHIPPED["incident-notification"]["subject"],
        body=SHIPPED["incident-notification"]["body"],
        fields=TEMPLATE_FIELDS["incident-notification"],
        values=samples("incident-notification", brief=value, what_happening=value),
    )
    assert set(Tags(mail.html).seen) == {
        "html", "head", "meta", "title", "body", "p", "br", "strong"
    }  # fmt: skip
    assert "\n" not in mail.subject


def test_lines_of_a_value_stay_lines():
    values = samples("client-digest", items="One\nTwo\n\nThree <3")
    mail = make_template("client-digest").render(values)
    assert "\nOne\nTwo\n\nThree <3\n" in mail.text
    assert "<p>One<br>Two</p>\n<p>Three &lt;3</p>" in mail.html


def test_newlines_of_a_value_never_reach_the_subject():
    values = samples("incident-notification", brief="Paused\r\nBcc: all@client.example")
    subject = make_template().render(values).subject
    assert subject == "[LeadsPanther] Issue Detected — Paused Bcc: all@client.example"


# What the editor refuses


REQUIRED = "{{ recipient_name }} {{ brief }} {{ system }} {{ what_happening }} {{ next_update }}"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for c in recipient_name %}{{ c }}{% endfor %}", "for"),
        ("{% load static %}", "load"),
        ("{% include 'base.html' %}", "include"),
        ("{% extends 'base.html' %}", "extends"),
        ("{% with a=system %}{{ a }}{% endwith %}", "with"),
        ("{% debug %}", "debug"),
        ("{% csrf_token %}", "csrf_token"),
        ("{% url 'home' %}", "url"),
        ("{% autoescape off %}{{ system }}{% endautoescape %}", "autoescape"),
        ("{% block x %}{% endblock %}", "block"),
        ("{% now 'Y' %}", "now"),
        ("{% lorem 1000000 w %}", "lorem"),
        ("{% verbatim %}{{ x }}{% endverbatim %}", "verbatim"),
        ("{% cycle 'a' 'b' %}", "cycle"),
        ("{% filter upper %}x{% endfilter %}", "filter"),
        ("{{ settings.SECRET_KEY }}", "Unknown field: {{ settings.SECRET_KEY }}"),
        ("{{ recipient_name.__class__ }}", "underscores"),
        ("{{ recipient_name.upper }}", "Unknown field: {{ recipient_name.upper }}"),
        ("{{ recipient_name.0 }}", "Unknown field: {{ recipient_name.0 }}"),
        ("{% if recipient_name.isupper %}x{% endif %}", "Unknown field"),
        ("{% if settings.DEBUG and system %}x{% endif %}", "Unknown field"),
        ("{% if not (x) %}x{% endif %}", ""),
        ("{% if system == secret %}x{% endif %}", "Unknown field: {{ secret }}"),
        ("{% if system %}{{ nested }}{% endif %}", "Unknown field: {{ nested }}"),
        ("{% if system %}x{% elif other %}y{% else %}{{ third }}{% endif %}", "other }}, {{ third"),
        ("{{ 'constant <b>' }}", "is not the name of a field"),
        ("{{ _('translated') }}", "is not the name of a field"),
        ("{{ 17 }}", "Unknown field: {{ 17 }}"),
        ("{{ True }}", "Unknown field"),
        ("{{ system|safe }}", "Invalid filter: 'safe'"),
        ("{{ system|default:'<b>' }}", "Invalid filter: 'default'"),
        ("{{ system|upper:'<b>' }}", "upper requires"),
        ("{{ system|ljust:'99999999' }}", "Invalid filter: 'ljust'"),
        ("{{ }}", "Empty variable"),
        ("{{ system", "{{ stands alone"),
        ("{% if system", "{% stands alone"),
        ("system }}", "}} stands alone"),
        ("{% if system %}never closed", "Unclosed tag"),
        ("{# a comment #}", "Comments are not allowed"),
        ("{% comment %}x{% endcomment %}", "comment"),
        ("**half bold", "A ** stands alone"),
        ("**bold {% if system %}x{% endif %}**", "A ** stands alone"),
        ("x" * 20_001, "Longer than 20 kB"),
        ("ü" * 10_001, "Longer than 20 kB"),
        ("NUL \x00", "control character"),
        ("start of bold \x02", "control character"),
        ("lone \ud800 half", "control character"),
        ("{% if system %}" * 600 + "{% endif %}" * 600, "inside one another"),
        ("{{ a_field_nobody_knows }}", "This mail knows: {{ recipient_name }}, {{ brief }}"),
    ],
)
def test_editor_refuses_A4(source, why):
    template = make_template(body=f"{REQUIRED}\n{source}")
    with pytest.raises(ValidationError) as refusal:
        template.save()
    assert why in str(refusal.value.message_dict["body"])
    assert not EmailTemplate.objects.exists()


@pytest.mark.parametrize(
    "subject",
    ["Two\nlines", "Two\r\nlines {{ brief }}", "{{ unknown }}", "{% load x %}", "NUL \x00", ""],
)
def test_subject_is_checked_alike_A4(subject):
    with pytest.raises(ValidationError) as refusal:
        make_template(subject=subject).save()
    assert "subject" in refusal.value.message_dict


def test_required_fields_must_be_used_M6():
    with pytest.raises(ValidationError, match=r"must use: .. next_update"):
        make_template(body=REQUIRED.replace("{{ next_update }}", "")).save()


def test_field_in_the_subject_counts_as_used():
    make_template(body=REQUIRED.replace("{{ brief }}", "")).save()


def test_mail_nobody_knows_is_refused():
    with pytest.raises(ValidationError, match="There is no mail called so"):
        make_template(name="newsletter").save()


def test_change_that_bypassed_saving_is_refused_at_rendering_A4():
    make_template().save()
    EmailTemplate.objects.update(body="{% debug %}{{ system.__class__ }}")
    with pytest.raises(TemplateError):
        EmailTemplate.objects.get().render(samples("incident-notification"))


def test_filters_and_conditions_of_the_sandbox_work():
    template = make_template(
        body=REQUIRED + "\n{% if system == 'CRM' or not brief %}A{% else %}B{% endif %}"
        " {{ system|upper }} {{ system|capfirst|lower }}"
    )
    mail = template.render(samples("incident-notification", system="CRM & mail"))
    assert "B CRM & MAIL crm & mail" in mail.text
    assert "B CRM &amp; MAIL crm &amp; mail" in mail.html


def test_literal_markup_of_a_template_is_shown_as_text():
    template = make_template(body=REQUIRED + "\n<b>5 < 6</b> & more")
    mail = template.preview()
    assert "<b>5 < 6</b> & more" in mail.text
    assert "&lt;b&gt;5 &lt; 6&lt;/b&gt; &amp; more" in mail.html


def test_windows_line_ends_of_a_form_are_lines():
    shipped = SHIPPED["incident-notification"]["body"]
    assert make_template(body=shipped.replace("\n", "\r\n")).preview() == make_template().preview()


def test_preview_is_a_rendered_mail():
    assert isinstance(make_template().preview(), RenderedMail)
