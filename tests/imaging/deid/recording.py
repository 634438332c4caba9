"""What reading, de-identification and the search for leaks made of the corpus when it was last looked at.

`python -m tests.imaging.deid.recording` writes it anew; do so only when a change of the output is meant, and say in
the commit why.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import config, dcmread

from compliance.errors import HouseError
from imaging.deid import engine, leaks
from imaging.deid.admission import CannotDeidentify
from imaging.deid.recipe import Recipe
from imaging.dicom.digests import canonical_digest, dataset_digest
from imaging.dicom.headers import read_header
from tests.imaging.deid.conftest import BASIC, IDENTITY, KEYS, SHIFTED
from tests.imaging.deid.corpus import files

RECORDED = Path(__file__).parents[3] / "fixtures" / "imaging" / "deid" / "recorded.json"

KEEPS = Recipe.parse(
    {
        "identifier": "keeps",
        "version": "2",
        "options": ["retain_longitudinal_modified_dates", "retain_patient_characteristics", "retain_device_identity"],
        "rules": [
            {"attribute": "SeriesDescription", "action": "K", "reason": "the phase is named there"},
            {"attribute": "ProtocolName", "action": "Z", "reason": "names of people were seen"},
        ],
    }
)
RECIPES = {"basic": BASIC, "shifted": SHIFTED, "keeps": KEEPS}


def record(content: bytes, recipe: Recipe) -> dict[str, str]:
    """Sum up what one file gives: when read, when searched as it came, and when de-identified and searched again."""
    own = IDENTITY.values()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        found = {"header": _sum(lambda: _header(content)), "content": _sum(lambda: canonical_digest(content))}
        original = dcmread(BytesIO(content), force=True)
        known = leaks.known_identifiers(original, recipe=recipe, keys=KEYS, own=own)
        everything = leaks.known_identifiers(original)
        found["leaks"] = _sum(lambda: [sorted(known), sorted(everything), leaks.find_leaks(content, known, own=own)])
        try:
            result = engine.deidentify(original, recipe=recipe, keys=KEYS, identity=IDENTITY)
        except CannotDeidentify as held:
            return found | {"output": held.reason}
        output = engine.serialise(result)
        actions = [(action.path, action.action) for action in result.actions]
        left = leaks.find_leaks(output, known, own=own)
        found["output"] = _sum(lambda: [hashlib.sha256(output).hexdigest(), result.counters, actions, left])
    return found


def _header(content: bytes) -> list[Any]:
    header = read_header(content)
    identity = (header.sop_class_uid, header.sop_instance_uid, header.series_instance_uid, header.study_instance_uid)
    size = (header.rows, header.columns, header.number_of_frames, header.size, header.pixel_offset, header.pixel_length)
    how = (header.transfer_syntax_uid, header.encapsulated, header.pixel_vr, header.n_elements, *header.encoding)
    return [*identity, header.modality, *size, *how, header.head.hex(), dataset_digest(content)]


def _sum(make: Callable[[], object]) -> str:
    try:
        content = json.dumps(make(), sort_keys=True)
    except HouseError as refusal:
        return refusal.code
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def record_all() -> dict[str, str]:
    """Sums of every file with every recipe, by `file | recipe`."""
    return {
        f"{name} | {label}": " ".join(f"{part}={value}" for part, value in record(content, recipe).items())
        for name, content in files()
        for label, recipe in RECIPES.items()
    }


if __name__ == "__main__":
    RECORDED.write_text(json.dumps(record_all(), indent=0, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
