"""The endpoint package's tables as they are declared: what each column means, its kind, and its SDTM variable."""

from __future__ import annotations

from dataclasses import replace

from reading.exports.csv_table import Column, Table
from reading.exports.shared_columns import SITE, SUBJECT, TRIAL
from reading.exports.time_columns import RESPONSE_RATES, TIME_TO_EVENT

_TIMEPOINT = Column("timepoint", "Code of the planned imaging visit.", sdtm="VISIT")
_STUDY_DAY = Column(
    "study_day",
    "Study day of the scan; day 1 is the protocol's reference day, there is no day 0.",
    "integer",
    sdtm="--DY",
)
_SHIFTED = Column(
    "shifted_date",
    "Date of the scan, shifted by one constant number of days per subject: intervals hold, the date itself does not.",
    "date",
    sdtm="--DTC",
)
_EVALID = Column("evalid", "Who evaluated: READER 1, READER 2; by place in the pair, never by name.", sdtm="--EVALID")
_ACCEPTED = Column("acptfl", "Y where this evaluation is the accepted one at this timepoint.", "flag", sdtm="--ACPTFL")
_SIMULATED = Column("simulated", "Y where a simulation made the entry and not a person.", "flag")

SUBJECTS = Table(
    "subjects",
    "Subjects",
    "One enrolled subject",
    ("subject",),
    (
        TRIAL,
        SITE,
        SUBJECT,
        Column("status", "enrolled, withdrawn, or consent_withdrawn: what was signed before stays."),
        Column("shifted_day_1", "The protocol's day 1, shifted like the subject's scans.", "date", sdtm="RFSTDTC"),
        Column("timepoints_planned", "Imaging visits that the charter planned.", "integer"),
        Column("timepoints_read", "Imaging visits read by every planned reader.", "integer"),
    ),
)

TIMEPOINTS = Table(
    "timepoints",
    "Timepoints",
    "One planned imaging visit of one subject",
    ("subject", "timepoint"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        Column("name", "Name of the visit in the charter.", "text"),
        Column(
            "visit_number",
            "Place in the schedule, from 1; an unscheduled visit has a fraction, 2.1 after the second.",
            "decimal",
            sdtm="VISITNUM",
        ),
        Column(
            "planned_day",
            "Study day for which the scan was planned; of an unscheduled visit the day for which it was added.",
            "integer",
            sdtm="VISITDY",
        ),
        Column("window_first_day", "First study day of the visit's window.", "integer"),
        Column("window_last_day", "Last study day of the visit's window.", "integer"),
        _STUDY_DAY,
        _SHIFTED,
        Column("images", "expected, received or missed."),
        Column("qc", "Decision of quality control: not_ready, awaiting, queried or cleared."),
        Column("qc_waived", "Charter checks that a person waived, separated by semicolons.", "text"),
        Column("series_read", "Series shown to the readers.", "integer"),
        Column("reading", "not_ready, open or read."),
    ),
)

DEVIATIONS = Table(
    "deviations",
    "Protocol deviations",
    "One deviation of one imaging visit from the charter",
    ("subject", "timepoint", "kind", "check"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        Column(
            "kind",
            "missed: no images came; early, late: scanned outside the visit's window; check_waived: a person waived a "
            "check of the charter; declared: the site's signed transfer form declares one, in words that stay in the "
            "system; unblinding: somebody who read it learned, outside any plan, what they were to be blinded to.",
        ),
        Column("days", "Days outside the window.", "integer", "d"),
        Column("check", "The check that was waived."),
    ),
)

IMAGES = Table(
    "images",
    "Images",
    "One archived series of one imaging visit",
    ("subject", "timepoint", "series_instance_uid"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        Column("study_instance_uid", "The imaging study; a pseudonymous identifier, as in the archive."),
        Column("series_instance_uid", "The series; a pseudonymous identifier, as in the archive."),
        Column("modality", "DICOM modality: CT, MR, PT …"),
        Column("label", "What the charter calls this series.", "text"),
        Column("for_reading", "Y where readers were shown it.", "flag"),
        Column("instances", "Archived files.", "integer"),
        Column("size", "Bytes of all of them, as they were archived.", "integer", "B"),
        Column(
            "sha256",
            "SHA-256 over one line for each file, by SOP Instance UID: the UID, a space, its SHA-256, a line feed.",
        ),
    ),
)

LESIONS = Table(
    "lesions",
    "Lesions",
    "One lesion as one reader identified it",
    ("subject", "evalid", "lesion"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _EVALID,
        Column("lesion", "T target, NT non-target, NEW new; the number stays through time.", sdtm="TULNKID"),
        Column("category", "target, non_target or new.", sdtm="TUORRES"),
        Column("organ", "Organ in which it lies.", "text", sdtm="TULOC"),
        Column("nodal", "Y for a lymph node, measured by its short axis.", "flag"),
        Column("description", "The reader's description.", "text"),
        Column("first_seen", "Timepoint at which it was identified."),
    ),
)

MEASUREMENTS = Table(
    "measurements",
    "Measurements",
    "One lesion at one timepoint by one reader",
    ("subject", "timepoint", "evalid", "lesion", "part"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        _EVALID,
        _ACCEPTED,
        Column("lesion", "The lesion, as in lesions.csv.", sdtm="TRLNKID"),
        Column("part", "Part of a lesion that split; 0 for a whole lesion.", "integer"),
        Column("state", "MEASURED, or what was seen instead of a measurement.", sdtm="TRORRES"),
        Column(
            "diameter_mm",
            "Longest diameter; short axis for a lymph node, where the criteria say so. As entered, not rounded.",
            "decimal",
            "mm",
            "TRSTRESN",
        ),
        Column(
            "sop_instance_uid", "Archived image on which it was measured; a pseudonymous identifier.", sdtm="TUREFID"
        ),
        Column("frame", "Frame of that image, from 1.", "integer"),
        Column("reason", "The reader's reason for a state.", "text", sdtm="TRREASND"),
    ),
)

RESPONSES = Table(
    "responses",
    "Responses by timepoint",
    "One reader's response at one timepoint, derived from the measurements",
    ("subject", "timepoint", "evalid"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        _EVALID,
        _ACCEPTED,
        _SIMULATED,
        Column("image_quality", "adequate, limited or not_evaluable, as the reader judged it."),
        Column("sum_mm", "Sum of target lesion diameters; empty when incomplete.", "decimal", "mm", "SUMDIAM"),
        Column("baseline_sum_mm", "The same reader's sum at baseline.", "decimal", "mm"),
        Column("nadir_sum_mm", "The smallest complete sum before this timepoint.", "decimal", "mm"),
        Column(
            "change_from_baseline",
            "Change of the sum from baseline; shown here to six decimals.",
            "decimal",
            "%",
            "PCBSD",
        ),
        Column(
            "change_from_nadir",
            "Change of the sum from its nadir; shown here to six decimals.",
            "decimal",
            "%",
            "PCNSD",
        ),
        Column("target_response", "Response of the target lesions; empty without any.", sdtm="TRGRESP"),
        Column("non_target_response", "Response of the non-target lesions; empty without any.", sdtm="NTRGRESP"),
        Column("new_lesion", "Y when a new lesion was unequivocal, N when not; empty at baseline.", sdtm="NEWLIND"),
        Column("overall_response", "Overall response at the timepoint; empty at baseline.", sdtm="OVRLRESP"),
        Column("stated_response", "What the reader stated against the derived response, which counts all the same."),
        Column("stated_reason", "Why the reader disagrees.", "text"),
        Column("comment", "The reader's comment.", "text"),
        Column("derivation", "The rules applied, in order, with clause, inputs and result.", "json"),
    ),
)

VALUES = Table(
    "values",
    "Values",
    "One value of one reader at one timepoint: entered, or derived",
    ("subject", "timepoint", "evalid", "lesion", "part", "name"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        _EVALID,
        _ACCEPTED,
        Column("lesion", "The lesion, as in lesions.csv; empty for the timepoint as a whole.", sdtm="TRLNKID"),
        Column("part", "Part of a lesion that split; 0 for a whole lesion.", "integer"),
        Column("name", "What the value is, as the rule pack names it."),
        Column("testcd", "CDISC's test of this meaning; empty where we know of none.", sdtm="TRTESTCD, RSTESTCD"),
        Column(
            "number", "The value, where it is a number: as entered, or exactly as derived.", "decimal", sdtm="--STRESN"
        ),
        Column("text", "The value, where it is none.", "text", sdtm="--STRESC"),
        Column("unit", "Unit of a number.", sdtm="--ORRESU"),
        Column("derived", "Y where the rule pack derived it, N where the reader entered it.", "flag"),
    ),
)

ADJUDICATIONS = Table(
    "adjudications",
    "Adjudications",
    "One trigger of one adjudication",
    ("subject", "adjudicated", "trigger", "timepoint"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        Column("adjudicated", "Code of the adjudicated timepoint; SUBJECT where the whole subject was adjudicated."),
        Column("trigger", "The charter's trigger that fired."),
        Column("timepoint", "Timepoint at which it fired; empty for a trigger over all timepoints.", sdtm="VISIT"),
        Column("reader_1", "What READER 1 had."),
        Column("reader_2", "What READER 2 had."),
        Column("evalid", "Who decided: ADJUDICATOR.", sdtm="--EVALID"),
        Column("accepted_evalid", "The reader whose evaluation was accepted."),
        Column("rationale", "The adjudicator's reason.", "text"),
        _SIMULATED,
    ),
)

BEST_OVERALL_RESPONSE = Table(
    "best_overall_response",
    "Best overall response",
    "One reader's best overall response of one subject",
    ("subject", "evalid"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        Column(
            "evalid",
            "READER 1, READER 2; ADJUDICATED where the accepted reads are not those of one reader; NOT READ "
            "where there was nothing to read.",
            sdtm="RSEVALID",
        ),
        Column("acptfl", "Y where this result is the accepted one of the subject.", "flag", sdtm="RSACPTFL"),
        Column("best_overall_response", "Best overall response.", sdtm="BESTRESP"),
        Column("confirmed", "Y or N for CR and PR: confirmed by a later timepoint; empty for others."),
        Column("progression_timepoint", "Timepoint of progression; empty without."),
        Column("progression_day", "Study day of progression.", "integer", sdtm="RSDY"),
        Column("progression_shifted_date", "Date of progression, shifted like the scans.", "date", sdtm="RSDTC"),
        Column("first_response_timepoint", "Timepoint of the first CR or PR; empty without."),
        Column("first_response_day", "Study day of the first CR or PR.", "integer"),
        Column("first_response_shifted_date", "Date of the first CR or PR, shifted like the scans.", "date"),
    ),
)

GLOBAL_REVIEWS = Table(
    "global_reviews",
    "Global reviews",
    "One response of one reader, as the reader left it in the global review",
    ("subject", "timepoint", "evalid"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        _TIMEPOINT,
        _STUDY_DAY,
        _SHIFTED,
        _EVALID,
        Column("derived_response", "Overall response as derived, and signed at the timepoint."),
        Column("overall_response", "Overall response after the review: the one that counts.", sdtm="OVRLRESP"),
        Column("changed", "Y where the reader changed it.", "flag"),
        Column("reason", "Why the reader changed it.", "text"),
        Column("signed_at", "When the review was signed, in UTC, shifted like the scans."),
    ),
)

SIGNED_WORK = Table(
    "signed_work",
    "Signed work",
    "One signature of a reader or adjudicator",
    ("subject", "what", "timepoint", "evalid", "version"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        Column("what", "read or adjudication."),
        Column("timepoint", "Code of the imaging visit; SUBJECT where the whole subject was adjudicated."),
        Column("evalid", "Who signed: READER 1, READER 2, ADJUDICATOR or CONSENSUS; by place, never by name."),
        Column("version", "Number of the signature: one more each time that a read was opened again.", "integer"),
        Column("stands", "Y for the version that the other tables hold.", "flag"),
        Column("signed_at", "When it was signed, in UTC, shifted like the subject's scans: intervals hold."),
        Column("reopened_because", "Why this version was opened again.", "text"),
    ),
)

#: The tables of every package; `GLOBAL_REVIEWS` is beside them where the charter asks for reviews.
TABLES = (
    SUBJECTS,
    TIMEPOINTS,
    DEVIATIONS,
    IMAGES,
    LESIONS,
    MEASUREMENTS,
    RESPONSES,
    VALUES,
    ADJUDICATIONS,
    BEST_OVERALL_RESPONSE,
    TIME_TO_EVENT,
    RESPONSE_RATES,
    SIGNED_WORK,
)

DICTIONARY = Table(
    "data_dictionary",
    "Data dictionary",
    "One column of one table",
    ("file", "column"),
    (
        Column("file", "The table."),
        Column("order", "Place of the column, from 1.", "integer"),
        Column("column", "Name of the column."),
        Column("key", "Y where the column is part of what names a row.", "flag"),
        Column("kind", "code, text, integer, decimal, date, flag or json."),
        Column("unit", "Unit of the values."),
        Column("meaning", "What the values mean.", "text"),
        Column("sdtm", "The SDTM variable or test of the same meaning, for orientation.", "text"),
    ),
)


def settled_together() -> Table:
    """Return the table of adjudications as it is explained where readers settle cases by consensus."""
    said = {
        "evalid": "Who decided: CONSENSUS of both readers, or ADJUDICATOR.",
        "rationale": "The reason that was given.",
    }
    columns = (replace(one, meaning=said.get(one.name, one.meaning)) for one in ADJUDICATIONS.columns)
    return replace(ADJUDICATIONS, columns=tuple(columns))
