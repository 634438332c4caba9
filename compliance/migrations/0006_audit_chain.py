"""The chain of the audit trail: a link for each event, a head for each chain, checkpoints; links and checkpoints only grow."""

import django.db.models.deletion
from django.db import migrations, models

TABLES = ("compliance_auditlink", "compliance_auditcheckpoint")

SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
POSTGRESQL = (
    """
    CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION parallax_append_only()
    """,
    """
    CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION parallax_append_only()
    """,
)


def guard(apps, schema_editor):
    for table in TABLES:
        if schema_editor.connection.vendor == "postgresql":
            statements = [statement.format(table=table) for statement in POSTGRESQL]
        else:
            statements = [SQLITE.format(table=table, verb=verb) for verb in ("update", "delete")]
        for statement in statements:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("compliance", "0005_second_factor")]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("trial_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(default=0)),
                ("mac", models.CharField(max_length=64)),
                ("key", models.CharField(blank=True, max_length=16)),
                ("seal", models.CharField(blank=True, max_length=64)),
                ("unkeyed", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="link",
                        serialize=False,
                        to="compliance.auditevent",
                    ),
                ),
                ("trial_id", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                ("mac", models.CharField(max_length=64)),
                ("key", models.CharField(blank=True, max_length=16)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("trial_id", "sequence"), name="audit_link_once")]
            },
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("statement", models.TextField()),
                ("signature", models.CharField(max_length=128)),
                ("public_key", models.CharField(max_length=64)),
            ],
        ),
        # The triggers go with their tables.
        migrations.RunPython(guard, migrations.RunPython.noop),
    ]
