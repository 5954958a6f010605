from django.http import HttpRequest, HttpResponse


def client_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def client_new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def client_detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def client_edit(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def client_escalate(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
