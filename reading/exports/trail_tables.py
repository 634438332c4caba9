"""The tables that go with an audit trail that leaves: events, signatures and checkpoints, with nobody's name.

A time is told of what concerns the trial, its charter, its sites and its people. Of what hangs on a subject none is:
beside the package's shifted dates it would tell by how many days they are shifted. The order tells what came first.
"""

from __future__ import annotations

from reading.exports.csv_table import Column, Table

#: Kinds of record whose events and signatures have a time; all others hang on a subject, or on its scans and reads.
TIMED = frozenset(
    {
        "trials.trial", "trials.imagingcharter", "trials.membership", "trials.site", "trials.siteanswers",
        "trials.sitequalification", "trials.trainingacknowledgement", "reading.attempt",
    }
)  # fmt: skip
#: Kinds whose signed content names nobody: of others few contents are possible, and the digest would tell which it is.
DIGESTED = frozenset(
    {
        "trials.trial", "trials.imagingcharter", "trials.siteform", "imaging.transferform", "imaging.qcreview",
        "imaging.qcdecision", "reading.readtask", "reading.adjudication", "reading.globalreview",
    }
)  # fmt: skip

_NUMBER = Column("number", "Number of the record among those of its kind, by the first event about it.", "integer")
_TIME = "UTC; empty where the record hangs on a subject, its scans or reads."

EVENTS = Table(
    "events",
    "Events",
    "One event of the trial's audit trail, up to its database lock",
    ("sequence",),
    (
        Column("sequence", "Number in the trial's chain, from 1 without a gap.", "integer"),
        Column("at", f"When it happened, {_TIME}"),
        Column("role", "Role of who acted, as it was then; system where nobody did.", "text"),
        Column("action", "What was done."),
        Column("kind", "Kind of record that it was done to."),
        _NUMBER,
        Column("reason", "Y where a reason was given.", "flag"),
        Column("code", "HMAC-SHA256 over the whole event and the code before it, by the system's own key."),
        Column("link", "SHA-256 over the link of the row before and the other cells of this row."),
    ),
)
SIGNATURES = Table(
    "signatures",
    "Electronic signatures",
    "One signature on a record of the trial",
    ("signature",),
    (
        Column("signature", "Number of the signature, in the order of signing.", "integer"),
        Column("signer", "Who signed: one code for one person in this file."),
        Column("meaning", "What the signature says.", "text"),
        Column("at", f"When it was signed, {_TIME}"),
        Column("kind", "Kind of record that was signed."),
        _NUMBER,
        Column(
            "content_sha256", "Digest of what was signed; empty where so little is signed that it could be guessed."
        ),
        Column("charter_version", "Version of the charter by which the record goes.", "integer"),
        Column("policy_version", "Version of the signature policy that the signer had accepted.", "integer"),
        Column("ended_by", "Step that ended its force; empty while it stands."),
    ),
)
CHECKPOINTS = Table(
    "checkpoints",
    "Checkpoints",
    "What one signed checkpoint of the system said of this trial's chain",
    ("sequence",),
    (
        Column("sequence", "Number of the last event that it knew.", "integer"),
        Column("code", "The code that it has of that event."),
        Column("statement_sha256", "Digest of the signed statement, as it lies in the folder of checkpoints."),
    ),
)
TABLES = (EVENTS, SIGNATURES, CHECKPOINTS)
