"""Invented people whose names are written in seven scripts, with what is known of each of them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from imaging.deid.identifiers import Identifier


@dataclass(frozen=True)
class Person:
    """An invented person; `latin` is how a scanner burns the name into pixels."""

    charset: str
    name: str
    latin: str
    number: str
    accession: str
    phone: str
    address: str
    born: date
    scanned: date
    number_of: int

    @property
    def spoken(self) -> str:
        """Given and family name as somebody types them."""
        family, given = self.name.split("=")[-1 if "=" in self.name else 0].split("^")[:2]
        return f"{given} {family}"

    @property
    def identifiers(self) -> list[Identifier]:
        """What must be found nowhere, for `imaging.deid.verifying`."""
        known = (("name", self.name), ("name", self.latin), ("number", self.number), ("number", self.accession))
        known += (("phone", self.phone), ("address", self.address), ("date", self.born.isoformat()))
        return [Identifier(self.number_of + 2, kind, kind, value) for kind, value in known]


def _person(number: int, charset: str, name: str, latin: str) -> Person:
    random_ = random.Random(number)

    def digits(count: int) -> str:
        return "".join(str(random_.randrange(1, 10)) for _ in range(count))

    return Person(
        charset,
        name,
        latin,
        number=f"MRN{digits(8)}",
        accession=f"ACC{digits(9)}",
        phone=f"+49 {digits(4)} {digits(6)}",
        address=f"{number + 11} Cooperage Lane",
        born=date(1938 + number, 1 + number, 3 + number),
        scanned=date(2024, 2, 29) + timedelta(number),
        number_of=number,
    )


PEOPLE = (
    _person(0, "ISO_IR 100", "Lüdenscheidt^Jörg", "LUEDENSCHEIDT JOERG"),
    _person(1, "ISO_IR 144", "Кузнецовский^Ростислав", "KUZNETSOVSKII ROSTISLAV"),
    _person(2, "\\ISO 2022 IR 87", "Yamashita^Tarou=山下^太郎=やました^たろう", "YAMASHITA TAROU"),
    _person(3, "\\ISO 2022 IR 149", "Hwangbo^Gildong=皇甫^吉洞=황보^길동", "HWANGBO GILDONG"),
    _person(4, "GB18030", "Ouyang^Xiaodong=欧阳^小东", "OUYANG XIAODONG"),
    _person(5, "ISO_IR 127", "قباني^لنزار", "QABBANI NIZAR"),
    _person(6, "ISO_IR 126", "Παπαδόπουλος^Διονύσιος", "PAPADOPOULOS DIONYSIOS"),
)
