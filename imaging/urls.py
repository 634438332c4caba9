"""Addresses of the imaging room."""

from __future__ import annotations

from django.urls import path

from imaging import (
    views,
    views_connection,
    views_form,
    views_identities,
    views_metrics,
    views_pixels,
    views_proof,
    views_qc,
    views_qualification,
)
from imaging.intake import tus, upload

app_name = "imaging"
urlpatterns = [
    path("trials/<int:pk>/transfers/", views.transfer_list, name="transfers"),
    path("trials/<int:pk>/quarantine/", views.quarantine, name="quarantine"),
    path("trials/<int:pk>/deidentification/", views_proof.trial_proof, name="trial_proof"),
    path("trials/<int:pk>/deidentification/report/", views_proof.trial_report, name="trial_proof_report"),
    path("trials/<int:pk>/deidentification/preview/", views_proof.preview, name="preview"),
    path("trials/<int:pk>/qc/", views_qc.qc_queue, name="qc"),
    path("trials/<int:pk>/metrics/", views_metrics.site_metrics, name="metrics"),
    path("trials/<int:pk>/metrics/list/", views_metrics.site_metrics_csv, name="metrics_csv"),
    path("trials/<int:pk>/pixels/", views_pixels.look_list, name="looks"),
    path("trials/<int:pk>/pixels/devices/", views_pixels.device_list, name="look_devices"),
    path("pixels/<int:pk>/", views_pixels.look_show, name="look"),
    path("pixels/<int:pk>/decide/", views_pixels.look_decide, name="look_decide"),
    path("pixels/<int:pk>/claim/", views_pixels.look_claim, name="look_claim"),
    path("pixels/<int:pk>/leave/", views_pixels.look_leave, name="look_leave"),
    path("pixels/<int:pk>/take-back/", views_pixels.look_take_back, name="look_take_back"),
    path("pixels/<int:pk>/frames/<int:number>/rendered", views_pixels.look_frame, name="look_frame"),
    path("sites/<int:pk>/connection/", views_connection.connection, name="connection"),
    path("sites/<int:pk>/connection/status/", views_connection.connection_status, name="connection_status"),
    path("sites/<int:pk>/test-upload/", views_qualification.test_upload, name="test_upload"),
    path("sites/<int:pk>/patients/", views_identities.identities, name="identities"),
    path("sites/<int:pk>/patients/list/", views_identities.identities_list, name="identities_list"),
    path("entities/<int:pk>/echo/", views_connection.echo, name="echo"),
    path("timepoints/<int:pk>/", views.timepoint_show, name="timepoint"),
    path("timepoints/<int:pk>/form/", views_form.form_show, name="form"),
    path("timepoints/<int:pk>/form/save/", views_form.form_save, name="form_save"),
    path("timepoints/<int:pk>/form/sign/", views_form.form_sign, name="form_sign"),
    path("timepoints/<int:pk>/form/correct/", views_form.form_correct, name="form_correct"),
    path("trials/<int:pk>/forms/export/", views_form.forms_export, name="forms_export"),
    path("timepoints/<int:pk>/upload/", views.upload, name="upload"),
    path("timepoints/<int:pk>/transfers/", upload.begin, name="upload_begin"),
    path("timepoints/<int:pk>/uploads/", tus.create, name="tus_create"),
    path("timepoints/<int:pk>/uploads/known/", tus.known, name="tus_known"),
    path("uploads/<uuid:public_id>/", tus.piece, name="tus_upload"),
    path("transfers/<uuid:public_id>/", views.transfer_show, name="transfer"),
    path("transfers/<uuid:public_id>/status/", views.transfer_status, name="transfer_status"),
    path("previews/<uuid:public_id>/", views_proof.preview_result, name="preview_result"),
    path("transfers/<uuid:public_id>/deidentification/", views_proof.transfer_proof, name="transfer_proof"),
    path(
        "transfers/<uuid:public_id>/deidentification/report/",
        views_proof.transfer_report,
        name="transfer_proof_report",
    ),
    path("transfers/<uuid:public_id>/finish/", upload.finish, name="upload_finish"),
    path("transfers/<uuid:public_id>/resolve/", views.held_resolve, name="held_resolve"),
    path("transfers/<uuid:public_id>/discard/", views.held_discard, name="held_discard"),
    path("reviews/<int:pk>/", views_qc.review_show, name="review"),
    path("reviews/<int:pk>/decide/", views_qc.review_decide, name="review_decide"),
    path("findings/<int:pk>/decide/", views_qc.finding_decide, name="finding_decide"),
    path("series/<int:pk>/mark/", views_qc.series_mark, name="series_mark"),
    path("series/<int:pk>/label/", views_qc.series_label, name="series_label"),
    path("series/<int:pk>/frames/<int:number>/rendered", views.series_frame, name="series_frame"),
]
