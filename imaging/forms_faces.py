"""The mask as a person sets it, and what they decided, as the page sends it."""

from __future__ import annotations

from django import forms

from imaging.deid.faces.choosing import Choice
from imaging.deid.faces.picturing import AFTER, BEFORE, MARKED
from imaging.states import NoFace

#: Why there is nothing to take out, on the page.
NO_FACE = {
    NoFace.NO_HEAD: "No head is in these pictures",
    NoFace.OUTSIDE: "A head, but its face lies outside the pictures",
    NoFace.TAKEN_OUT: "The face was taken out before it was sent",
    NoFace.NO_PERSON: "A test object, and no person",
}
#: How much larger or smaller a mask may be made, mm; how far a plane may lie from the middle; how far it may turn.
GROW, FAR, TURN = (-6, 20), 1000, 180


class MaskForm(forms.Form):
    """A mask, in numbers; without a shape, or with none, there is none."""

    shape = forms.ChoiceField(choices=[(name, name) for name in ("found", "plane", "none")], required=False)
    grow_mm = forms.IntegerField(min_value=GROW[0], max_value=GROW[1], required=False)
    front_mm = forms.IntegerField(min_value=-FAR, max_value=FAR, required=False)
    top_mm = forms.IntegerField(min_value=-FAR, max_value=FAR, required=False)
    bottom_mm = forms.IntegerField(min_value=-FAR, max_value=FAR, required=False)
    turn = forms.IntegerField(min_value=-TURN, max_value=TURN, required=False)

    @property
    def choice(self) -> Choice | None:
        """The mask, of a form that is valid."""
        said = self.cleaned_data
        if said["shape"] not in ("found", "plane"):
            return None
        numbers = ("grow_mm", "front_mm", "top_mm", "bottom_mm", "turn")
        return Choice(said["shape"], **{name: said[name] or 0 for name in numbers})


class ShownForm(MaskForm):
    """What of a picture, or of the surface, is asked for, and from where."""

    show = forms.ChoiceField(choices=[(name, name) for name in (BEFORE, MARKED, AFTER)])
    view = forms.IntegerField(min_value=-TURN, max_value=TURN, required=False)


class FaceForm(MaskForm):
    """A decision: the mask, or why there is nothing to take out; a reason that was chosen before a mask is no more."""

    round = forms.IntegerField(widget=forms.HiddenInput)
    no_face = forms.ChoiceField(choices=list(NO_FACE.items()), required=False)

    @property
    def reason(self) -> NoFace | None:
        """Why there is nothing to take out, of a form that is valid."""
        said = self.cleaned_data
        return NoFace(said["no_face"]) if said["shape"] == "none" and said["no_face"] else None


class RefuseForm(forms.Form):
    """Why a series is set aside."""

    round = forms.IntegerField(widget=forms.HiddenInput)
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 3}))
