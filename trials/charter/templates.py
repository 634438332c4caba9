"""What a new trial can start from: charters that come with the house, each a document in `trials/charters/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from compliance.errors import HouseError
from trials.charter import documents
from trials.charter.sections import Charter

_FOLDER = Path(__file__).parents[1] / "charters"


class UnknownTemplate(HouseError):
    """No charter of that name comes with the house."""

    code = "unknown_template"
    status = 422


@dataclass(frozen=True)
class Template:
    """A charter to start from."""

    name: str
    title: str

    @property
    def path(self) -> Path:
        """Where its document lies."""
        return _FOLDER / f"{self.name}.yaml"

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """What a draft starts with."""
        return Charter.parse(documents.read(self.path.read_bytes()).content).content()

    @property
    def purpose(self) -> str:
        """What it is for."""
        return str(self.content["purpose"])


RECIST = Template("recist-1.1", "Solid tumours, RECIST 1.1")
TEMPLATES = (
    RECIST,
    Template("irecist", "Solid tumours under immunotherapy, iRECIST"),
    Template("rano-2.0", "Glioma, RANO 2.0"),
    Template("lugano-2014", "Lymphoma, Lugano 2014 on PET/CT"),
    Template("nash-mri", "Steatohepatitis, liver fat on MRI"),
    Template("osteoarthritis-mri", "Osteoarthritis of the knee on MRI"),
)
#: What a new trial starts from unless another template is chosen.
RECIST_TEMPLATE = RECIST.content


def find_template(name: str) -> Template:
    """Return the template of that name.

    Raises
    ------
    UnknownTemplate
    """
    for one in TEMPLATES:
        if one.name == name:
            return one
    raise UnknownTemplate(f"There is no template {name}. Choose {', '.join(one.name for one in TEMPLATES)}.")
