"""What may be done on the server itself: each command of the house, and what whoever runs it must give and leaves.

Whoever can run a command has the server, its database and its keys: the operating system says who that is. A command
that acts for somebody says in whose name, and asks that person's rights like a page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """A row of the table.

    Attributes
    ----------
    does
        What it is for.
    named
        In whose name it acts: "" nobody's, as it changes nothing of anybody; `KEEPER` the keeper of the server, whom
        the trail calls the system; else the person given with `--as`.
    verb
        What the person named must be allowed to do.
    leaves
        The events that it leaves in the trail when it has done something.
    tells
        What of people and subjects it prints.
    """

    does: str
    named: str = ""
    verb: str = ""
    leaves: tuple[str, ...] = ()
    tells: str = "nothing of them"


KEEPER = "the keeper of the server"
PERSON = "the person given with --as"
EITHER = f"{PERSON}, or {KEEPER}"
_CODES = "codes of subjects"

COMMANDS = {
    "access_matrix": ServerCommand("Writes this page."),
    "add_administrator": ServerCommand(
        "Makes an account that may create trials.", KEEPER, leaves=("user.created",), tells="the new account"
    ),
    "changepassword": ServerCommand(
        "Gives somebody a new password. The person is told, and signs after choosing another.",
        EITHER,
        leaves=("user.password_given",),
        tells="the account",
    ),
    "charter": ServerCommand(
        "Writes, compares and checks charters; brings one into a trial's draft.",
        PERSON,
        "trials.administer",
        ("imagingcharter.drafted", "imagingcharter.edited"),
    ),
    "checkpoint_audit": ServerCommand("Signs where the chains of the audit trail end.", KEEPER),
    "deidentify": ServerCommand("Cleans a folder outside the house.", tells="counts, and reasons by name"),
    "demo": ServerCommand("Plays a trial on an instance of its own.", tells="synthetic subjects"),
    "evaluate_criteria": ServerCommand("Computes responses of what it is given.", tells="what it was given"),
    "evaluate_variability": ServerCommand("Computes statistics of what it is given.", tells="what it was given"),
    "import_dicom": ServerCommand(
        "Brings scans of a folder to a site's deliveries.",
        EITHER,
        "imaging.upload",
        ("transfer.opened", "transfer.imported"),
        _CODES,
    ),
    "import_edc": ServerCommand(
        "Looks at subjects and visits in a file of an EDC system, and takes them.",
        PERSON,
        "trials.enrol",
        ("subject.enrolled", "timepoint.planned"),
        _CODES,
    ),
    "iq": ServerCommand(
        "Inspects the installation, and keeps a record.", PERSON, leaves=("installation.iq",), tells="the account"
    ),
    "keys": ServerCommand(
        "Says which keys are there; makes the next for a trial's originals.",
        PERSON,
        "trials.administer",
        ("trial.originals_key_made",),
    ),
    "link_identity": ServerCommand(
        "Lets somebody sign in at the identity provider, or ends that, with a reason. The person is told.",
        KEEPER,
        leaves=("provideridentity.linked", "provideridentity.ended"),
        tells="the account",
    ),
    "oq": ServerCommand(
        "Plays the regulated scenarios in a scratch trial of its own, and keeps a record.",
        PERSON,
        leaves=("installation.oq",),
        tells="the account and the scratch trial",
    ),
    "receive": ServerCommand("Runs the DICOM receiver."),
    "replay_assignment": ServerCommand(
        "Draws every subject's readers anew, and compares.", tells=f"{_CODES} with their readers"
    ),
    "reset_second_factor": ServerCommand(
        "Takes somebody's second factor away, with a reason. The person is told.",
        KEEPER,
        leaves=("second_factor.reset",),
        tells="the account",
    ),
    "rotate_audit_key": ServerCommand(
        "Makes the next key of the audit trail, with a reason.", KEEPER, leaves=("audit_key.changed",)
    ),
    "serve": ServerCommand("Runs the web server, the DICOM receiver and the worker."),
    "simulate_reads": ServerCommand("Lets simulated readers read by a trial's charter; stores nothing."),
    "validation_pack": ServerCommand("Builds the validation pack of a release from reports of its tests."),
    "verify_audit": ServerCommand("Verifies the chains of the audit trail."),
    "verify_deidentified": ServerCommand("Searches a folder for what is known of people.", tells="rows of its list"),
    "verify_derivations": ServerCommand(
        "Derives every signed read anew, and compares.", KEEPER, leaves=("derivations.verified",), tells=_CODES
    ),
    "verify_extract": ServerCommand(
        "Compares an extract of the audit trail with the trail, code by code.",
        tells="numbers of records, and which columns differ",
    ),
    "verify_signatures": ServerCommand("Verifies every signature.", tells="the record of one that does not hold"),
}
