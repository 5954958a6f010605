from django.http import HttpRequest, HttpResponse


def account(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
