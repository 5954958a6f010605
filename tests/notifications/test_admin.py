"""The admin shows the outbox without its words, and edits templates through their checks."""

import pytest
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.test import RequestFactory

from notifications.models import ChannelPause, DeliveryAttempt, EmailTemplate, Message
from notifications.sop_data import load_templates
from tests.notifications.conftest import NOW

pytestmark = [pytest.mark.fast, pytest.mark.django_db]


@pytest.fixture
def request_of_admin():
    request = RequestFactory().get("/admin/")
    request.user = User.objects.create_superuser("ada", password="x")
    return request


@pytest.mark.parametrize("model", [Message, DeliveryAttempt, ChannelPause])
def test_outbox_is_read_only(model, request_of_admin):
    page = site.get_model_admin(model)
    assert page.has_view_permission(request_of_admin)
    assert not page.has_add_permission(request_of_admin)
    assert not page.has_change_permission(request_of_admin)
    assert not page.has_delete_permission(request_of_admin)


def test_words_and_recipients_stay_out_of_the_admin_W11(queue, request_of_admin):
    message = queue(subject="A private matter")
    message.delivery_attempts.create(number=1, started_at=NOW, outcome="sent")
    page = site.get_model_admin(Message)
    shown = {*page.get_fields(request_of_admin, message), *page.get_list_display(request_of_admin)}
    words = {"subject", "text", "html", "recipient", "reference", "key", "lane", "replaces"}
    assert not shown & words
    assert "state" in shown


def test_template_form_refuses_like_the_model_A4(request_of_admin):
    load_templates()
    template = EmailTemplate.objects.get(name="client-digest")
    page = site.get_model_admin(EmailTemplate)
    form_class = page.get_form(request_of_admin, template, change=True)
    values = {"title": template.title, "subject": template.subject}
    refused = form_class({**values, "body": "{% load x %}"}, instance=template)
    assert not refused.is_valid()
    assert "Invalid block tag" in refused.errors["body"][0]
    accepted = form_class(
        {**values, "body": "{{ recipient_name }}: {{ items }}"}, instance=template
    )
    assert accepted.is_valid()
    assert "{{ items }} Items" in page.known_fields(template)  # type: ignore[attr-defined]
    assert not page.has_add_permission(request_of_admin)
    assert not page.has_delete_permission(request_of_admin, template)
