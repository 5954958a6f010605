from django.http import HttpRequest, HttpResponse


def outbox(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def message_detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def message_settle(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
