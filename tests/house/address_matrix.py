"""Who may reach which address: every address of the installation, as a table to be read.

Letters: C site coordinator, Q QC analyst, M reading manager, R reader, J adjudicator, S sponsor, A auditor,
T trial administrator; I who may create trials on the installation; * everyone signed in; + everyone; = bearers of a
site's token, whoever else they are.
A letter opens records of the person's own trial, own site (C), own reads (R) or own cases (J) only.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """Methods of an address, the record that it names ("" for none), and the letters of those it is open to."""

    methods: str
    address: str
    record: str
    who: str


MATRIX = tuple(
    Row(*row)
    for row in (
        # --- the roof
        ("GET", "", "", "*"),
        ("GET", "healthz", "", "+"),
        ("GET POST", "sign-in/", "", "+"),
        ("POST", "sign-out/", "", "*"),
        ("GET", "history/<object_type>/<object_id>/", "history", "CQAT"),
        ("GET", "api/", "", "*"),
        ("GET", "api/schema/", "", "*"),
        ("GET", "api/v1/", "", "*"),
        # --- trials: pages
        ("GET POST", "trials/new/", "", "I"),
        ("GET", "trials/<pk>/", "trial", "CQAT"),
        ("GET", "trials/<pk>/progress/", "trial", "CQMSAT"),
        ("GET", "trials/<pk>/setup/", "trial", "T"),
        ("POST", "trials/<pk>/sites/", "trial", "T"),
        ("POST", "trials/<pk>/members/", "trial", "T"),
        ("POST", "trials/<pk>/amend/", "trial", "T"),
        ("GET", "trials/<pk>/queries/", "trial", "CQAT"),
        ("GET", "trials/<pk>/queries/list/", "trial", "CQAT"),
        ("GET POST", "trials/<pk>/queries/ask/", "trial", "Q"),
        ("GET", "trials/<pk>/audit/", "trial", "A"),
        ("GET POST", "trials/<pk>/subjects/import/", "trial", "CT"),
        ("POST", "trials/<pk>/subjects/import/enrol/", "trial", "CT"),
        ("GET", "trials/<pk>/subjects/template/", "trial", "CT"),
        ("POST", "trials/sites/<pk>/entities/", "site", "T"),
        ("GET", "trials/sites/<pk>/connections/", "site", "CQAT"),
        ("POST", "trials/sites/<pk>/plain-dicom/", "site", "T"),
        ("POST", "trials/sites/<pk>/tokens/", "site", "T"),
        ("POST", "trials/entities/<pk>/", "entity", "T"),
        ("POST", "trials/tokens/<pk>/revoke/", "token", "T"),
        ("GET POST", "trials/sites/<pk>/enrol/", "site", "CT"),
        ("POST", "trials/members/<pk>/end/", "membership", "T"),
        ("GET", "trials/charters/<pk>/", "charter", "CQMRJSAT"),
        ("GET POST", "trials/charters/<pk>/edit/", "charter", "T"),
        ("POST", "trials/charters/<pk>/sign/", "charter", "T"),
        ("GET", "trials/subjects/<pk>/", "subject", "CQAT"),
        ("POST", "trials/subjects/<pk>/withdraw/", "subject", "CT"),
        ("POST", "trials/timepoints/<pk>/miss/", "timepoint", "CT"),
        ("GET", "trials/queries/<pk>/", "query", "CQAT"),
        ("POST", "trials/queries/<pk>/comment/", "query", "CQT"),
        ("POST", "trials/queries/<pk>/answer/", "query", "C"),
        ("POST", "trials/queries/<pk>/close/", "query", "Q"),
        ("POST", "trials/queries/<pk>/reopen/", "query", "Q"),
        # --- imaging: pages
        ("GET", "imaging/trials/<pk>/transfers/", "trial", "CQAT"),
        ("GET", "imaging/trials/<pk>/quarantine/", "trial", "CQAT"),
        ("GET", "imaging/trials/<pk>/deidentification/", "trial", "QAT"),
        ("GET", "imaging/trials/<pk>/deidentification/report/", "trial", "QAT"),
        ("GET POST", "imaging/trials/<pk>/deidentification/preview/", "trial", "CQT"),
        ("GET", "imaging/trials/<pk>/qc/", "trial", "Q"),
        ("GET", "imaging/trials/<pk>/pixels/", "trial", "QT"),
        ("GET", "imaging/pixels/<pk>/", "look", "QT"),
        ("POST", "imaging/pixels/<pk>/decide/", "look", "QT"),
        ("POST", "imaging/pixels/<pk>/claim/", "look", "QT"),
        ("POST", "imaging/pixels/<pk>/leave/", "look", "QT"),
        ("POST", "imaging/pixels/<pk>/take-back/", "look", "QT"),
        ("GET", "imaging/pixels/<pk>/frames/<number>/rendered", "look frame", "QT"),
        ("GET", "imaging/sites/<pk>/connection/", "site", "CQAT"),
        ("GET", "imaging/sites/<pk>/connection/status/", "site", "CQAT"),
        ("GET", "imaging/sites/<pk>/patients/", "site", "C"),
        ("GET", "imaging/sites/<pk>/patients/list/", "site", "C"),
        ("POST", "imaging/entities/<pk>/echo/", "entity", "CT"),
        ("GET", "imaging/timepoints/<pk>/", "timepoint", "CQAT"),
        ("GET", "imaging/timepoints/<pk>/form/", "timepoint", "CQAT"),
        ("POST", "imaging/timepoints/<pk>/form/save/", "timepoint", "C"),
        ("POST", "imaging/timepoints/<pk>/form/sign/", "timepoint", "C"),
        ("POST", "imaging/timepoints/<pk>/form/correct/", "timepoint", "C"),
        ("GET", "imaging/timepoints/<pk>/upload/", "timepoint", "C"),
        ("POST", "imaging/timepoints/<pk>/transfers/", "timepoint", "C"),
        ("POST", "imaging/timepoints/<pk>/uploads/", "timepoint", "C"),
        ("POST", "imaging/timepoints/<pk>/uploads/known/", "timepoint", "C"),
        ("HEAD PATCH DELETE", "imaging/uploads/<public_id>/", "upload", "C"),
        ("GET", "imaging/transfers/<public_id>/", "transfer", "CQAT"),
        ("GET", "imaging/transfers/<public_id>/status/", "transfer", "CQAT"),
        ("GET", "imaging/transfers/<public_id>/deidentification/", "transfer", "CQAT"),
        ("GET", "imaging/transfers/<public_id>/deidentification/report/", "transfer", "CQAT"),
        ("POST", "imaging/transfers/<public_id>/finish/", "transfer", "C"),
        ("POST", "imaging/transfers/<public_id>/resolve/", "transfer", "CQ"),
        ("POST", "imaging/transfers/<public_id>/discard/", "transfer", "CQ"),
        ("GET", "imaging/reviews/<pk>/", "review", "CQAT"),
        ("POST", "imaging/reviews/<pk>/clear/", "review", "Q"),
        ("POST", "imaging/reviews/<pk>/fail/", "review", "Q"),
        ("POST", "imaging/findings/<pk>/decide/", "finding", "Q"),
        ("POST", "imaging/series/<pk>/mark/", "series", "Q"),
        ("GET", "imaging/series/<pk>/frames/<number>/rendered", "series frame", "CQA"),
        # --- imaging: DICOMweb, for programs
        ("POST", "dicomweb/studies", "", "="),
        ("POST", "dicomweb/studies/<study>", "study address", "="),
        # --- reading: pages
        ("GET", "reading/", "", "R"),
        ("GET", "reading/tasks/<blinded_code>/", "task", "R"),
        ("POST", "reading/tasks/<blinded_code>/save/", "task", "R"),
        ("POST", "reading/tasks/<blinded_code>/sign/", "task", "R"),
        ("GET", "reading/tasks/<blinded_code>/series/<series>/frames/<frame>/rendered", "task frame", "R"),
        ("GET", "reading/adjudications/", "", "J"),
        ("GET POST", "reading/adjudications/<blinded_code>/", "adjudication", "J"),
        (
            "GET",
            "reading/adjudications/<blinded_code>/series/<series>/frames/<frame>/rendered",
            "adjudication frame",
            "J",
        ),
        ("GET", "reading/trials/<pk>/progress/", "trial", "MAT"),
        ("GET", "reading/trials/<pk>/variability/", "trial", "MA"),
        ("GET", "reading/trials/<pk>/variability.json", "trial", "MA"),
        ("GET POST", "reading/trials/<pk>/lock/", "trial", "T"),
        ("GET", "reading/trials/<pk>/package/", "trial", "SAT"),
        ("POST", "reading/trials/<pk>/package/", "trial", "T"),
        ("GET", "reading/packages/<pk>/", "package", "SAT"),
        # --- trials: REST
        ("GET", "api/v1/trials/", "", "CQMRJSAT"),
        ("POST", "api/v1/trials/", "", "I"),
        ("GET", "api/v1/trials/<pk>/", "trial", "CQMRJSAT"),
        ("POST", "api/v1/trials/<pk>/amend/", "trial", "T"),
        ("GET", "api/v1/charters/", "", "CQMRJSAT"),
        ("GET", "api/v1/charters/<pk>/", "charter", "CQMRJSAT"),
        ("PUT", "api/v1/charters/<pk>/", "charter", "T"),
        ("POST", "api/v1/charters/<pk>/sign/", "charter", "T"),
        ("GET", "api/v1/sites/", "", "CQAT"),
        ("POST", "api/v1/sites/", "", "T"),
        ("GET", "api/v1/sites/<pk>/", "site", "CQAT"),
        ("GET", "api/v1/application-entities/", "", "CQAT"),
        ("POST", "api/v1/application-entities/", "", "T"),
        ("GET POST", "api/v1/memberships/", "", "T"),
        ("GET POST", "api/v1/people/", "", "T"),
        ("GET", "api/v1/subjects/", "", "CQAT"),
        ("POST", "api/v1/subjects/", "", "CT"),
        ("GET", "api/v1/subjects/<pk>/", "subject", "CQAT"),
        ("GET", "api/v1/timepoints/", "", "CQAT"),
        ("GET", "api/v1/timepoints/<pk>/", "timepoint", "CQAT"),
        ("GET", "api/v1/queries/", "", "CQAT"),
        ("GET", "api/v1/queries/<pk>/", "query", "CQAT"),
        ("POST", "api/v1/queries/<pk>/answer/", "query", "C"),
        ("POST", "api/v1/queries/<pk>/close/", "query", "Q"),
        # --- imaging: REST
        ("GET", "api/v1/transfers/", "", "CQAT"),
        ("GET", "api/v1/transfers/<public_id>/", "transfer", "CQAT"),
        ("GET", "api/v1/held-groups/", "", "CQAT"),
        ("GET", "api/v1/transfer-forms/", "", "CQAT"),
        ("GET", "api/v1/transfer-forms/<pk>/", "transfer form", "CQAT"),
        ("GET", "api/v1/qc-reviews/", "", "CQAT"),
        ("GET", "api/v1/qc-reviews/<pk>/", "review", "CQAT"),
        # --- reading: REST
        ("GET", "api/v1/read-tasks/", "", "R"),
        ("GET", "api/v1/read-tasks/<blinded_code>/", "task", "R"),
        ("GET", "api/v1/adjudications/", "", "J"),
        ("GET", "api/v1/adjudications/<blinded_code>/", "adjudication", "J"),
        ("GET", "api/v1/trials-variability/<pk>/", "trial", "MA"),
        ("GET", "api/v1/packages/", "", "SAT"),
        ("GET", "api/v1/packages/<pk>/", "package", "SAT"),
        ("GET", "api/v1/packages/<pk>/download/", "package", "SAT"),
    )
)
