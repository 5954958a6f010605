from django.http import HttpRequest, HttpResponse


def take(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
