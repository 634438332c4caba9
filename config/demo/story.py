"""Who and what is in the demonstration. All people are invented; all disease is arithmetic."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from trials.models import Role

TRIAL_CODE = "PLX-DEMO"
TRIAL_TITLE = "A synthetic two-arm trial in advanced solid tumours"
SPONSOR = "Meridian Biopharma (invented)"
#: Fixed, so that a second run gives the same codes, pseudonyms and package. A real trial's are random.
SEED = "parallax demonstration"
SECRET = b"parallax demonstration key, 32 b"
#: One password for every demonstration account.
PASSWORD = "parallax-demo-2026"

#: The demonstration's clock for everything people sign; it moves on by minutes.
CLOCK = dt.datetime(2026, 6, 1, 8, 0, tzinfo=dt.UTC)


#: Why the demonstration's sites may send without encryption.
PLAIN_DICOM = "Scanner and receiver are one machine."


#: The scanner at each site, as the images say it, and its software.
SCANNER = {"modality": "CT", "manufacturer": "Parallax", "model_name": "Thorax phantom"}
SOFTWARE = "1"
#: What the open trial's site registered: its images say otherwise, so that a visitor finds a notice.
OLDER_SOFTWARE = "0.9"


@dataclass(frozen=True, slots=True)
class Person:
    """An account of the demonstration."""

    username: str
    name: str
    role: Role
    site: str = ""


PEOPLE = (
    Person("admin", "Ada Admiraal", Role.TRIAL_ADMINISTRATOR),
    Person("coordinator-nl", "Niels Kramer", Role.SITE_COORDINATOR, "NL01"),
    Person("coordinator-de", "Dagmar Vogt", Role.SITE_COORDINATOR, "DE02"),
    Person("qc", "Quirine Blom", Role.QC_ANALYST),
    Person("manager", "Marit Solheim", Role.READING_MANAGER),
    Person("reader1", "Dr Renata Silva", Role.READER),
    Person("reader2", "Dr Takeshi Mori", Role.READER),
    Person("adjudicator", "Dr Alasdair Reid", Role.ADJUDICATOR),
    Person("sponsor", "Sofia Lindqvist", Role.SPONSOR),
    Person("auditor", "Aurelio Conti", Role.AUDITOR),
)


@dataclass(frozen=True, slots=True)
class Centre:
    """A site, its scanner's AE title, and the door it uses."""

    code: str
    name: str
    country: str
    ae_title: str
    door: str


CENTRES = (
    Centre("NL01", "Noorderhaven Hospital", "Netherlands", "NL01_CT", "dimse"),
    Centre("DE02", "Klinikum Elbtal", "Germany", "DE02_CT", "web"),
)


@dataclass(frozen=True, slots=True)
class Patient:
    """A synthetic subject, with the identity that its scanner writes into the headers."""

    code: str
    site: str
    seed: int
    scenario: str
    reference_date: dt.date
    name: str
    hospital_number: str
    birth_date: str
    sex: str

    def scan_date(self, timepoint: int) -> dt.date:
        """Date of the scan: a few days off the plan, inside the window."""
        planned = (-7, 56, 112)[timepoint]
        return self.reference_date + dt.timedelta(days=planned + (self.seed + 2 * timepoint) % 5 - 2)


PATIENTS = (
    Patient(
        "NL01-001",
        "NL01",
        11,
        "shrinking",
        dt.date(2025, 9, 15),
        "Jansen^Wilhelmina^Maria",
        "NH4418203",
        "19580317",
        "F",
    ),
    Patient(
        "NL01-002", "NL01", 12, "growing", dt.date(2025, 9, 29), "van der Berg^Cornelis", "NH4420771", "19491102", "M"
    ),
    Patient(
        "NL01-003", "NL01", 13, "new_lesion", dt.date(2025, 10, 13), "Özdemir^Hatice", "NH4423019", "19661224", "F"
    ),
    Patient("DE02-001", "DE02", 21, "stable", dt.date(2025, 9, 22), "Müller^Jürgen", "EK-90331", "19530608", "M"),
    Patient("DE02-002", "DE02", 22, "shrinking", dt.date(2025, 10, 6), "Schäfer^Annegret", "EK-90478", "19610919", "F"),
    Patient("DE02-003", "DE02", 23, "growing", dt.date(2025, 10, 20), "Кузнецов^Дмитрий", "EK-90502", "19470501", "M"),
)

VISITS = ("BL", "W8", "W16")
#: Subject and visit whose first upload lacks slices, so that QC sends it back.
INCOMPLETE = ("DE02-002", "W8")

#: A second trial, left open for whoever wants to try each role's work.
OPEN_TRIAL_CODE = "PLX-TRY"
OPEN_TRIAL_TITLE = "A trial left open, to try things in"
OPEN_PATIENT = Patient(
    "TRY-001", "DE02", 31, "new_lesion", dt.date(2026, 5, 11), "Wójcik^Zofia", "EK-91007", "19590227", "F"
)
