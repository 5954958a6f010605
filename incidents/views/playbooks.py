from django.http import HttpRequest, HttpResponse


def playbook_list(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")


def playbook_detail(request: HttpRequest, **kwargs: object) -> HttpResponse:
    raise RuntimeError("page not written")
