"""Devices that write into their images, learnt from decisions, on the way into the charter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compliance import audit
from imaging.models import PixelReview, ReceivedInstance
from imaging.selectors_devices import LEAST, devices_learnt
from imaging.states import PixelState
from tests.factories import AT, World, make_world, scan
from tests.imaging.captures import RECIPE
from tests.imaging.services.delivery import by_scanner
from trials.forms_charter import RecipePart
from trials.services.setting_up import amend_charter, edit_charter

BANNER, NAME = [2, 2, 40, 10, 0, 0], [3, 2, 60, 11, 0, 0]
DEVICE = {"manufacturer": "Maker Ltd", "model": "Sono One"}
ENTRY = {
    "name": "sono-one-64x48",
    **DEVICE,
    "modality": "CT",
    "rows": 48,
    "columns": 64,
    "regions": [[2, 2, 60, 11]],
    "reason": "People blanked these places on most of 5 images of this device.",
}


@pytest.fixture
def world(db: None, own_disk: Path) -> World:
    made = make_world(charter={"deidentification": RECIPE})
    by_scanner(made, scan("N-001", slices=LEAST + 1))
    return made


def decided(world: World, *blank: list[int], images: int = LEAST, **values: Any) -> None:
    """Looks of the past on images of one device, each with the same boxes."""
    taken = PixelReview.objects.values("received")
    for received in ReceivedInstance.objects.exclude(pk__in=taken).order_by("pk")[:images]:
        look: dict[str, Any] = {
            "timepoint": world.timepoint("N-001", "BL"),
            "state": PixelState.APPLIED,
            "opened_at": AT,
            "why": "text_found",
            "rows": 48,
            "columns": 64,
            "frames": 1,
            **DEVICE,
            **values,
            "decided": {"blank": list(blank), "kept": []},
            "decided_by": world.analyst,
            "decided_at": AT,
        }
        audit.save(PixelReview(received=received, **look), action="pixelreview.decided", actor=world.analyst, at=AT)


def page_of(person: Any, address: str) -> Any:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(address)


def test_what_people_blanked_at_one_place_is_a_template_of_the_device(world: World) -> None:
    decided(world, BANNER, images=2)
    decided(world, NAME, images=LEAST - 2)

    (learnt,) = devices_learnt(world.trial)

    assert learnt.template.plain() == ENTRY
    assert learnt.images == LEAST


@pytest.mark.parametrize(
    "values",
    [
        {"images": LEAST - 1},
        {"model": ""},
        {"state": PixelState.DECIDED},
        {"frames": 2},  # the box holds on the first one alone
    ],
)
def test_what_is_rare_unnamed_open_or_on_few_frames_is_not_learnt(world: World, values: dict[str, Any]) -> None:
    decided(world, BANNER, **values)
    assert devices_learnt(world.trial) == []


def test_nothing_is_offered_that_would_blank_the_whole_image(world: World) -> None:
    decided(world, [0, 0, 64, 48, 0, 0])
    assert devices_learnt(world.trial) == []


def test_images_to_which_boxes_were_carried_do_not_count(world: World) -> None:
    decided(world, BANNER, images=1)
    decided(world, BANNER, led_by=PixelReview.objects.get())
    assert devices_learnt(world.trial) == []


def test_a_device_goes_into_the_draft_and_is_offered_no_more_once_it_is_in_force(world: World) -> None:
    decided(world, BANNER, NAME)
    address = f"/imaging/trials/{world.trial.pk}/pixels/devices/"
    assert "Open the next version of the charter" in page_of(world.administrator, address).content.decode()
    draft = amend_charter(trial=world.trial, change_summary="Devices", actor=world.administrator, at=AT)
    assert "A trial administrator can put it" in page_of(world.analyst, address).content.decode()

    page = page_of(world.administrator, address)
    ((_, into_draft),) = page.context["offered"]
    assert f"/trials/charters/{draft.pk}/edit/" in page.content.decode()
    form = page_of(world.administrator, into_draft).context["form"]
    (part,) = [one for one in form.parts if isinstance(one, RecipePart)]
    assert part.devices.initial == [{**ENTRY, "regions": "2, 2, 60, 11"}]

    recipe = {**draft.content["deidentification"], "pixel_regions": [ENTRY]}
    content = {**draft.content, "deidentification": json.loads(json.dumps(recipe))}
    edit_charter(charter=draft, content=content, actor=world.administrator, at=AT)
    assert len(devices_learnt(world.trial)) == 1
    type(draft).objects.filter(trial=world.trial).exclude(pk=draft.pk).update(state="superseded")
    type(draft).objects.filter(pk=draft.pk).update(state="in_force")
    assert devices_learnt(type(world.trial).objects.get(pk=world.trial.pk)) == []


def test_a_trial_in_which_nobody_decided_has_no_devices(world: World) -> None:
    page = page_of(world.analyst, f"/imaging/trials/{world.trial.pk}/pixels/devices/")
    assert "No device yet" in page.content.decode()
