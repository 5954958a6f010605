from django.http import HttpRequest, HttpResponse


def template_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def template_edit(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def template_preview(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
