import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("imaging", "0020_images_that_are_erased"),
        ("trials", "0007_charter_reviewed"),
    ]

    operations = [
        migrations.AddField(
            model_name="transferform",
            name="charter",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="trials.imagingcharter",
            ),
        ),
        migrations.AddField(
            model_name="transferform",
            name="answers",
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name="transferform",
            name="confirmed",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
