"""Addresses of the reading room. What a reader may reach hangs on the read task's code, and on nothing else."""

from __future__ import annotations

from django.urls import path

from reading import (
    views,
    views_figures,
    views_manage,
    views_marks,
    views_outside,
    views_people,
    views_pixels,
    views_reopening,
    views_replay,
    views_stage,
)

app_name = "reading"
urlpatterns = [
    path("", views.worklist, name="worklist"),
    path("mine/", views_figures.mine, name="mine"),
    path("mine/<slug:name>.<slug:kind>", views_figures.my_figure, name="my_figure"),
    path("tasks/<slug:blinded_code>/", views.task_read, name="task"),
    path("tasks/<slug:blinded_code>/save/", views.task_save, name="task_save"),
    path("tasks/<slug:blinded_code>/sign/", views.task_sign, name="task_sign"),
    path("tasks/<slug:blinded_code>/marks/", views_marks.marks, name="task_marks"),
    path("tasks/<slug:blinded_code>/marks/<uuid:key>/", views_marks.mark, name="task_mark"),
    path("tasks/<slug:blinded_code>/links/", views_stage.task_links, name="task_links"),
    path("tasks/<slug:blinded_code>/segments/", views_stage.task_segments, name="task_segments"),
    path("tasks/<slug:blinded_code>/segments/<uuid:key>/", views_stage.task_segment, name="task_segment"),
    path(
        "tasks/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/rendered",
        views_pixels.task_frame,
        name="task_frame",
    ),
    path(
        "tasks/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/pixels",
        views_pixels.task_pixels,
        name="task_pixels",
    ),
    path(
        "tasks/<slug:blinded_code>/series/<slug:series>/thumbnail",
        views_pixels.task_thumbnail,
        name="task_thumbnail",
    ),
    path("tasks/<slug:blinded_code>/programs/", views_outside.read_tokens, name="read_tokens"),
    path("tokens/<int:pk>/revoke/", views_outside.read_token_revoke, name="read_token_revoke"),
    path("dicomweb/<path:resource>", views_outside.read, name="dicomweb"),
    path("adjudications/", views.adjudication_list, name="adjudications"),
    path("adjudications/<slug:blinded_code>/", views.adjudication_decide, name="adjudication"),
    path(
        "adjudications/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/rendered",
        views_pixels.adjudication_frame,
        name="adjudication_frame",
    ),
    path(
        "adjudications/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/pixels",
        views_pixels.adjudication_pixels,
        name="adjudication_pixels",
    ),
    path(
        "adjudications/<slug:blinded_code>/series/<slug:series>/thumbnail",
        views_pixels.adjudication_thumbnail,
        name="adjudication_thumbnail",
    ),
    path("trials/<int:pk>/progress/", views_manage.progress, name="progress"),
    path("trials/<int:pk>/variability/", views_manage.variability, name="variability"),
    path("trials/<int:pk>/variability.json", views_manage.variability_json, name="variability_json"),
    path(
        "trials/<int:pk>/variability/<slug:name>.<slug:kind>",
        views_manage.variability_figure,
        name="variability_figure",
    ),
    path("trials/<int:pk>/endpoints/", views_figures.endpoints, name="endpoints"),
    path(
        "trials/<int:pk>/endpoints/<slug:results>/<slug:name>.<slug:kind>",
        views_figures.endpoint_figure,
        name="endpoint_figure",
    ),
    path("trials/<int:pk>/reopenings/", views_reopening.reopenings, name="reopenings"),
    path("trials/<int:pk>/reopenings/ask/", views_reopening.ask, name="reopening_ask"),
    path("reopenings/<int:pk>/", views_reopening.reopening, name="reopening"),
    path("trials/<int:pk>/readers/", views_people.people, name="people"),
    path("trials/<int:pk>/readers/exclude/", views_people.exclude, name="exclude"),
    path("trials/<int:pk>/readers/pool/", views_people.pool_join, name="pool_join"),
    path("trials/<int:pk>/readers/pair/", views_people.pair_make, name="pair_make"),
    path("exclusions/<int:pk>/end/", views_people.exclusion_end, name="exclusion_end"),
    path("pool-members/<int:pk>/end/", views_people.pool_leave, name="pool_leave"),
    path("pairs/<int:pk>/end/", views_people.pair_part, name="pair_part"),
    path("subjects/<int:pk>/hand-on/<int:slot>/", views_people.reads_hand_on, name="reads_hand_on"),
    path("cases/<slug:blinded_code>/hand-on/", views_people.case_hand_on, name="case_hand_on"),
    path("subjects/<int:pk>/timeline/", views_replay.timeline, name="timeline"),
    path("replays/<slug:blinded_code>/", views_replay.replay, name="replay"),
    path(
        "replays/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/rendered",
        views_pixels.replay_frame,
        name="replay_frame",
    ),
    path(
        "replays/<slug:blinded_code>/series/<slug:series>/frames/<int:frame>/pixels",
        views_pixels.replay_pixels,
        name="replay_pixels",
    ),
    path(
        "replays/<slug:blinded_code>/series/<slug:series>/thumbnail",
        views_pixels.replay_thumbnail,
        name="replay_thumbnail",
    ),
    path("trials/<int:pk>/lock/", views_manage.lock, name="lock"),
    path("trials/<int:pk>/package/", views_manage.package, name="package"),
    path("packages/<int:pk>/", views_manage.package_download, name="package_download"),
]
