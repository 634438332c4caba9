"""What a person decided on the pixels of an image, as the page sends it."""

from __future__ import annotations

import json

from django import forms

from imaging.deid.pixels.regions import Region
from imaging.models import PixelReview
from imaging.services.looking import Decision
from imaging.states import KeptFor


def as_proposed(look: PixelReview) -> str:
    """The decision to blank everything that is proposed, as the page sends it."""
    blank = [[*region, number] for number, region in enumerate(look.regions)]
    return json.dumps({"blank": blank, "kept": []})


class LookForm(forms.Form):
    """`decision` is JSON: `blank`, six numbers and the proposal's or null; `kept`, pairs of a proposal and a reason."""

    decision = forms.CharField(max_length=100_000, widget=forms.HiddenInput)
    round = forms.IntegerField(widget=forms.HiddenInput)

    def clean_decision(self) -> Decision:
        """Read the decision; what does not fit the image the service refuses."""
        try:
            said = json.loads(self.cleaned_data["decision"])
            blank = [(_region(row[:6]), _proposal(row[6])) for row in said["blank"]]
            kept = {int(number): KeptFor(reason) for number, reason in said["kept"]}
        except (KeyError, IndexError, TypeError, ValueError) as problem:
            raise forms.ValidationError("The decision could not be read.") from problem
        return Decision(blank, kept)


def _region(numbers: list[int]) -> Region:
    return Region(*map(int, numbers))


def _proposal(number: int | None) -> int | None:
    return None if number is None else int(number)
