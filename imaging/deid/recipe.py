"""What a trial's charter asks of de-identification: the profile, its options, and rules of the trial's own."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from compliance.errors import HouseError
from imaging.deid.profile import EDITION, RESOLVED, listed, option_names

# PS3.16 CID 7050.
_BASIC_PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")
_OPTION_CODES = {
    "retain_longitudinal_modified_dates": (
        "113107",
        "DCM",
        "Retain Longitudinal Temporal Information Modified Dates Option",
    ),
    "retain_patient_characteristics": ("113108", "DCM", "Retain Patient Characteristics Option"),
    "retain_device_identity": ("113109", "DCM", "Retain Device Identity Option"),
}
OPTIONS = frozenset(_OPTION_CODES)
_OTHER_OPTIONS = option_names() - OPTIONS | {"clean_pixel_data", "clean_recognizable_visual_features"}

# What says who the subject is; no rule of a trial keeps it.
_NEVER_KEPT_VRS = frozenset({"DA", "DT", "OB", "OW", "PN", "SQ", "UI", "UN"})
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
    action
        `X` remove, `Z` empty, or `K` keep.
    reason
        Why; a recipe without it is refused.
    """

    tag: int
    keyword: str
    action: str
    reason: str


@dataclass(frozen=True)
class Recipe:
    """A de-identification recipe: Basic Profile of PS3.15 Annex E, options, and own rules.

    Attributes
    ----------
    options
        Names of the table's option columns that are in force.
    dates
        `shifted` by one number of days per subject, or `removed`.
    rules
        Own rules in the order of tags.
    """

    identifier: str
    version: str
    options: frozenset[str] = frozenset()
    dates: str = "removed"
    rules: tuple[Rule, ...] = ()

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> Recipe:
        """Read a recipe from a charter.

        Parameters
        ----------
        mapping
            `identifier`, `version`; optional `options` (names), `dates` (must agree with the options) and
            `rules` (mappings with `attribute`, a keyword; `action`, one of X, Z, K; `reason`).

        Raises
        ------
        InvalidRecipe
            Something is missing, unknown, contradictory, or not yet available.
        """
        if not isinstance(mapping, Mapping):
            raise InvalidRecipe("A de-identification recipe is a table of names and values. Write it as one.")
        if unknown := sorted(map(str, mapping.keys() - {"identifier", "version", "options", "dates", "rules"})):
            raise InvalidRecipe(f"The recipe has parts that are not known: {', '.join(unknown)}. Remove them.")
        identifier, version = (_short_text(mapping, name) for name in ("identifier", "version"))
        options = _options(mapping.get("options", ()))
        dates = "shifted" if "retain_longitudinal_modified_dates" in options else "removed"
        if mapping.get("dates", dates) != dates:
            raise InvalidRecipe(
                "The recipe's handling of dates contradicts its options: dates are shifted with "
                "retain_longitudinal_modified_dates and removed without it. Change one of them."
            )
        return cls(identifier, version, options, dates, _rules(mapping.get("rules", ())))

    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the recipe and of the profile's edition and rows."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        content = {
            "identifier": self.identifier,
            "version": self.version,
            "options": sorted(self.options),
            "dates": self.dates,
            "rules": [[f"{rule.tag:08X}", rule.action, rule.reason] for rule in self.rules],
            "edition": EDITION,
            "profile": [[f"{tag:08X}", row.basic, sorted(row.options.items())] for tag, row in listed().items()],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def codes(self) -> tuple[tuple[str, str, str], ...]:
        """Code value, scheme and meaning of the profile and each option (PS3.16 CID 7050)."""
        return (_BASIC_PROFILE, *(_OPTION_CODES[name] for name in sorted(self.options)))

    @cached_property
    def actions(self) -> Mapping[int, str]:
        """One action for each attribute the table or an own rule names, by tag.

        `X` remove, `Z` empty, `D` dummy, `U` pseudonymous UID, `K` keep, `C` clean dates. An option's C for
        text is not available, so the Basic Profile's action stays in force there.
        """
        actions = {}
        for tag, row in listed().items():
            found = {row.options[name] for name in self.options if name in row.options}
            if "C" in found and "retain_longitudinal_modified_dates" in self.options & row.options.keys():
                actions[tag] = "C"
            else:
                actions[tag] = "K" if found == {"K"} else RESOLVED[row.basic]
        return actions | {rule.tag: rule.action for rule in self.rules}


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
    if waiting := sorted(options & _OTHER_OPTIONS):
        raise InvalidRecipe(f"These options of the profile are not available: {', '.join(waiting)}. Remove them.")
    if unknown := sorted(options - OPTIONS):
        raise InvalidRecipe(f"These options are not in the profile: {', '.join(unknown)}. Correct their names.")
    return options


def _rules(entries: Any) -> tuple[Rule, ...]:
    if not isinstance(entries, list | tuple):
        raise InvalidRecipe("The recipe's rules are a list. Write them as one.")
    rules: dict[int, Rule] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.keys() != {"attribute", "action", "reason"}:
            raise InvalidRecipe("Each rule of the recipe has an attribute, an action and a reason. Complete it.")
        keyword, action, reason = (str(entry[name]) for name in ("attribute", "action", "reason"))
        tag = tag_for_keyword(keyword)
        if tag is None:
            raise InvalidRecipe(f"The recipe has a rule for {keyword}, which is no attribute's keyword. Correct it.")
        if action not in {"X", "Z", "K"}:
            raise InvalidRecipe(f"The recipe's rule for {keyword} has no known action: choose X, Z or K.")
        if not reason.strip():
            raise InvalidRecipe(f"The recipe's rule for {keyword} gives no reason. Write one.")
        if tag in _OWN or (action == "K" and not _may_be_kept(tag)):
            raise InvalidRecipe(f"The recipe's rule for {keyword} would break the profile. Remove it.")
        if tag in rules:
            raise InvalidRecipe(f"The recipe has two rules for {keyword}. Keep one.")
        rules[tag] = Rule(tag, keyword, action, reason)
    return tuple(rules[tag] for tag in sorted(rules))


def _may_be_kept(tag: int) -> bool:
    return dictionary_VR(tag) not in _NEVER_KEPT_VRS and tag >> 16 not in _NEVER_KEPT_GROUPS
