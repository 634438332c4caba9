from django.db import migrations


def name_the_timepoint(apps, schema_editor):
    """Queries were about timepoints only: say so as every query does, and when they were first answered."""
    queries = apps.get_model("trials", "Query").objects.filter(timepoint__isnull=False)
    for query in queries.select_related("timepoint__subject"):
        answers = query.messages.exclude(author_id=query.raised_by_id).order_by("id")
        query.about_id = query.timepoint_id
        query.about_label = f"{query.timepoint.subject.code} {query.timepoint.code}"
        query.answered_at = answers.values_list("at", flat=True).first()
        query.save()


class Migration(migrations.Migration):

    dependencies = [
        ("trials", "0003_query_on_any_record"),
    ]

    operations = [
        migrations.RunPython(name_the_timepoint, migrations.RunPython.noop),
    ]
