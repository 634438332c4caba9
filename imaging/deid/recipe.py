"""What a trial's charter asks of de-identification: the profile, its options, and rules of the trial's own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydicom.datadict import private_dictionary_VR, tag_for_keyword

from compliance.errors import HouseError
from imaging.deid.content import actions as content_items
from imaging.deid.pixels.templates import Template, Unusable, parse_all
from imaging.deid.profile import EDITION, RESOLVED, listed, safe_private
from imaging.deid.rules import Unlisted, verdict
from imaging.deid.values import NUMBER_VRS, standard_vr

# PS3.16 CID 7050.
_BASIC_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_OPTION_CODES = {
    "clean_pixel_data": ("113101", "DCM", "Clean Pixel Data Option"),
    "clean_recognizable_visual_features": ("113102", "DCM", "Clean Recognizable Visual Features Option"),
    "clean_graphics": ("113103", "DCM", "Clean Graphics Option"),
    "clean_structured_content": ("113104", "DCM", "Clean Structured Content Option"),
    "clean_descriptors": ("113105", "DCM", "Clean Descriptors Option"),
    "retain_longitudinal_full_dates": (
        "113106",
        "DCM",
        "Retain Longitudinal Temporal Information Full Dates Option",
    ),
    "retain_longitudinal_modified_dates": (
        "113107",
        "DCM",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    "retain_patient_characteristics": ("113108", "DCM", "Retain Patient Characteristics Option"),
    "retain_device_identity": ("113109", "DCM", "Retain Device Identity Option"),
    "retain_uids": ("113110", "DCM", "Retain UIDs Option"),
    "retain_safe_private": ("113111", "DCM", "Retain Safe Private Option"),
    "retain_institution_identity": ("113112", "DCM", "Retain Institution Identity Option"),
}
OPTIONS = frozenset(_OPTION_CODES)
_DATES = {"retain_longitudinal_full_dates": "kept", "retain_longitudinal_modified_dates": "shifted"}
_PARTS = frozenset({"identifier", "version", "options", "dates", "rules", "pixels", "pixel_regions", "faces"})
_STANDARD = Path(__file__).parent / "recipes"

# What says who the subject is; no rule of a trial keeps it.
_NEVER_KEPT_VRS = frozenset({"DA", "DT", "OB", "OW", "PN", "SQ", "UI", "UN"})
_TAG = re.compile(r"\(([0-9A-Fa-f]{4}),(?:([0-9A-Fa-f]{4})\)|xx([0-9A-Fa-f]{2})\) ?(.{1,64}))")
_NEVER_KEPT_GROUPS = frozenset({0x0000, 0x0002, 0x0004, 0x0010, 0x0012, 0x0032, 0x0038, 0x0040, 0x0400, 0x4008})
# The engine writes or needs these itself.
_OWN = frozenset({0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E, 0x7FE00010})


class InvalidRecipe(HouseError):
    """The recipe cannot be carried out as written; nothing is de-identified with it."""

    code = "invalid_recipe"
    status = 422


@dataclass(frozen=True)
class Rule:
    """A trial's own rule for one attribute, above the profile.

    Attributes
    ----------
    tag
        Of a private attribute with zeros for the block.
    keyword
        As the charter names it.
    action
        `X` remove, `Z` empty, or `K` keep.
    reason
        Why; a recipe without it is refused.
    creator
        Of a private attribute.
    """

    tag: int
    keyword: str
    action: str
    reason: str
    creator: str = ""


@dataclass(frozen=True)
class Recipe:
    """A de-identification recipe: Basic Profile of PS3.15 Annex E, options, and own rules.

    Attributes
    ----------
    options
        Names of the table's option columns that are in force.
    dates
        `shifted` by one number of days per subject, `kept`, or `removed`.
    rules
        Own rules in the order of tags.
    pixels
        What becomes of images on which text is usual: `hold` them out, `blank` the text, or ask a person in a `review`.
    faces
        What becomes of faces in volumes of CT and MR: `keep` them, `mask` them out where the machine is certain and
        ask a person where not, or `review`: a person decides on each mask.
    templates
        Where known devices write into their images: `pixel_regions` of the charter.
    """

    identifier: str
    version: str
    options: frozenset[str] = frozenset()
    dates: str = "removed"
    rules: tuple[Rule, ...] = ()
    pixels: str = "hold"
    faces: str = "keep"
    templates: tuple[Template, ...] = ()

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Recipe:
        """Read a recipe from a charter.

        Parameters
        ----------
        mapping
            `identifier`, `version`; optional `options` (names), `dates` (must agree with the options) and
            `rules` (mappings with `attribute`, `action` and `reason`). An attribute is named by its keyword, its tag
            such as `(0008,103E)` or, a private one, by its creator too: `(0019,xx0C) SIEMENS MR HEADER`. Actions are
            X, Z and K; for a private attribute X and K, and K keeps numbers only. `pixels` is `hold`,
            `blank` or `review`, `pixel_regions` a list of device templates (`imaging.deid.pixels.templates`); `faces`
            is `keep`, `mask` or `review`.

        Raises
        ------
        InvalidRecipe
            Something is missing, unknown, contradictory, or not yet available.
        """
        if not isinstance(mapping, Mapping):
            raise InvalidRecipe("A de-identification recipe is a table of names and values. Write it as one.")
        if unknown := sorted(map(str, mapping.keys() - _PARTS)):
            raise InvalidRecipe(f"The recipe has parts that are not known: {', '.join(unknown)}. Remove them.")
        identifier, version = (_short_text(mapping, name) for name in ("identifier", "version"))
        options = _options(mapping.get("options", ()))
        dates = next((_DATES[name] for name in sorted(options & _DATES.keys())), "removed")
        if mapping.get("dates", dates) != dates:
            raise InvalidRecipe(
                "The recipe's handling of dates contradicts its options: dates are shifted with "
                "retain_longitudinal_modified_dates, kept with retain_longitudinal_full_dates, and removed without "
                "either. Change one of them."
            )
        pixels = mapping.get("pixels", "hold")
        if pixels not in ("hold", "blank", "review"):
            raise InvalidRecipe("The recipe's handling of pixels is not known: choose hold, blank or review.")
        if pixels != "hold" and "clean_pixel_data" not in options:
            raise InvalidRecipe("The recipe blanks pixels without the option clean_pixel_data. Add it, or hold them.")
        if pixels == "hold" and "clean_pixel_data" in options:
            raise InvalidRecipe(
                "The recipe's option clean_pixel_data needs pixels: blank or pixels: review. Say so, or remove it."
            )
        templates = _templates(mapping.get("pixel_regions", ()), pixels)
        faces = mapping.get("faces", "keep")
        if faces not in ("keep", "mask", "review"):
            raise InvalidRecipe("The recipe's handling of faces is not known: choose keep, mask or review.")
        if (faces != "keep") != ("clean_recognizable_visual_features" in options):
            raise InvalidRecipe(
                "The recipe's option clean_recognizable_visual_features and faces: mask or faces: review belong "
                "together. Write both, or neither."
            )
        return cls(identifier, version, options, dates, _rules(mapping.get("rules", ())), pixels, faces, templates)

    @classmethod
    def standard(cls, name: str) -> Recipe:
        """Read a recipe that comes with this package, such as `trial-default`.

        Raises
        ------
        KeyError
            There is no recipe of that name.
        """
        return cls.parse(standard_terms(name))

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the recipe and of the profile's edition and rows."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        content: dict[str, Any] = {
            "identifier": self.identifier,
            "version": self.version,
            "options": sorted(self.options),
            "dates": self.dates,
            "rules": [
                [f"{rule.tag:08X}", rule.action, rule.reason, *([rule.creator] if rule.creator else [])]
                for rule in self.rules
            ],
            "edition": EDITION,
            "profile": [[f"{tag:08X}", row.basic, sorted(row.options.items())] for tag, row in listed().items()],
        }
        if self.pixels != "hold":
            content["pixels"] = self.pixels
        if self.faces != "keep":
            content["faces"] = self.faces
        if self.templates:
            content["pixel_regions"] = [one.plain() for one in self.templates]
        if "retain_safe_private" in self.options:
            content["private"] = [[*key, *astuple(one)] for key, one in sorted(safe_private().items())]
        if "clean_structured_content" in self.options:
            content["content_items"] = sorted(
                [*concept, action] for concept, action in content_items(self.options).items()
            )
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def reads_pixels(self) -> bool:
        """Whether text is looked for in the pixels."""
        return self.pixels != "hold"

    def codes(self, *, face: bool = True) -> tuple[tuple[str, str, str], ...]:
        """Code value, scheme and meaning of the profile and each option (PS3.16 CID 7050).

        Parameters
        ----------
        face
            Whether a face was looked for; without that nothing says that there is none.
        """
        done = self.options if face else self.options - {"clean_recognizable_visual_features"}
        return (_BASIC_PROFILE, *(_OPTION_CODES[name] for name in sorted(done)))

    @cached_property
    def actions(self) -> Mapping[int, str]:
        """One action for each attribute the table or an own rule names, by tag.

        `X` remove, `Z` empty, `D` dummy, `U` pseudonymous UID, `K` keep, `C` clean: shift dates, clean text, walk
        sequences. Where one option keeps and another one cleans, it is cleaned, and what is harmless stays.
        """
        actions = {}
        for tag, row in listed().items():
            found = {row.options[name] for name in self.options & row.options.keys()}
            actions[tag] = "C" if "C" in found else "K" if found else RESOLVED[row.basic]
        return actions | {rule.tag: rule.action for rule in self.rules if not rule.creator}

    @cached_property
    def private(self) -> Mapping[tuple[str, int, int], tuple[str, str]]:
        """VR and VM of each private attribute that stays, by creator, group and low byte.

        The VR is empty where an own rule keeps whatever number it is.
        """
        kept = {}
        if "retain_safe_private" in self.options:
            kept = {key: (one.vr, one.vm) for key, one in safe_private().items()}
        for rule in self.rules:
            if rule.creator:
                key = rule.creator, rule.tag >> 16, rule.tag & 0xFF
                if rule.action == "K":
                    kept.setdefault(key, ("", "1-n"))
                else:
                    kept.pop(key, None)
        return kept

    @cached_property
    def unlisted(self) -> Unlisted:
        """What becomes of attributes that the table does not name."""
        cleans = self.options & {"clean_descriptors", "clean_structured_content"}
        return Unlisted(
            temporal={"shifted": "C", "kept": "K", "removed": "X"}[self.dates],
            uid="K" if "retain_uids" in self.options else "U",
            local_code="C" if cleans else "X",
            content="C" if "clean_structured_content" in self.options else "X",
        )

    def keeps(self, tag: int) -> bool:
        """Tell whether the value of a standard attribute stays as it is."""
        return verdict(tag, None, self.actions.get(tag), self.unlisted)[1] == "K"


def standard_terms(name: str) -> Mapping[str, Any]:
    """Terms of a recipe that comes with this package, as a charter would hold them.

    Raises
    ------
    KeyError
        There is no recipe of that name.
    """
    path = _STANDARD / f"{name}.json"
    if path.parent != _STANDARD or not path.is_file():
        raise KeyError(name)
    terms: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return terms


def _short_text(mapping: Mapping[str, Any], name: str) -> str:
    value = mapping.get(name)
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,23}", value):
        raise InvalidRecipe(
            f"The recipe needs its {name}: up to 24 letters, digits, dots, hyphens or underscores. Write one."
        )
    return value


def _options(names: Any) -> frozenset[str]:
    if not isinstance(names, list | tuple | set | frozenset) or not all(isinstance(name, str) for name in names):
        raise InvalidRecipe("The recipe's options are a list of names. Write them as one.")
    options = frozenset(names)
    if unknown := sorted(options - _OPTION_CODES.keys()):
        raise InvalidRecipe(f"These options are not in the profile: {', '.join(unknown)}. Correct their names.")
    if options >= _DATES.keys():
        raise InvalidRecipe(
            "The recipe asks for full dates and for modified dates. Choose one of retain_longitudinal_full_dates and "
            "retain_longitudinal_modified_dates."
        )
    return options


def _templates(entries: Any, pixels: str) -> tuple[Template, ...]:
    try:
        templates = parse_all(entries)
    except Unusable as problem:
        raise InvalidRecipe(f"The recipe's {problem}.") from problem
    if templates and pixels == "hold":
        raise InvalidRecipe("The recipe's pixel_regions need pixels: blank or pixels: review. Say so, or remove them.")
    return templates


def _rules(entries: Any) -> tuple[Rule, ...]:
    if not isinstance(entries, list | tuple):
        raise InvalidRecipe("The recipe's rules are a list. Write them as one.")
    rules: dict[tuple[int, str], Rule] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.keys() != {"attribute", "action", "reason"}:
            raise InvalidRecipe("Each rule of the recipe has an attribute, an action and a reason. Complete it.")
        name, action, reason = (str(entry[part]) for part in ("attribute", "action", "reason"))
        tag, creator = _attribute(name)
        if action not in ({"X", "K"} if creator else {"X", "Z", "K"}):
            choice = "X or K, as it is private" if creator else "X, Z or K"
            raise InvalidRecipe(f"The recipe's rule for {name} has no known action: choose {choice}.")
        if not reason.strip():
            raise InvalidRecipe(f"The recipe's rule for {name} gives no reason. Write one.")
        if action == "K" and creator and _private_vr(tag, creator) not in {"", "UN", *NUMBER_VRS}:
            raise InvalidRecipe(f"The recipe's rule for {name} would keep what is no number. Remove it.")
        if tag in _OWN or (action == "K" and not creator and not _may_be_kept(tag)):
            raise InvalidRecipe(f"The recipe's rule for {name} would break the profile. Remove it.")
        if (tag, creator) in rules:
            raise InvalidRecipe(f"The recipe has two rules for {name}. Keep one.")
        rules[tag, creator] = Rule(tag, name, action, reason, creator)
    return tuple(rules[key] for key in sorted(rules))


def _attribute(name: str) -> tuple[int, str]:
    """Tag and private creator of an attribute that a rule names."""
    match = _TAG.fullmatch(name.strip())
    tag = tag_for_keyword(name) if match is None else int(match[1] + (match[2] or f"00{match[3]}"), 16)
    creator = ((match and match[4]) or "").strip()
    if tag is None or (bool(tag >> 16 & 1) != bool(creator)) or (not creator and not standard_vr(tag)):
        raise InvalidRecipe(
            f"The recipe has a rule for {name}, which is no attribute. Name it by its keyword, its tag such as "
            "(0008,103E), or a private one by its creator: (0019,xx0C) SIEMENS MR HEADER."
        )
    return tag, creator


def _private_vr(tag: int, creator: str) -> str:
    try:
        return private_dictionary_VR(tag, creator)
    except KeyError:
        return ""


def _may_be_kept(tag: int) -> bool:
    return standard_vr(tag) not in _NEVER_KEPT_VRS and tag >> 16 not in _NEVER_KEPT_GROUPS
