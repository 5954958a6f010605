from django.http import HttpRequest, HttpResponse


def system_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def system_new(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def system_detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def system_edit(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
