"""Proof of de-identification: what was done to the images of a delivery, or of a trial, and by which recipe.

Nothing of a header is in it but the names of attributes; files are named by their digests.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, QuerySet
from pydicom.tag import Tag

from imaging.deid.pixels.templates import Template
from imaging.deid.preview import name_in_dictionary
from imaging.deid.profile import EDITION
from imaging.deid.recipe import InvalidRecipe, Recipe
from imaging.deid.values import TEMPORAL_VRS, standard_vr
from imaging.models import ActionList, Instance, ReceivedInstance, Transfer
from imaging.selectors import REASONS
from imaging.states import HoldReason, PixelState, ReceivedState
from trials.models import Trial

#: Name and version of the report's format, for programs.
FORMAT = {"name": "parallax de-identification report", "version": 1}
#: What the letters of PS3.15 §E.3.1 say.
WORDS = {
    "X": "removed",
    "Z": "emptied",
    "D": "dummy value",
    "U": "pseudonymous UID",
    "C": "cleaned or shifted",
}


@dataclass(frozen=True, slots=True)
class DeviceUsed:
    """A device template of a recipe, and in how many images the machine blanked its regions."""

    template: Template
    instances: int


@dataclass(frozen=True, slots=True)
class RecipeUsed:
    """A recipe by which images were de-identified; `name` is empty when no charter of the trial has it."""

    sha256: str
    name: str
    charters: Sequence[int]
    instances: int
    devices: Sequence[DeviceUsed]


@dataclass(frozen=True, slots=True)
class Treated:
    """An attribute, by the path of its sequences, and what was done to it in how many images."""

    path: str
    name: str
    action: str
    temporal: bool
    instances: int

    @property
    def word(self) -> str:
        """The action in words."""
        if self.action == "C":
            return "shifted" if self.temporal else "cleaned"
        return WORDS[self.action]


@dataclass(frozen=True, slots=True)
class Held:
    """Images that stayed in quarantine, by the reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What de-identification did to a set of images.

    `unproven` counts images that were archived before lists of actions were kept, `damaged` lists whose content is
    not what their digest says, `looked` images on whose pixels a person decided, `faces` those on whose series' face.
    """

    instances: int
    unproven: int
    damaged: int
    looked: int
    faces: int
    recipes: Sequence[RecipeUsed]
    treated: Sequence[Treated]
    counters: Mapping[str, int]
    held: Sequence[Held]


def proof_of_transfer(transfer: Transfer) -> Proof:
    """Tell what was done to the images of one delivery."""
    return _proof(Instance.objects.filter(received__transfer=transfer), transfer.instances, transfer.site.trial)


def proof_of_trial(trial: Trial) -> Proof:
    """Tell what was done to all images of a trial."""
    received = ReceivedInstance.objects.filter(transfer__site__trial=trial)
    return _proof(Instance.objects.filter(trial=trial), received, trial)


def report_of_transfer(transfer: Transfer) -> Iterator[str]:
    """Return the proof of one delivery for programs; see `docs/deidentification.md` for the format."""
    return _lines(Instance.objects.filter(received__transfer=transfer), proof_of_transfer(transfer))


def report_of_trial(trial: Trial) -> Iterator[str]:
    """Return the proof of a trial for programs; see `docs/deidentification.md` for the format."""
    return _lines(Instance.objects.filter(trial=trial), proof_of_trial(trial))


def _lines(instances: QuerySet[Instance], proof: Proof) -> Iterator[str]:
    """A line of JSON about the whole, one for each list of actions, and one for each file, in the order of digests."""
    yield _line(
        format=FORMAT,
        profile=f"DICOM PS3.15 Annex E, {EDITION}",
        recipes=[
            {
                "sha256": one.sha256,
                "name": one.name,
                "charter_versions": list(one.charters),
                "pixel_regions": [used.template.plain() for used in one.devices],
            }
            for one in proof.recipes
        ],
        files=proof.instances,
        held={one.reason: one.count for one in proof.held},
    )
    for one in ActionList.objects.filter(instances__in=instances).distinct().order_by("pk").iterator():
        yield _line(actions=one.sha256, did=one.actions)
    names = ("input_sha256", "output_sha256", "recipe_sha256", "actions", "counters")
    files = instances.order_by("sha256").values_list(
        "received__file_sha256", "sha256", "recipe_sha256", "deid_actions_id", "deid_counters", *_LOOK, *_FACE
    )
    for row in files.iterator():
        look, face = row[len(names) : -len(_FACE)], row[-len(_FACE) :]
        yield _line(**dict(zip(names, row, strict=False)), **_looked_at(*look), **_face_of(*face))


#: What a person's look at the pixels left in the rows of an image.
_LOOK = tuple(
    f"received__pixel_review__{name}"
    for name in ("why", "decided", "decided_by__username", "decided_at", "led_by", "templates")
)


#: What a person's decision on a face left in the rows of an image.
_FACE = tuple(f"face_review__{name}" for name in ("found", "doubt", "decided", "decided_by__username", "decided_at"))


def _face_of(
    found: bool | None, doubt: str | None, decided: Mapping[str, Any] | None, by: str | None, at: dt.datetime | None
) -> dict[str, Any]:
    """What the machine said of the face in an image's series, who decided, when, and what."""
    if decided is None or at is None:
        return {}
    return {"face": {"found": found, "doubt": doubt, "by": by, "at": at.isoformat(), **decided}}


def _looked_at(
    why: str | None,
    decided: Mapping[str, Any] | None,
    by: str | None,
    at: dt.datetime | None,
    led_by: int | None,
    templates: list[str] | None,
) -> dict[str, Any]:
    """Who decided on an image's pixels, when, what was blanked, and why proposed boxes were not."""
    if decided is None or at is None:
        return {}
    told: dict[str, Any] = {"why": why, "by": by, "at": at.isoformat(), "drawn_on_another_image": led_by is not None}
    if templates:
        told["proposed_by_templates"] = sorted(set(templates))
    return {"pixels": told | {"blanked": decided["blank"], "kept": decided["kept"]}}


def _line(**content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":")) + "\n"


def _proof(instances: QuerySet[Instance], received: Any, trial: Trial) -> Proof:
    recipes: Counter[str] = Counter()
    used: Counter[str | None] = Counter()
    alike = instances.order_by().values_list("recipe_sha256", "deid_actions").annotate(Count("pk"))
    for recipe, actions, count in alike:
        recipes[recipe] += count
        used[actions] += count
    lists = ActionList.objects.in_bulk([sha256 for sha256 in used if sha256])
    treated: Counter[tuple[str, str]] = Counter()
    counters: Counter[str] = Counter()
    for sha256, one in lists.items():
        for path, action, times in one.actions:
            treated[path, action] += used[sha256]
            counters[action] += times * used[sha256]
    held = received.filter(state=ReceivedState.HELD).order_by().values_list("hold_reason").annotate(Count("pk"))
    return Proof(
        instances=sum(used.values()),
        unproven=used[None],
        damaged=sum(not one.is_intact for one in lists.values()),
        faces=instances.exclude(face_review=None).count(),
        looked=instances.filter(received__pixel_review__state=PixelState.APPLIED).count(),
        recipes=list(_recipes(recipes, trial, instances)),
        treated=[_treated(path, action, count) for (path, action), count in sorted(treated.items())],
        counters={WORDS[letter]: counters[letter] for letter in WORDS if counters[letter]},
        held=[Held(REASONS[HoldReason(reason)], count) for reason, count in sorted(held)],
    )


def _recipes(used: Counter[str], trial: Trial, instances: QuerySet[Instance]) -> Iterator[RecipeUsed]:
    known: dict[str, Recipe] = {}
    charters: dict[str, list[int]] = {}
    for charter in trial.charters.order_by("version"):
        try:
            recipe = Recipe.parse(charter.terms.deidentification)
        except InvalidRecipe:
            continue  # a draft may be anything
        known[recipe.digest()] = recipe
        charters.setdefault(recipe.digest(), []).append(charter.version)
    for sha256, count in used.most_common():
        if sha256 not in known:
            yield RecipeUsed(sha256, "", (), count, ())
            continue
        recipe, by_it = known[sha256], instances.filter(recipe_sha256=sha256)
        devices = [
            DeviceUsed(one, by_it.filter(deid_counters__has_key=f"template_{one.name}").count())
            for one in recipe.templates
        ]
        name = f"{recipe.identifier} {recipe.version}"
        yield RecipeUsed(sha256, name, charters[sha256], count, devices)


def _treated(path: str, action: str, instances: int) -> Treated:
    tags = path.replace("[]", "").split(".")
    number = Tag(int(tags[-1][1:5], 16), int(tags[-1][6:10], 16))
    temporal = standard_vr(number) in TEMPORAL_VRS
    return Treated(path, " › ".join(map(name_in_dictionary, tags)), action, temporal, instances)
