from django.http import HttpRequest, HttpResponse


def incident_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def bulk_assign(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def incident_detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def incident_live(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def timeline_fragment(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
