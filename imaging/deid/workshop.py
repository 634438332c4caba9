"""The two steps of processing that touch foreign bytes, made to run in a child process that may be killed.

Arguments and results are plain values that JSON can carry, and bytes. What cannot go on comes back as
`{"held": reason, "sentence": ...}` with a reason of `imaging.states.HoldReason`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydicom import config, dcmread
from pydicom.dataset import Dataset

from compliance.errors import HouseError
from imaging.deid import engine, leaks
from imaging.deid.admission import CannotDeidentify, TextInPixels
from imaging.deid.faces.kinds import is_looked_at
from imaging.deid.faces.looking import Looked
from imaging.deid.keys import SubjectKeys
from imaging.deid.marks import TrialIdentity
from imaging.deid.patients import PatientKey, digests_in
from imaging.deid.pixels.regions import Settled
from imaging.deid.preview import changes
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.dicom import digests, headers
from imaging.dicom.devices import device_in
from imaging.dicom.files import opened
from imaging.dicom.films import described, is_film, stream_of
from imaging.dicom.geometry import plane_of
from imaging.display.suv import PET, uptake_of
from imaging.quality.measuring import measured
from imaging.states import HoldReason

Facts = dict[str, Any]

_BROKEN = (
    "Working on the image failed in a way that nobody foresaw, so it stays out. "
    "Tell the trial administrator, or set it aside."
)
_LEAK = (
    "Something that identifies the person was still found after de-identification, so the image stays out. "
    "Tell the trial administrator which scanner sent it; its recipe needs a rule."
)
_LOOK = (
    "Text may be written into the pixels, so somebody at the core lab looks at them before the image goes on. "
    "The site need not do anything."
)
_PHOTOGRAPH = (
    "The image is a photograph, so somebody at the core lab makes sure that nobody is recognisable in it before it "
    "goes on. The site need not do anything."
)
_FILM = (
    "The image is a film, so somebody at the core lab makes sure that it shows neither text nor a person who could be "
    "recognised before it goes on. The site need not do anything."
)
_SENTENCES = {"photograph": _PHOTOGRAPH, "video": _FILM}
#: Faults of the bytes themselves that have a hold reason of their own; all others are `malformed`.
_NAMED = {reason.value: reason for reason in (HoldReason.NOT_DICOM, HoldReason.EMPTY_FILE, HoldReason.TRUNCATED)}


def look(path: str, secret: bytes) -> Facts:
    """What processing needs to know of one received file before it knows the subject.

    Parameters
    ----------
    path
        The received file.
    secret
        The trial's secret.

    Returns
    -------
    dict
        `sop_uid_key`, `series_uid_key`, `study_uid_key` (pseudonyms), `modality`, `sop_class_uid`,
        `dataset_sha256`; `patient`, the two keyed digests of a `PatientKey`, or none; `subject_codes` (sorted) and
        `timepoint_code` in capitals as the header claims them, for matching and nothing else; `scan_date`
        (ISO 8601); `device` (`imaging.dicom.devices`), for the site's registry and nothing else; `instance_number`,
        `series_number`, `position_mm` along the normal; `rows`, `columns`, `frames`.
        The date, the numbers and the position may be None.
        Or `held` and `sentence`; `fault` then names the class of an error that nobody foresaw.
    """
    return _guarded(lambda: _look(Path(path), secret))


def look_all(paths: Sequence[str], secret: bytes) -> list[Facts]:
    """`look` for several files; one that fails does not stop the others."""
    return [look(path, secret) for path in paths]


def deidentify(
    path: str,
    recipe: Mapping[str, Any],
    secret: bytes,
    identity: Sequence[str],
    known: Sequence[str] = (),
    settled: Mapping[str, Any] | None = None,
    looked: Mapping[str, Any] | None = None,
) -> tuple[Facts, bytes]:
    """De-identify one received file and search the result for what the original said of the person.

    Parameters
    ----------
    recipe
        The charter's `deidentification`; see `Recipe.parse`.
    identity
        Codes of trial, site, subject and timepoint.
    known
        What other files say of the person: names, identifiers and places.
    settled
        What a person settled of the text in its pixels (`Settled.plain`).
    looked
        What looking for a face in the whole series gave: `imaging.deid.faces.looking.find`.

    Returns
    -------
    dict
        `counters`, `actions` (`engine.summary`), `recipe_sha256`, `sha256` and `size` of the output, `facts` for
        quality checks (`imaging.dicom.excerpts`). Or `held`, `sentence` and perhaps `fault`, as in `look`,
        with the engine's own reason as `detail`; for a look at its pixels also `regions`, `size`, `templates`
        and `device` (`TextInPixels`).
    bytes
        The output; empty when held.
    """
    output = b""

    def work() -> Facts:
        nonlocal output
        facts, output = _deidentified(Path(path), recipe, secret, identity, frozenset(known), settled, looked)
        return facts

    return _guarded(work), output


def deidentify_all(
    paths: Sequence[str], recipe: Mapping[str, Any], secret: bytes, identity: Sequence[str]
) -> list[tuple[Facts, bytes]]:
    """`deidentify` for several files of one subject and timepoint; one that fails does not stop the others."""
    return [deidentify(path, recipe, secret, identity) for path in paths]


def preview(path: str, recipe: Mapping[str, Any], secret: bytes) -> Facts:
    """Show what a recipe makes of a file, to somebody who has the file; nothing of it is kept.

    Parameters
    ----------
    recipe
        The charter's `deidentification`; see `Recipe.parse`.
    secret
        Made for the occasion: with the trial's own, pseudonyms and shifts of its subjects could be asked for.

    Returns
    -------
    dict
        `changes` (`imaging.deid.preview.Change`) and `counters`; or `held`, `sentence` and perhaps `fault`.
    """
    return _guarded(lambda: _previewed(Path(path), recipe, secret))


def film(path: str) -> tuple[int, str]:
    """Return how many bytes the film of a received file has, as it came, and its content type.

    Raises
    ------
    compliance.errors.HouseError
        It is no film that is taken.
    """
    stream = _film_in(path)
    return len(stream), described(stream).content_type


def part_of_film(path: str, begin: int, end: int) -> bytes:
    """Return what lies between two places of the film of a received file; raises as `film`."""
    return _film_in(path)[begin:end]


def _film_in(path: str) -> bytes:
    header = headers.read_header(Path(path))
    if not is_film(header.transfer_syntax_uid) or header.pixel_offset is None or header.pixel_length is None:
        raise CannotDeidentify("video_container")
    with opened(Path(path)) as content:
        return stream_of(bytes(content[header.pixel_offset : header.pixel_offset + header.pixel_length]))


def content_digest(path: str) -> str:
    """Digest of what a file says, however it was written: `imaging.dicom.digests.canonical_digest`."""
    return digests.canonical_digest(Path(path))


def _guarded(work: Callable[[], Facts]) -> Facts:
    """Carry out a step; whatever goes wrong with the content holds this instance, and this one only."""
    try:
        return work()
    except _Held as held:
        known = {"held": held.reason.value, "sentence": held.message, **held.more}
        return known | {"detail": held.detail} if held.detail else known
    except (OSError, MemoryError):
        raise
    except RecursionError:
        deep = CannotDeidentify("too_complex")
        return {"held": HoldReason.CANNOT_DEIDENTIFY.value, "sentence": deep.message, "detail": deep.reason}
    except Exception as problem:
        return {"held": HoldReason.CANNOT_DEIDENTIFY.value, "sentence": _BROKEN, "fault": type(problem).__name__}


class _Held(HouseError):
    def __init__(self, reason: HoldReason, sentence: str, detail: str = "", **more: Any) -> None:
        super().__init__(sentence)
        self.reason, self.detail, self.more = reason, detail, more


def _look(path: Path, secret: bytes) -> Facts:
    try:
        with opened(path) as content:
            header, dataset_sha256 = headers.read_header(content), digests.dataset_digest(content)
    except HouseError as problem:
        raise _Held(_NAMED.get(problem.code, HoldReason.MALFORMED), problem.message) from problem
    keys, dataset = SubjectKeys(secret, "-"), header.dataset
    date, plane = headers.scan_date(dataset), plane_of(dataset)
    return {
        "sop_uid_key": keys.uid(header.sop_instance_uid),
        "series_uid_key": keys.uid(header.series_instance_uid),
        "study_uid_key": keys.uid(header.study_instance_uid),
        "modality": header.modality if re.fullmatch(r"[A-Z0-9]{1,16}", header.modality) else "",
        "sop_class_uid": header.sop_class_uid,
        "dataset_sha256": dataset_sha256,
        "patient": list(PatientKey.of(*digests_in(dataset), keys) or ()),
        "subject_codes": sorted({_code(dataset, name) for name in ("ClinicalTrialSubjectID", "PatientID")} - {""}),
        "timepoint_code": _code(dataset, "ClinicalTrialTimePointID"),
        "scan_date": date.isoformat() if date else None,
        "device": device_in(dataset),
        "instance_number": _number(dataset, "InstanceNumber"),
        "series_number": _number(dataset, "SeriesNumber"),
        "position_mm": round(plane.offset_mm, 3) if plane else None,
        "rows": header.rows or 0,
        "columns": header.columns or 0,
        "frames": max(header.number_of_frames, 1),
    }


@lru_cache(maxsize=16)
def parsed_recipe(terms: str) -> Recipe:
    """Parse a recipe once for all files of a trial: its tables and its digest are kept in it."""
    return Recipe.parse(json.loads(terms))


def _code(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip().upper()


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        number = int(str(dataset.get(keyword)))
    except ValueError:
        return None
    return number if abs(number) < 2**31 else None


def _previewed(path: Path, mapping: Mapping[str, Any], secret: bytes) -> Facts:
    recipe, identity = _parsed(mapping), TrialIdentity("PREVIEW", "PREVIEW", "PREVIEW", "PREVIEW")
    try:
        with opened(path) as content:
            headers.read_header(content)
    except HouseError as problem:
        raise _Held(_NAMED.get(problem.code, HoldReason.MALFORMED), problem.message) from problem
    with config.disable_value_validation():
        original = dcmread(path, force=True)
        if is_looked_at(str(original.get("SOPClassUID", ""))):
            recipe = replace(recipe, faces="keep")  # whether there is one its whole series tells
        try:
            result = engine.deidentify(
                original, recipe=recipe, keys=SubjectKeys(secret, identity.subject_code), identity=identity
            )
        except HouseError as problem:
            raise _Held(HoldReason.CANNOT_DEIDENTIFY, problem.message) from problem
        return {"changes": changes(original, result.dataset), "counters": dict(result.counters)}


def _parsed(mapping: Mapping[str, Any]) -> Recipe:
    try:
        return parsed_recipe(json.dumps(mapping, sort_keys=True))
    except InvalidRecipe as problem:
        raise _Held(HoldReason.NO_RECIPE, problem.message) from problem


def _deidentified(
    path: Path,
    mapping: Mapping[str, Any],
    secret: bytes,
    codes: Sequence[str],
    known: frozenset[str],
    settled: Mapping[str, Any] | None,
    looked: Mapping[str, Any] | None,
) -> tuple[Facts, bytes]:
    recipe = _parsed(mapping)
    identity = TrialIdentity(*codes)
    keys = SubjectKeys(secret, identity.subject_code)
    own = identity.values()
    with config.disable_value_validation(), path.open("rb") as file:
        original = dcmread(file, force=True)
    try:
        result = engine.deidentify(
            original,
            recipe=recipe,
            keys=keys,
            identity=identity,
            known=known,
            settled=Settled.of(settled) if settled is not None else None,
            looked=Looked.of(looked),
        )
    except TextInPixels as text:
        sentence = _SENTENCES.get(text.reason, _LOOK)
        asked = {"regions": text.regions, "size": text.size, "templates": list(text.templates)}
        asked["device"] = list(text.device)
        raise _Held(HoldReason.PIXEL_REVIEW, sentence, text.reason, **asked) from text
    except HouseError as problem:
        raise _Held(
            HoldReason.CANNOT_DEIDENTIFY, problem.message, getattr(problem, "reason", problem.code)
        ) from problem
    identifiers: frozenset[str] = frozenset()
    if result.names is not None:  # our own output, which comes back unchanged, holds what it holds by right
        identifiers = leaks.known_identifiers(original, recipe=recipe, keys=keys, own=own, names=result.names)
        identifiers |= known - own
    output, counters, actions = engine.serialise(result), dict(result.counters), engine.summary(result.actions)
    facts = measured(result.dataset, original, output, result.frame)
    if original.get("Modality") == PET:
        # Made of weight, dose and times together, so that it says none of them.
        facts["uptake"] = uptake_of(original).plain()
    if is_film(result.dataset.file_meta.TransferSyntaxUID):
        film = described(stream_of(result.dataset.PixelData))
        facts["film"] = {"frames": film.frames, "duration_s": round(film.duration_s, 3)}
    del original, result  # their pixel data, before the output's are read for the search
    if leaks.find_leaks(output, identifiers, own=own):
        raise _Held(HoldReason.LEAK_FOUND, _LEAK)
    return {
        "counters": counters,
        "actions": actions,
        "recipe_sha256": recipe.digest(),
        "sha256": hashlib.sha256(output).hexdigest(),
        "size": len(output),
        "facts": facts,
    }, output
