from django.http import HttpRequest, HttpResponse


def list_csv(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def incident_export(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
