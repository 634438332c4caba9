"""The events that are there become the first links of their chains, in the order of their numbers.

The key lies outside the database and may not be at hand here, so these links have none: whoever changes such an event
later and forgets its link is found, and the first event that comes with a key binds them all as they are now. `unkeyed`
of a head says how many they are: from the next event on the chain proves what it says.
"""

from django.db import migrations

from compliance import chain
from compliance.sealing import AT_ONCE, columns


def chain_events(apps, schema_editor):
    Event, Link, Head = (apps.get_model("compliance", name) for name in ("AuditEvent", "AuditLink", "AuditHead"))
    heads, last = {}, 0
    while rows := list(Event.objects.filter(pk__gt=last).order_by("pk").values_list(*columns())[:AT_ONCE]):
        links = []
        for row in rows:
            number = row[chain.COLUMNS.index("trial_id")] or chain.NO_TRIAL
            head = heads.setdefault(number, Head(trial_id=number, mac=chain.GENESIS))
            head.sequence = head.unkeyed = head.sequence + 1
            head.mac = chain.link(b"", head.mac, number, head.sequence, chain.content(row))
            links.append(Link(event_id=row[0], trial_id=number, sequence=head.sequence, mac=head.mac))
        Link.objects.bulk_create(links)
        last = rows[-1][0]
    Head.objects.bulk_create(heads.values())


class Migration(migrations.Migration):
    dependencies = [("compliance", "0006_audit_chain")]

    operations = [migrations.RunPython(chain_events, migrations.RunPython.noop)]
