"""Rules for the target lesions chosen at baseline: how many, how large, of what kind (RECIST 1.1 §3, §4.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .inputs import BaselineTarget
from .results import Violation
from .values import InvalidRead, plain

#: Facts about a lesion that bear on its being measurable.
FLAGS = frozenset(
    {
        "ASCITES",
        "BLASTIC_BONE",
        "CYST",
        "EFFUSION",
        "IRRADIATED_NO_PROGRESSION",
        "IRRADIATED_PROGRESSED",
        "LEPTOMENINGEAL",
        "LYMPHANGITIC",
        "LYTIC_SOFT_TISSUE",
    }
)
MODALITIES = ("CT", "MR", "XRAY", "CLINICAL")

_NEVER_MEASURABLE = frozenset({"ASCITES", "EFFUSION", "LEPTOMENINGEAL", "LYMPHANGITIC", "CYST"})
_NODES = "LYMPH NODE"
_SIDES = frozenset({"LEFT", "RIGHT", "BILATERAL"})
# Terms in the plural, and parts of a paired organ, as sites write them.
_SAME_ORGAN = {"LUNGS": "LUNG", "KIDNEYS": "KIDNEY", "OVARIES": "OVARY", "LYMPH NODES": _NODES, "BONES": "BONE"}


@dataclass(frozen=True, slots=True)
class BaselineRules:
    """Limits of the choice; lengths in mm. See the parameters of the same names."""

    max_targets: int
    max_targets_per_organ: int
    min_long_axis_mm: Decimal
    min_long_axis_xray_mm: Decimal
    min_short_axis_mm: Decimal
    max_slice_mm: Decimal
    irradiated_targets: str


def organ_key(organ: str, nodal: bool) -> str:
    """Return the organ a lesion is counted under: all node chains are one, and so are paired organs."""
    words = organ.upper().split(",")[0].split()
    name = " ".join(word for word in words if word not in _SIDES)
    name = _SAME_ORGAN.get(name, name)
    return _NODES if nodal or _NODES in name else name


def baseline_violations(targets: Sequence[BaselineTarget], rules: BaselineRules) -> tuple[Violation, ...]:
    """Return every rule that a choice of target lesions breaks, in a fixed order.

    Raises
    ------
    InvalidRead
        A flag or modality is unknown, or a lesion is named twice.
    """
    _check(targets)
    ordered = sorted(targets, key=lambda target: target.lesion_id)
    found = list(too_many(ordered, rules.max_targets, "RECIST 1.1 §4.2"))
    organs: dict[str, list[str]] = defaultdict(list)
    for target in ordered:
        organs[organ_key(target.organ, target.nodal)].append(target.lesion_id)
    for organ, lesion_ids in sorted(organs.items()):
        # Without an organ yet, which is asked for by itself.
        if organ and len(lesion_ids) > rules.max_targets_per_organ:
            found.append(
                Violation(
                    "MAX_PER_ORGAN",
                    tuple(lesion_ids),
                    f"{len(lesion_ids)} targets are in {organ.lower()}; at most "
                    f"{rules.max_targets_per_organ} may be (paired organs and all nodes count as one).",
                    "RECIST 1.1 §4.2; EORTC questions and clarifications",
                )
            )
    for target in ordered:
        found += _lesion_violations(target, rules)
    return tuple(found)


def too_many(targets: Sequence[BaselineTarget], most: int, clause: str) -> tuple[Violation, ...]:
    """Return the violation of a limit on the number of target lesions, if there is one."""
    if len(targets) <= most:
        return ()
    names = tuple(sorted(target.lesion_id for target in targets))
    message = f"{len(targets)} target lesions are chosen; at most {most} may be."
    return (Violation("MAX_TOTAL", names, message, clause),)


def _lesion_violations(target: BaselineTarget, rules: BaselineRules) -> list[Violation]:
    found = []

    def broken(code: str, message: str, clause: str) -> None:
        found.append(Violation(code, (target.lesion_id,), f"Lesion {target.lesion_id}: {message}", clause))

    if not _measurable(target, rules.irradiated_targets):
        broken("NON_MEASURABLE", "not measurable disease; record it as non-target.", "RECIST 1.1 §3.1.2, §3.1.3")
    if target.nodal:
        least, axis = rules.min_short_axis_mm, target.short_axis_mm
        if axis is None or axis < least:
            broken("MIN_SHORT_AXIS", f"short axis is below {plain(least)} mm.", "RECIST 1.1 §3.1.1")
        return found
    least = rules.min_long_axis_xray_mm if target.modality == "XRAY" else rules.min_long_axis_mm
    axis = target.long_axis_mm
    if axis is None or axis < least:
        broken("MIN_LONG_AXIS", f"longest diameter is below {plain(least)} mm.", "RECIST 1.1 §3.1.1")
    slices = target.slice_mm if target.modality in ("CT", "MR") else None
    if slices is not None and slices > rules.max_slice_mm and (axis is None or axis < 2 * slices):
        broken(
            "SLICE_THICKNESS",
            f"slices are {plain(slices)} mm; the diameter must be at least twice that.",
            "RECIST 1.1 §3.1.1, Appendix II",
        )
    return found


def _measurable(target: BaselineTarget, irradiated: str) -> bool:
    if target.flags & _NEVER_MEASURABLE:
        return False
    # Bone disease is measurable only by a soft-tissue part; mixed lesions have one, blastic ones do not.
    bone = organ_key(target.organ, target.nodal) == "BONE" or "BLASTIC_BONE" in target.flags
    if bone and "LYTIC_SOFT_TISSUE" not in target.flags:
        return False
    if "IRRADIATED_NO_PROGRESSION" in target.flags:
        return irradiated == "always"
    return "IRRADIATED_PROGRESSED" not in target.flags or irradiated != "never"


def _check(targets: Sequence[BaselineTarget]) -> None:
    names = [target.lesion_id for target in targets]
    if len(set(names)) != len(names):
        raise InvalidRead("Two target lesions have the same name; give each its own.")
    for target in targets:
        if not target.flags <= FLAGS:
            raise InvalidRead(f"Lesion {target.lesion_id} has an unknown flag; known are {', '.join(sorted(FLAGS))}.")
        if target.modality not in MODALITIES:
            raise InvalidRead(f"Lesion {target.lesion_id} has an unknown modality; choose {', '.join(MODALITIES)}.")
