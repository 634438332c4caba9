"""Addresses of the trials room."""

from __future__ import annotations

from django.urls import path

from compliance import access
from trials import (
    views,
    views_amending,
    views_calendar,
    views_charter,
    views_connections,
    views_lists,
    views_mails,
    views_queries,
)

app_name = "trials"
urlpatterns = [
    path("new/", views.trial_create, name="create"),
    path("<int:pk>/", views.trial_home, name="home"),
    path("<int:pk>/progress/", views.trial_progress, name="progress"),
    path("<int:pk>/setup/", views.trial_setup, name="setup"),
    path("<int:pk>/sites/", views.site_add, name="site_add"),
    path("<int:pk>/members/", views.member_add, name="member_add"),
    path("<int:pk>/amend/", views_charter.charter_amend, name="charter_amend"),
    path("<int:pk>/queries/", views_queries.query_list, name="queries"),
    path("<int:pk>/queries/ask/", views_queries.query_ask, name="query_ask"),
    path("<int:pk>/queries/list/", views_queries.query_csv, name="query_csv"),
    path("<int:pk>/mails/", views_mails.mail_list, name="mails"),
    path("mails/", access.signed_in(views_mails.mail_choice), name="mail_choice"),
    path("mails/<int:pk>/retry/", views_mails.mail_retry, name="mail_retry"),
    path("<int:pk>/audit/", views.trial_audit, name="audit"),
    path("<int:pk>/subjects/import/", views_lists.list_check, name="list_check"),
    path("<int:pk>/subjects/import/enrol/", views_lists.list_enrol, name="list_enrol"),
    path("<int:pk>/subjects/template/", views_lists.list_template, name="list_template"),
    path("sites/<int:pk>/entities/", views.entity_add, name="entity_add"),
    path("sites/<int:pk>/connections/", views_connections.connections, name="connections"),
    path("sites/<int:pk>/plain-dicom/", views_connections.plain_dicom, name="plain_dicom"),
    path("sites/<int:pk>/tokens/", views_connections.token_issue, name="token_issue"),
    path("sites/<int:pk>/calendar/", views_calendar.calendar, name="calendar"),
    path("sites/<int:pk>/calendar/file/", views_calendar.calendar_file, name="calendar_file"),
    path("sites/<int:pk>/calendar/issue/", views_calendar.calendar_issue, name="calendar_issue"),
    path("sites/<int:pk>/calendar/revoke/", views_calendar.calendar_revoke, name="calendar_revoke"),
    path("calendar/<str:secret>.ics", access.public(views_calendar.calendar_feed), name="calendar_feed"),
    path("entities/<int:pk>/", views_connections.entity_change, name="entity_change"),
    path("tokens/<int:pk>/revoke/", views_connections.token_revoke, name="token_revoke"),
    path("sites/<int:pk>/enrol/", views.subject_enrol, name="enrol"),
    path("members/<int:pk>/end/", views.member_end, name="member_end"),
    path("charters/<int:pk>/", views_charter.charter_show, name="charter"),
    path("charters/<int:pk>/edit/", views_charter.charter_edit, name="charter_edit"),
    path("charters/<int:pk>/export/", views_charter.charter_export, name="charter_export"),
    path("charters/<int:pk>/pdf/", views_charter.charter_pdf, name="charter_pdf"),
    path("charters/<int:pk>/import/", views_charter.charter_import, name="charter_import"),
    path("charters/<int:pk>/sign/", views_charter.charter_sign, name="charter_sign"),
    path("charters/<int:pk>/impact/", views_amending.impact, name="charter_impact"),
    path("charters/<int:pk>/impact.csv", views_amending.impact_table, name="charter_impact_table"),
    path("charters/<int:pk>/adopt/", views_amending.adopt, name="charter_adopt"),
    path("subjects/<int:pk>/", views.subject_show, name="subject"),
    path("subjects/<int:pk>/withdraw/", views.subject_withdraw, name="withdraw"),
    path("timepoints/<int:pk>/miss/", views.timepoint_miss, name="miss"),
    path("queries/<int:pk>/", views_queries.query_show, name="query"),
    path("queries/<int:pk>/comment/", views_queries.query_comment, name="query_comment"),
    path("queries/<int:pk>/answer/", views_queries.query_answer, name="query_answer"),
    path("queries/<int:pk>/close/", views_queries.query_close, name="query_close"),
    path("queries/<int:pk>/reopen/", views_queries.query_reopen, name="query_reopen"),
]
