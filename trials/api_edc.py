"""The REST door of an EDC system: what a file says is looked at, or taken."""

from __future__ import annotations

import re
from typing import Any

from rest_framework import serializers

from trials.services.exchanging import Exchange
from trials.services.listing import Fate

#: How the text of a file begins that says in which encoding its bytes were.
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")
_SAID = {Fate.NEW: "new", Fate.ENROLLED: "known", Fate.WRONG: "wrong"}


class ExchangeInput(serializers.Serializer):
    """A file as text, and whether it is to be taken; without that it is looked at."""

    odm = serializers.CharField(trim_whitespace=False, help_text="ODM 1.3.2, the XML as text.")
    take = serializers.BooleanField(default=False)

    def content(self) -> bytes:
        """Return the file as bytes in UTF-8."""
        return _DECLARATION.sub("", self.validated_data["odm"]).encode()


class ExchangedSubjectSerializer(serializers.Serializer):
    """What a file says of a subject; `fate` is new, known or wrong, and `problems` say why."""

    number = serializers.IntegerField()
    site = serializers.CharField()
    subject = serializers.CharField()
    day_1 = serializers.CharField()
    fate = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())


class ExchangedVisitSerializer(serializers.Serializer):
    """What a file says of a visit; `act` is what it asks for: missed, added, or nothing."""

    number = serializers.IntegerField()
    subject = serializers.CharField()
    visit = serializers.CharField()
    date = serializers.CharField()
    act = serializers.CharField()
    fate = serializers.CharField()
    problems = serializers.ListField(child=serializers.CharField())


class ExchangeSerializer(serializers.Serializer):
    """What a file says, line by line, and whether it was taken."""

    taken = serializers.BooleanField()
    holds = serializers.BooleanField(help_text="Nothing in it is wrong.")
    changes = serializers.IntegerField(help_text="Records that are, or would be, made or changed.")
    notes = serializers.ListField(child=serializers.CharField())
    subjects = ExchangedSubjectSerializer(many=True)
    visits = ExchangedVisitSerializer(many=True)


def told(found: Exchange, *, taken: bool) -> dict[str, Any]:
    """Return what was found in a file, as it is answered."""
    subjects = [
        {
            "number": row.number,
            "site": row.site,
            "subject": row.subject,
            "day_1": row.day_1,
            "fate": _SAID[row.fate],
            "problems": row.problems,
        }
        for row in found.subjects.rows
    ]
    visits = [
        {
            "number": one.number,
            "subject": one.subject,
            "visit": one.visit,
            "date": one.date,
            "act": one.act,
            "fate": _SAID[one.fate],
            "problems": one.problems,
        }
        for one in found.visits
    ]
    notes = list(found.subjects.notes)
    counted = {"taken": taken, "holds": found.holds, "changes": found.changes}
    return {**counted, "notes": notes, "subjects": subjects, "visits": visits}
