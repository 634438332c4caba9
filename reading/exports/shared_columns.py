"""Columns with which rows of many tables begin."""

from __future__ import annotations

from reading.exports.csv_table import Column

TRIAL = Column("trial", "Protocol identifier of the trial.", sdtm="STUDYID")
SITE = Column("site", "Code of the site that enrolled the subject.", sdtm="SITEID")
SUBJECT = Column("subject", "Subject code; unique in the trial.", sdtm="SUBJID")
