"""A read for a program outside, such as OHIF or 3D Slicer: the same pictures under UIDs of this read alone.

Everything is built from what the viewer's page is told. A timepoint is a study without a date, the case its patient;
a picture is an instance, whatever it was a frame of.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydicom.dataset import Dataset

from compliance.models import User
from imaging.dicomweb import Held
from imaging.display import outside
from imaging.display.dicomweb import Level, Within
from reading.blinding.pictures import Looked, frame_png, pictures_shown, stacks_shown, thumbnail
from reading.models import ReadTask


@dataclass(frozen=True, slots=True)
class _Stack:
    """A series as it is told, with what it and its study are called outside."""

    told: dict[str, Any]
    title: str
    study: str
    study_number: int
    uid: str
    number: int


class BlindedCatalogue:
    """What a reader's token opens: the pictures of one read (`imaging.dicomweb.Catalogue`)."""

    def __init__(self, looked: Looked, *, actor: User, at: dt.datetime) -> None:
        assert isinstance(looked.about, ReadTask)
        self.looked, self.actor, self.at = looked, actor, at
        self.case = looked.about.case_code

    @cached_property
    def _stacks(self) -> list[_Stack]:
        uid_of = self.looked.names.uid_of
        return [
            _Stack(told, title, uid_of("study", str(place)), place, uid_of("series", told["key"]), number)
            for place, (title, series) in enumerate(stacks_shown(self.looked), 1)
            for number, told in enumerate((one.plain() for one in series), 1)
            if outside.is_offered(told)
        ]

    def listed(self, level: Level, within: Within) -> Iterable[Dataset]:
        """Give what is told of studies, series or instances, in order."""
        stacks = [one for one in self._stacks if within.study in ("", one.study) and within.series in ("", one.uid)]
        for stack in stacks:
            of_study = [one for one in self._stacks if one.study == stack.study]
            if level is Level.STUDY and stack is not of_study[0]:
                continue
            shown = range(1, len(stack.told["slices"]) + 1) if level is Level.INSTANCE else (1,)
            for n in shown:
                made = self._dataset(stack, n)
                made.ModalitiesInStudy = sorted({one.told["modality"] for one in of_study})
                made.NumberOfStudyRelatedSeries = len(of_study)
                made.NumberOfStudyRelatedInstances = sum(len(one.told["slices"]) for one in of_study)
                made.NumberOfSeriesRelatedInstances = len(stack.told["slices"])
                made.InstanceAvailability = "ONLINE"
                yield made

    def held(self, within: Within) -> list[Held]:
        """Return the pictures that are named, in order."""
        return [
            self._held(stack, n)
            for stack, n in self._places()
            if within.study in ("", stack.study)
            and within.series in ("", stack.uid)
            and within.instance in ("", self._uid(stack, n))
        ]

    def _places(self) -> Iterator[tuple[_Stack, int]]:
        for stack in self._stacks:
            for n in range(1, len(stack.told["slices"]) + 1):
                yield stack, n

    def _uid(self, stack: _Stack, n: int) -> str:
        return self.looked.names.uid_of("instance", stack.told["key"], str(n))

    def _held(self, stack: _Stack, n: int) -> Held:
        def pixels(_: int) -> bytes:
            return self._read(stack, n)

        def rendered(_: int) -> bytes:
            preset = self.looked.charter.terms.window_presets[0].name
            return frame_png(self.looked, stack.told["key"], n, preset, actor=self.actor, at=self.at)

        def small(_: int) -> bytes:
            return thumbnail(self.looked, stack.told["key"], actor=self.actor, at=self.at).read()[0]

        return Held(
            frames=1,
            metadata=lambda: self._dataset(stack, n),
            pixels=pixels,
            rendered=rendered,
            thumbnail=small,
            file=lambda: outside.file_of(self._dataset(stack, n), self._read(stack, n)),
        )

    def _read(self, stack: _Stack, n: int) -> bytes:
        pictures = pictures_shown(self.looked, stack.told["key"], actor=self.actor, at=self.at)
        return pictures.values(n)

    def _dataset(self, stack: _Stack, n: int) -> Dataset:
        space = stack.told["space"]
        names = outside.Names(
            patient=self.case,
            study=stack.study,
            study_title=stack.title,
            study_number=stack.study_number,
            series=stack.uid,
            series_number=stack.number,
            instance=self._uid(stack, n),
            space=self.looked.names.uid_of("space", space) if space else "",
        )
        presets = self.looked.charter.terms.window_presets if stack.told["modality"] == "CT" else ()
        return outside.dataset_of(stack.told, n, names, [(one.name, one.centre, one.width) for one in presets])
