"""The two steps of de-identifying a folder that touch foreign bytes, made to run in a child process.

The first looks at a header for whose the file is and what it says of the person, so that the second can clean each
file of everything that any file says of its person. Arguments and results are as those of `imaging.deid.workshop`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset

from compliance.errors import HouseError
from imaging.deid import marks, workshop
from imaging.deid.admission import CannotDeidentify
from imaging.deid.faces.kinds import is_looked_at
from imaging.deid.keys import SubjectKeys
from imaging.deid.leaks import names_and_numbers
from imaging.deid.marks import TrialIdentity
from imaging.deid.people import Signs
from imaging.dicom.archives import is_archive
from imaging.dicom.headers import read_header

Facts = dict[str, Any]

_ARCHIVE = "The file is an archive. Unpack it, and run the command on the folder."
_BROKEN = "Reading the file failed in a way that nobody foresaw. Look at it by hand, or leave it out."


def survey(path: str, recipe: Mapping[str, Any], secret: bytes) -> Facts:
    """What de-identifying a file needs to know of it and of the files beside it.

    Parameters
    ----------
    recipe
        See `Recipe.parse`.
    secret
        The key of the run.

    Returns
    -------
    dict
        `sha256`; and of an instance `signs` (`people.Signs`) and `names` (`leaks.names_and_numbers`, sorted), and
        `series`, its pseudonym, if a face is to be looked for there; or of one that claims to be ours `own`, its
        protocol, site, subject and timepoint. Or `held` and `sentence`.
    """
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        head = file.read(4)
    return {"sha256": sha256, **_seen(Path(path), head, recipe, secret)}


def _seen(path: Path, head: bytes, recipe: Mapping[str, Any], secret: bytes) -> Facts:
    if is_archive(head):
        return {"held": "archive", "sentence": _ARCHIVE}
    try:
        header = read_header(path)
        dataset = header.dataset
        if marks.claims_to_be_ours(dataset) and (own := _identity(dataset)):
            return {"own": own}
        terms, keys = workshop.parsed_recipe(json.dumps(recipe, sort_keys=True)), SubjectKeys(secret, "-")
        names = names_and_numbers(dataset, terms)
        seen: Facts = {"signs": list(Signs.of(dataset, keys)), "names": sorted(names)}
        if terms.faces == "mask" and is_looked_at(header.sop_class_uid):
            seen["series"] = keys.uid(header.series_instance_uid)
        return seen
    except HouseError as problem:
        return {"held": problem.code, "sentence": problem.message}
    except (OSError, MemoryError):
        raise
    except Exception:
        return {"held": "cannot_read", "sentence": _BROKEN}


def clean(
    path: str,
    recipe: Mapping[str, Any],
    secret: bytes,
    identity: Sequence[str],
    known: Sequence[str],
    looked: Mapping[str, Any] | None = None,
) -> tuple[Facts, bytes]:
    """De-identify one file, and search the result for what is known of the person.

    Parameters
    ----------
    identity
        Codes of protocol, site, subject and timepoint.
    known
        Names and numbers that other files say of the person.
    looked
        What looking for a face in the whole series gave.

    Returns
    -------
    dict
        `counters` and `actions`, or `held` and `sentence`, where the most telling reason there is stands as `held`.
    bytes
        The output; empty when held.
    """
    facts, output = workshop.deidentify(path, recipe, secret, identity, known, looked=looked)
    if "regions" in facts:  # here nobody looks at it
        return {"held": facts["detail"], "sentence": CannotDeidentify(facts["detail"]).message}, b""
    if "held" in facts:
        return {"held": facts.get("detail") or facts["held"], "sentence": facts["sentence"]}, b""
    return {"counters": facts["counters"], "actions": facts["actions"]}, output


def _identity(dataset: Dataset) -> list[str]:
    """Codes that one of our outputs was made for; none where they cannot be ours."""
    names = ("ClinicalTrialProtocolID", "ClinicalTrialSiteID", "PatientID", "ClinicalTrialTimePointID")
    codes = [str(dataset.get(name) or "") for name in names]
    try:
        TrialIdentity(*codes)
    except ValueError:
        return []
    return codes
