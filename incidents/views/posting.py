"""How the pages of clients, systems, templates, outbox and account answer a post."""

import datetime as dt
from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import urlencode

from incidents.errors import WorkflowError
from incidents.form_tokens import RepeatedFormError, once
from incidents.forms.records import TokenForm
from incidents.models import FormToken
from incidents.views.refusals import refusal_status


def post(
    request: HttpRequest,
    form: TokenForm,
    act: Callable[[], str],
    *,
    done: str,
    now: dt.datetime,
) -> HttpResponse | int:
    """Do what a form asks, once; ``act`` does it and says where to go then.

    Returns the redirect, or the status with which to show the form again: its errors then say
    what is wrong, and nothing was changed.
    """
    if (first := _first_result(form)) is not None:
        return redirect(first or request.path)
    if not form.is_valid():
        return HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        with once(form.token, now=now) as mark:
            mark.location = act()
    except RepeatedFormError as repeated:
        return redirect(repeated.location or request.path)
    except WorkflowError as refusal:
        form.add_error(None, [refusal.message, *(item.text for item in refusal.missing)])
        return refusal_status(refusal)
    except ValidationError as problem:
        form.add_error(None, problem)
        return HTTPStatus.UNPROCESSABLE_ENTITY
    messages.success(request, done)
    return redirect(mark.location)


def _first_result(form: TokenForm) -> str | None:
    """Where this very form led when it was done before: it may not even be valid any more."""
    token = form.fields["form_token"].clean(form["form_token"].value())
    done = FormToken.objects.filter(token=token).first() if token else None
    return done.location if done else None


def kept_query(**filters: str) -> str:
    """The filters that are set, for the address of another page of the same list."""
    kept = urlencode({name: value for name, value in filters.items() if value})
    return f"{kept}&" if kept else ""


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: also a post without any field is one."""
    return request.POST if request.method == "POST" else None
