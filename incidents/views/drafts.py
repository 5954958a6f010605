from django.http import HttpRequest, HttpResponse


def start(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def panel(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def preview(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def send(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def undo(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def override(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def approve(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def discard(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def deliveries(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
