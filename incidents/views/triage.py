from django.http import HttpRequest, HttpResponse


def new_incident(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def new_preview(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def triage_incident(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def triage_preview(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def join_incident(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
