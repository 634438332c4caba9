"""The tables of times to event and of response rates, as they are declared."""

from __future__ import annotations

from reading.exports.csv_table import Column, Table
from reading.exports.shared_columns import SITE, SUBJECT, TRIAL

TIME_TO_EVENT = Table(
    "time_to_event",
    "Times to event",
    "One time to event of one subject by one reader's results",
    ("subject", "parameter", "evalid"),
    (
        TRIAL,
        SITE,
        SUBJECT,
        Column(
            "parameter",
            "PFS: from day 1 to progression by imaging; DOR: from the first response to it. Both count every "
            "progression. PFSFDA, DORFDA: the same, but a progression after more than one missed visit is censored "
            "(FDA 2018, Clinical Trial Endpoints, Appendix 3, Table A). The core lab knows neither deaths nor new "
            "treatments: no time ends with one.",
            sdtm="PARAMCD",
        ),
        Column("criteria", "The response criteria by which progression and response were told.", sdtm="PARCAT1"),
        Column("evalid", "As in best_overall_response.csv.", sdtm="RSEVALID"),
        Column("acptfl", "Y where this result is the accepted one of the subject.", "flag", sdtm="ANL01FL"),
        Column("start_day", "Study day on which the time begins.", "integer"),
        Column("start_shifted_date", "Its date, shifted like the scans.", "date", sdtm="STARTDT"),
        Column("end_day", "Study day of the event, or of censoring.", "integer", sdtm="ADY"),
        Column("end_shifted_date", "Its date, shifted like the scans.", "date", sdtm="ADT"),
        Column("days", "End minus start plus one.", "integer", "d", "AVAL"),
        Column("event", "Y where the time ended with progression; empty where it was censored.", "flag"),
        Column(
            "censored",
            "0 event; 1 no progression seen; 2 nothing evaluable after day 1; 3 progression after more than one "
            "visit in a row that was missed or could not be evaluated.",
            "integer",
            sdtm="CNSR",
        ),
        Column("description", "What happened, in words.", "text", sdtm="EVNTDESC"),
        Column("censoring_date", "Which day the date of censoring is, in words.", "text", sdtm="CNSDTDSC"),
        Column("timepoint", "Timepoint at which the time ends; empty where it ends on day 1."),
    ),
)

RESPONSE_RATES = Table(
    "response_rates",
    "Response rates",
    "Share of subjects with one best overall response, or with any response, by one set of results",
    ("results", "measure"),
    (
        TRIAL,
        Column("criteria", "The response criteria."),
        Column("results", "ACCEPTED, or one reader's: READER 1, READER 2."),
        Column(
            "measure",
            "A best overall response; ORR, objective response rate: any of those that the criteria count as one.",
        ),
        Column("count", "Subjects with it.", "integer"),
        Column("subjects", "All subjects with a result; who has no baseline is among them, not evaluable.", "integer"),
        Column("percent", "Share, to three decimals.", "decimal", "%"),
        Column("lower", "Lower limit of the exact 95% interval (Clopper and Pearson).", "decimal", "%"),
        Column("upper", "Upper limit of it.", "decimal", "%"),
    ),
)
