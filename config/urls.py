"""Every address, by room."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

import imaging.api
import reading.api
import reading.api_consensus
import reading.api_reviews
import trials.api
from compliance import access
from compliance.api import Router
from config import views, views_access, views_account
from imaging.intake import stow

router = Router()
for room in (trials, imaging, reading):
    room.api.register(router)
reading.api_consensus.register(router)
reading.api_reviews.register(router)

urlpatterns = [
    path("", access.signed_in(views.home), name="home"),
    path("healthz", access.public(views.health), name="health"),
    path("", include("config.accounts.urls")),
    path("account/signature/", access.signed_in(views_account.signature_policy_page), name="signature_policy"),
    path("history/<str:object_type>/<str:object_id>/", access.signed_in(views.history), name="history"),
    path("trials/<int:pk>/access/", views_access.access_page, name="access"),
    path("trials/<int:pk>/access.csv", views_access.access_csv, name="access_csv"),
    path("trials/", include("trials.urls")),
    path("imaging/", include("imaging.urls")),
    path("reading/", include("reading.urls")),
    path("dicomweb/studies", stow.store, name="stow"),
    path("dicomweb/studies/<str:study>", stow.store, name="stow_study"),
    path("", include("config.fhir")),
    path("api/v1/", include(router.urls)),
    path("api/schema/", access.signed_in(SpectacularAPIView.as_view()), name="schema"),
    path(
        "api/",
        access.signed_in(SpectacularSwaggerSplitView.as_view(url_name="schema", metadata_class=None)),
        name="api",
    ),
]

handler400 = "config.views.bad_request"
handler403 = "config.views.forbidden"
handler404 = "config.views.not_found"
handler500 = "config.views.server_error"
