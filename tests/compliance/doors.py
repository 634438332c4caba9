"""Addresses for tests of the ground: the installation's own, and small ones that answer, refuse or break."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from compliance import access, context
from compliance.errors import HouseError
from config.urls import handler400, handler403, handler404, handler500
from config.urls import urlpatterns as own
from trials.models import Trial
from trials.selectors import trials_of

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

#: A verb that the tests register.
VERB = "tests.open"
#: Tokens, and whom they stand for.
PROGRAMS = {"secret": "an archive"}


class Refusal(HouseError):
    """A refusal with a sentence that would be markup if it were not escaped."""

    code = "refused_here"
    status = 409


@access.guarded(VERB, trials_of)
def of_a_trial(request: HttpRequest, trial: Trial, word: str = "") -> HttpResponse:
    """Open to who sees the trial and holds the verb."""
    about = request.about  # type: ignore[attr-defined]
    return HttpResponse(f"{trial.code} {about.code} {word}")


@access.guarded("trials.administer")
def of_none(request: HttpRequest) -> HttpResponse:
    """Open to who holds the verb anywhere."""
    return HttpResponse("opened")


@access.guarded("trials.administer", trials_of, by="code")
def by_code(request: HttpRequest, trial: Trial) -> HttpResponse:
    """Open to who sees the trial, named by its code."""
    return HttpResponse(trial.code)


@access.signed_in
def to_all_signed_in(request: HttpRequest) -> HttpResponse:
    """Open to who is signed in."""
    return HttpResponse("opened")


@access.public
def to_all(request: HttpRequest) -> HttpResponse:
    """Open to everyone; says in which surroundings it runs."""
    here = context.current()
    return HttpResponse(f"{here.request_id} {here.via}")


def says_nothing(request: HttpRequest) -> HttpResponse:
    """An address whose author forgot to say to whom it is open."""
    return HttpResponse("opened")


@access.public
def refuses(request: HttpRequest) -> HttpResponse:
    """Raise a refusal."""
    raise Refusal("It was <b>not</b> done. Do something else.")


@access.signed_in
def refuses_midway(request: HttpRequest) -> HttpResponse:
    """Write something, then find that it is not allowed."""
    with transaction.atomic():
        Trial.objects.update(title="half done")
        raise access.AccessDenied("Not for you.", verb=VERB)


@access.public
def breaks(request: HttpRequest) -> HttpResponse:
    """Fail in a way that nobody foresaw."""
    raise ZeroDivisionError("what is in here is for nobody")


@access.public
def own_policy(request: HttpRequest) -> HttpResponse:
    """An answer that may be kept and framed as it says itself."""
    return HttpResponse(
        "x", headers={"Content-Security-Policy": "default-src 'self'", "Cache-Control": "private, max-age=60"}
    )


@csrf_exempt
@access.bearer(lambda secret: PROGRAMS.get(secret))
def to_programs(request: HttpRequest, holder: str, word: str = "") -> HttpResponse:
    """Open to the bearers of a token."""
    return HttpResponse(f"{holder} {word}")


urlpatterns = [
    *own,
    path("t/programs/", to_programs),
    path("t/programs/<str:word>/", to_programs),
    path("t/trial/<int:pk>/", of_a_trial),
    path("t/trial/<int:pk>/<str:word>/", of_a_trial),
    path("t/code/<str:code>/", by_code),
    path("t/verb/", of_none),
    path("t/signed-in/", to_all_signed_in),
    path("t/public/", to_all),
    path("t/forgotten/", says_nothing),
    path("t/refuses/", refuses),
    path("t/refuses-midway/", refuses_midway),
    path("t/breaks/", breaks),
    path("t/own-policy/", own_policy),
]
