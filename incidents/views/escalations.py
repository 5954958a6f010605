from django.http import HttpRequest, HttpResponse


def seen(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
