"""What a reader may see of a timepoint, and the only way anything of it reaches one.

Everything here is built from an allow-list: codes that tell nothing, labels of the charter, and the reader's own
entries. Series and instances are named by keys of which another task has others. What the charter does not list
under `blinded_to` is added by name; a pixel leaves as the values of a picture, never with the file it lies in.
"""

from reading.blinding.cases import blinded_adjudication
from reading.blinding.counts import room_in
from reading.blinding.hanging import hangings_of, tools_of
from reading.blinding.listed import ListedPicture, ListedPictures, glance_at_read
from reading.blinding.marks import blinded_mark, marks_of_reads
from reading.blinding.names import adjudication_code, case_code, case_code_of, read_code, review_code
from reading.blinding.pictures import (
    BlindedBytes,
    BlindedPictures,
    Looked,
    NotOpen,
    NotShown,
    film,
    frame_png,
    instance_of,
    look_at_case,
    look_at_read,
    look_at_replay,
    look_at_review,
    pictures_shown,
    stacks_shown,
    thumbnail,
)
from reading.blinding.reads import blinded_task, due_of, title_of, title_of_read
from reading.blinding.references import blinded_review
from reading.blinding.replays import replayed_read
from reading.blinding.reviews import blinded_global_review
from reading.blinding.shown import blinded_links, blinded_segment, signed_drawings

__all__ = [
    "BlindedBytes",
    "BlindedPictures",
    "ListedPicture",
    "ListedPictures",
    "Looked",
    "NotOpen",
    "NotShown",
    "adjudication_code",
    "blinded_adjudication",
    "blinded_global_review",
    "blinded_links",
    "blinded_mark",
    "blinded_review",
    "blinded_segment",
    "blinded_task",
    "case_code",
    "case_code_of",
    "due_of",
    "film",
    "frame_png",
    "glance_at_read",
    "hangings_of",
    "instance_of",
    "look_at_case",
    "look_at_read",
    "look_at_replay",
    "look_at_review",
    "marks_of_reads",
    "pictures_shown",
    "read_code",
    "replayed_read",
    "review_code",
    "room_in",
    "signed_drawings",
    "stacks_shown",
    "thumbnail",
    "title_of",
    "title_of_read",
    "tools_of",
]
