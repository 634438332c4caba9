"""mRECIST for hepatocellular carcinoma (Lencioni and Llovet 2010, Semin Liver Dis 30:52-60)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from .base import Burden, Parameter
from .baseline import baseline_violations
from .best_response import Response
from .form import Field, Form
from .inputs import BaselineTarget
from .recist11 import Recist11
from .recist11_form import FIGURES
from .recist11_settings import PARAMETERS as RECIST_PARAMETERS
from .results import BaselineCheck, TimepointResponse, Violation
from .targets import SizedTarget

_PAPER = "mRECIST (Lencioni 2010)"
#: A lesion without arterial enhancement has no viable part to measure.
NOT_ENHANCING = "NOT_ENHANCING"
_VIABLE = "Longest diameter of what enhances; a lesion without enhancement is absent"
_HINTS = {
    "target": "Up to five in all and two per organ; measured is only what enhances in the arterial phase.",
    "non_target": "All other disease, without sizes. An effusion or ascites progresses only with cytology.",
    "new": "In the liver certain from 10 mm on with wash-out, or with 10 mm of growth; until then equivocal.",
}


class MRecist(Recist11):
    """RECIST on the viable tumour: what enhances in the arterial phase. Every other rule is that of RECIST 1.1.

    Progression has no floor of 5 mm, and a node at the porta hepatis is malignant from a short axis of 20 mm on. A
    new nodule of the liver that proves to be carcinoma later progressed when it was first seen.
    """

    identifier = "mRECIST"
    version = "1.0"
    title = "Modified RECIST for hepatocellular carcinoma"
    burden = Burden("sum_mm", "Sum of viable diameters", "mm", "baseline_sum_of_diameters", f"{_PAPER}: target lesions")
    figures = (replace(FIGURES[0], title="Sum of viable diameters"), *FIGURES[1:])
    parameters = (
        *(
            replace(parameter, default=Decimal(0), source=f"{_PAPER}: an increase of 20%, without a least one in mm")
            if parameter.name == "pd_absolute_mm"
            else parameter
            for parameter in RECIST_PARAMETERS
        ),
        Parameter(
            "min_short_axis_porta_hepatis_mm",
            Decimal(20),
            "Least short axis of a target node at the porta hepatis, mm",
            f"{_PAPER}: porta hepatis lymph node",
        ),
    )

    def form(self) -> Form:
        """Return what the reader must enter: the form of RECIST 1.1, with diameters of viable tumour."""
        form = super().form()
        return replace(
            form,
            lesions=tuple(
                replace(
                    one,
                    hint=_HINTS[one.category],
                    later_hint=_HINTS["new"] if one.category == "new" else one.later_hint,
                    fields=tuple(_viable(field) for field in one.fields),
                )
                for one in form.lesions
            ),
        )

    def check_baseline(self, targets: Sequence[BaselineTarget]) -> BaselineCheck:
        """Return the baseline rules that the chosen target lesions break; `NOT_ENHANCING` is one more flag here."""
        viable = [replace(target, flags=target.flags - {NOT_ENHANCING}) for target in targets]
        found = list(baseline_violations(viable, self.baseline_rules()))
        least = self.number("min_short_axis_porta_hepatis_mm")
        for target in sorted(targets, key=lambda target: target.lesion_id):
            if NOT_ENHANCING in target.flags:
                message = f"Lesion {target.lesion_id}: no arterial enhancement; record it as non-target."
                found.append(Violation("NON_MEASURABLE", (target.lesion_id,), message, f"{_PAPER}: target lesions"))
            at_porta = target.nodal and "PORTA HEPATIS" in target.organ.upper()
            small = target.short_axis_mm is not None and target.short_axis_mm < least
            if at_porta and small and not _has(found, "MIN_SHORT_AXIS", target.lesion_id):
                message = f"Lesion {target.lesion_id}: short axis is below {least} mm at the porta hepatis."
                found.append(Violation("MIN_SHORT_AXIS", (target.lesion_id,), message, f"{_PAPER}: porta hepatis"))
        return BaselineCheck(tuple(found), self.stamp)

    def _target_rule(
        self,
        sized: Sequence[SizedTarget],
        measured: Decimal,
        complete: bool,
        baseline_sum: Decimal,
        nadir: Decimal,
        earlier: Sequence[TimepointResponse],
    ) -> tuple[Response, str, str]:
        result, rule, clause = super()._target_rule(sized, measured, complete, baseline_sum, nadir, earlier)
        return result, rule, f"{_PAPER}: target lesions" if clause == "RECIST 1.1 §4.3.1" else clause


def _viable(field: Field) -> Field:
    return replace(field, label="Viable diameter", brief="viable", help=_VIABLE)


def _has(found: Sequence[Violation], code: str, lesion_id: str) -> bool:
    return any(violation.code == code and lesion_id in violation.lesion_ids for violation in found)
