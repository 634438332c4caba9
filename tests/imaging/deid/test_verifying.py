"""Searching finished files for what is known of people: every spelling, every place."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from imaging.deid import engine, verifying
from imaging.deid.identifiers import Identifier, UnreadableList, read_list
from imaging.deid.verifying import Search
from tests.imaging.deid.conftest import BASIC, clean
from tests.imaging.deid.corpus import NAMES, ct
from tests.imaging.deid.encoder import BIG, DEFLATED, EXPLICIT, IMPLICIT, JPEG_LS, Encoder

pytestmark = pytest.mark.requirement("REQ-DEI-009")

Make = Callable[..., Dataset]

NAME = Identifier(2, "name", "name", "Plantagenet^Eleanor")
NUMBER = Identifier(2, "id", "number", "HOSP-77123")
BORN = Identifier(2, "born", "date", "1931-04-05")
PHONE = Identifier(2, "phone", "phone", "+44 1632 960123")
STREET = Identifier(2, "address", "address", "12 Cooperage Lane, Kestrel Bay")
MAIL = Identifier(2, "email", "email", "e.plantagenet@example.org")


def found(identifier: Identifier, text: str, vr: str = "LT") -> bool:
    return bool(Search([identifier]).in_text(text, vr))


@pytest.mark.parametrize(
    "text",
    [
        *("Plantagenet", "plantagenet^e", "Eleanor PLANTAGENET", "PLANTAGENET_ELEANOR", "for Mrs. Plantagenet."),
        *(
            "PlantagenetEleanor",
            "eleanorplantagenet",
            "<name>Plantagenet</name>",
            "Pl&#97;ntagenet",
            r"Pl\u0061ntagenet",
        ),
        *("Plántagenet", "Ｐｌａｎｔａｇｅｎｅｔ", "Плантагенет"),
    ],
)
def test_a_name_is_found_however_it_is_written(text: str) -> None:
    assert found(NAME, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Müller^Jörg", "MUELLER"),
        ("Müller^Jörg", "muller, jorg"),
        ("Mueller^Joerg", "Müller"),
        ("Иванов^Пётр", "Ivanov"),
        ("Ivanov^Petr", "Иванов"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "患者 山田太郎 様"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "やまだ"),
        ("王^小东", "Wang XiaoDong"),
        ("王^小东", "患者王小东的检查"),
        ("Hong^Gildong=洪^吉洞=홍^길동", "홍길동"),
        ("Διονυσιος^Σολωμός", "ΣΟΛΩΜΌΣ"),
        ("Διονυσιος^Σολωμός", "Solomos"),
        ("قباني^لنزار", "السيد قباني"),
        ("Smith-Jones^Anna", "smith jones"),
        ("Smith-Jones^Anna", "Dr Smith"),
        ("Smith-Jones^Anna", "SMITHJONES"),
    ],
)
def test_names_are_found_in_every_alphabet(name: str, text: str) -> None:
    assert found(Identifier(2, "name", "name", name), text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "19310405",
            "1931-04-05",
            "1931/4/5",
            "05.04.1931",
            "5.4.1931",
            "04/05/1931",
            "4/5/1931",
            "05.04.31",
            "04/05/31",
        ),
        *("5 April 1931", "April 5, 1931", "5th Apr 1931", "5. April 1931", "5 avril 1931", "5 de abril de 1931"),
        *("1931年4月5日", "1931년 4월 5일", "born 05041931.", "19310405101500.25"),
    ],
)
def test_a_date_is_found_however_it_is_written(text: str) -> None:
    assert found(BORN, text)


def test_a_date_of_march_is_found_in_german() -> None:
    assert found(Identifier(2, "born", "date", "1931-03-05"), "5. März 1931")


@pytest.mark.parametrize(
    "text", ["+441632960123", "01632 960123", "(01632) 960-123", "0044.1632.960123", "tel:1632960123"]
)
def test_a_phone_is_found_however_it_is_written(text: str) -> None:
    assert found(PHONE, text)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        (NUMBER, "hosp 77123"),
        (NUMBER, "HOSP77123/2"),
        (Identifier(2, "id", "number", "0077123"), "no. 77123"),
        (Identifier(2, "id", "number", "77123"), "no. 0077123"),
        (STREET, "12 cooperage lane"),
        (STREET, "kestrel  bay"),
        (MAIL, "E.Plantagenet@example.org"),
    ],
)
def test_numbers_and_addresses_are_found(identifier: Identifier, text: str) -> None:
    assert found(identifier, text)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        (Identifier(2, "name", "name", "Li^An"), "Liver and analysis"),
        (NAME, "plantage"),
        (NUMBER, "HOSP-771230"),
        (BORN, "1931 04 06"),
        (BORN, "119310405"),
        (PHONE, "960123"),
        (STREET, "12"),
    ],
)
def test_what_only_looks_alike_is_not_found(identifier: Identifier, text: str) -> None:
    assert not found(identifier, text)


def test_short_numbers_mean_nothing_among_numbers() -> None:
    short = Identifier(2, "id", "number", "4711")

    assert found(short, "case 4711", "LO")
    assert not found(short, "4711", "IS")
    assert found(Identifier(2, "id", "number", "471147"), "471147", "IS")


def test_names_of_files_are_read_in_text_and_in_bytes() -> None:
    search = Search([NAME, BORN, Identifier(3, "name", "name", "Müller")])

    assert search.in_name("Plantagenet_Eleanor 1931-04-05") == {0, 1}
    assert search.in_name(os.fsdecode("Müller".encode("latin-1"))) == {2}


class TestFile:
    KNOWN = (NAME, NUMBER, BORN)

    def look(self, tmp_path: Path, content: bytes, known: tuple[Identifier, ...] = KNOWN) -> Any:
        path = tmp_path / "file"
        path.write_bytes(content)
        return verifying.verify(str(path), json.dumps(known))

    @pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG_LS])
    def test_an_original_is_full_of_them(self, tmp_path: Path, syntax: str) -> None:
        looked = self.look(tmp_path, Encoder(syntax).file(ct()))

        assert looked["instance"]
        assert [place for _, place in looked["hits"]] == ["(0010,0010)", "(0010,0020)", "(0010,0030)"]
        assert len(looked["missing"]) == 3

    def test_our_output_is_not(self, tmp_path: Path, make_ct: Make) -> None:
        looked = self.look(tmp_path, engine.serialise(clean(make_ct(), BASIC)))

        assert (looked["instance"], looked["hits"], looked["missing"], looked["unread"]) == (True, [], [], [])

    @pytest.mark.parametrize("script", sorted(set(NAMES) - {"default", "declared wrongly", "unknown"}))
    @pytest.mark.parametrize("place", ["StudyDescription", 0x00291001])
    def test_every_character_set_is_read_in_text_and_in_bytes(self, tmp_path: Path, script: str, place: Any) -> None:
        charset, codec, name = NAMES[script]
        text = name.encode(codec)
        value = text if isinstance(place, str) else ("OB", b"\0\0" + text + b"\0\0")
        content = Encoder(EXPLICIT).file(ct(SpecificCharacterSet=charset, PatientName=None) | {place: value})

        looked = self.look(tmp_path, content, known=(Identifier(2, "name", "name", name),))

        assert looked["hits"]

    @pytest.mark.parametrize(
        ("values", "place"),
        [
            (
                {
                    "ReferencedImageSequence": [
                        {"RequestAttributesSequence": [{"ScheduledProcedureStepDescription": "of Eleanor"}]}
                    ]
                },
                "(0008,1140)[0].(0040,0275)[0].(0040,0007)",
            ),
            ({0x00291001: ("SQ", [{"PatientName": "Plantagenet^E"}])}, "(0029,1001)[0].(0010,0010)"),
            ({"StudyInstanceUID": "1.2.19310405.7"}, "(0020,000D)"),
            ({"AcquisitionDateTime": "19310405101500"}, "(0008,002A)"),
            ({"TextValue": '{"name": "Pl\\u0061ntagenet"}'}, "(0040,A160)"),
        ],
    )
    def test_every_depth_is_read(self, tmp_path: Path, values: dict[Any, Any], place: str) -> None:
        base = {
            name: value
            for name, value in ct().items()
            if isinstance(name, str) and not name.startswith(("Patient", "Request", "Protocol"))
        }

        looked = self.look(tmp_path, Encoder(EXPLICIT).file(base | values))

        assert [where for _, where in looked["hits"]] == [place]

    def test_bytes_among_pixels_and_behind_them_are_searched(self, tmp_path: Path) -> None:
        base = {
            name: value
            for name, value in ct().items()
            if name in ("SOPClassUID", "SOPInstanceUID", "Modality", "Rows", "Columns", "BitsAllocated")
        }
        pixels = bytes(100) + b"Plantagenet" + bytes(101)
        content = Encoder(EXPLICIT).file(base | {"PixelData": pixels})

        looked = self.look(tmp_path, content + b"HOSP-77123")

        assert dict(looked["hits"]) == {0: f"byte {content.index(b'Plantagenet')}", 1: f"byte {len(content)}"}

    def test_a_preamble_and_the_file_meta_are_searched(self, tmp_path: Path) -> None:
        content = Encoder(EXPLICIT).file({"Modality": "CT"}, preamble=b"II*\0Plantagenet".ljust(128, b"\0"))

        assert dict(self.look(tmp_path, content)["hits"]) == {0: "byte 4"}

    @pytest.mark.parametrize(
        "document",
        [
            b"%PDF-1.4\n1 0 obj<</Length 9>>stream\n"
            + zlib.compress(b"BT [(Plan)-20(tagenet)] TJ ET")
            + b"\nendstream",
            b"%PDF-1.4\n1 0 obj<</Author (Eleanor \\120lantagenet)>>",
            b"%PDF-1.4\n1 0 obj<</Title <FEFF0050006C0061006E0074006100670065006E00650074>>>",
            b"<?xml version='1.0' encoding='iso-8859-1'?><p><given>Eleanor</given></p>",
            b"<p title='of Eleanor'/>",
        ],
    )
    def test_documents_are_read(self, tmp_path: Path, document: bytes) -> None:
        content = Encoder(EXPLICIT).file(
            {"SOPClassUID": EncapsulatedPDFStorage, "SOPInstanceUID": "1.2.3", "EncapsulatedDocument": document}
        )

        assert dict(self.look(tmp_path, content)["hits"]) == {0: "(0042,0011)"}

    def test_other_files_are_read_as_text(self, tmp_path: Path) -> None:
        looked = self.look(tmp_path, "Frau Plantagenet, geb. 5. April 1931".encode("utf-16"))

        assert (looked["instance"], looked["hits"], looked["missing"]) == (False, [(0, "text"), (2, "text")], [])


class TestList:
    def test_one_identifier_in_each_row(self) -> None:
        known = read_list(
            b"identifier,kind\nPlantagenet^Eleanor,name\nHOSP-77123,\n05.04.1931,\n+44 1632 960123,\ne@x.org,\n"
        )

        assert [(one.row, one.column, one.kind) for one in known.identifiers] == [
            (2, "identifier", "name"),
            (3, "identifier", "number"),
            (4, "identifier", "date"),
            (5, "identifier", "phone"),
            (6, "identifier", "email"),
        ]
        assert known.identifiers[2].value == "1931-04-05"

    def test_a_column_for_each_thing_that_is_known_of_a_person(self) -> None:
        known = read_list("\ufeffPatient Name;Birth_Date;MRN;Phone no.\nMüller|Mueller;1931-04-05;00123;\n".encode())

        assert [(one.column, one.kind, one.value) for one in known.identifiers] == [
            ("Patient Name", "name", "Müller"),
            ("Patient Name", "name", "Mueller"),
            ("Birth_Date", "date", "1931-04-05"),
            ("MRN", "number", "00123"),
        ]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
    def test_encodings_of_spreadsheets(self, encoding: str) -> None:
        assert read_list("name\nMüller\n".encode(encoding)).identifiers[0].value == "Müller"

    def test_what_is_too_short_is_named(self) -> None:
        known = read_list(b"name,id\nPlantagenet,12\nX,4711\n")

        assert (len(known.identifiers), known.too_short) == (2, ((2, "id"), (3, "name")))

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "The list is empty."),
            (b" , \nA,B\n", "No column of the list has a name that is known here."),
            (b"colour\nred\n", "No column of the list has a name that is known here."),
            (b"name\n", "The list holds no identifier that can be searched for."),
            (b"name\nX\n", "The list holds no identifier that can be searched for."),
            (b"name\nA,B\n", "Row 2 of the list has more cells than the first row names columns."),
            (b"value,kind\nPlantagenet,shoe\n", "Row 2 of the list has a kind that is not known:"),
            (
                b"name,birth date\nA^B,soon\n",
                "Row 2 of the list, column birth date: it is not certain which date this is.",
            ),
            (b"name,born\nPlantagenet,31.02.1931\n", "Row 2 of the list, column born:"),
            (b'name\n"Plantagenet\n', "Row 2 of the list is not written as CSV"),
        ],
    )
    def test_what_is_not_understood_is_named_by_its_row(self, content: bytes, sentence: str) -> None:
        with pytest.raises(UnreadableList) as refused:
            read_list(content)

        assert refused.value.message.startswith(sentence)
        assert not any(word in refused.value.message for word in ("Plantagenet", "shoe", "soon", "31.02"))
