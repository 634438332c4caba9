"""Signatures are sealed, superseded, and made under an accepted policy; a password that another chose is known as such.

The tables only grow. SQLite copies a table to add a column, and the copy has lost its triggers, so those of the
signatures are made again.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SIGNATURES, NEW = "compliance_signature", ("compliance_supersession", "compliance_policyacceptance")

SQLITE = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {VERB} ON {table}
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
    if schema_editor.connection.vendor == "postgresql":
        for table in NEW:
            for trigger in POSTGRESQL:
                schema_editor.execute(trigger.format(table=table))
    else:
        for table in (SIGNATURES, *NEW):
            for verb in ("update", "delete"):
                schema_editor.execute(SQLITE.format(table=table, verb=verb, VERB=verb.upper()))


def unguard(apps, schema_editor):
    """The tables go with their triggers; those of the signatures stay."""


class Migration(migrations.Migration):

    dependencies = [
        ('compliance', '0007_chain_events_there_are'),
    ]

    operations = [
        migrations.AddField(
            model_name='signature',
            name='charter_version',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='signature',
            name='policy_version',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='signature',
            name='seal',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='user',
            name='password_given_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='signature',
            name='meaning',
            field=models.CharField(choices=[('authorship', 'I am the author of this assessment'), ('review', 'I have reviewed this record'), ('approval', 'I approve this record'), ('responsibility', 'I take responsibility for this record'), ('agreement', 'I accept this policy')], max_length=20),
        ),
        migrations.CreateModel(
            name='Supersession',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('action', models.CharField(max_length=80)),
                ('seal', models.CharField(max_length=120)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('signature', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='supersession', to='compliance.signature')),
            ],
        ),
        migrations.CreateModel(
            name='PolicyAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveSmallIntegerField()),
                ('text_sha256', models.CharField(max_length=64)),
                ('at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='policies_accepted', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'version'), name='policy_accepted_once')],
            },
        ),
        migrations.RunPython(guard, unguard),
    ]
