import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("imaging", "0022_declared_transfer_forms"),
    ]

    operations = [
        migrations.AlterField(
            model_name="transferform",
            name="charter",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="trials.imagingcharter"
            ),
        ),
        migrations.RemoveField(model_name="transferform", name="acquired_on"),
        migrations.RemoveField(model_name="transferform", name="acquired_until"),
        migrations.RemoveField(model_name="transferform", name="comments"),
        migrations.RemoveField(model_name="transferform", name="contrast_agent"),
        migrations.RemoveField(model_name="transferform", name="contrast_delay_s"),
        migrations.RemoveField(model_name="transferform", name="contrast_given"),
        migrations.RemoveField(model_name="transferform", name="contrast_volume_ml"),
        migrations.RemoveField(model_name="transferform", name="deviations"),
        migrations.RemoveField(model_name="transferform", name="glucose_mmol_l"),
        migrations.RemoveField(model_name="transferform", name="images_complete"),
        migrations.RemoveField(model_name="transferform", name="incomplete_reason"),
        migrations.RemoveField(model_name="transferform", name="injected_at"),
        migrations.RemoveField(model_name="transferform", name="injected_dose_mbq"),
        migrations.RemoveField(model_name="transferform", name="radionuclide"),
        migrations.RemoveField(model_name="transferform", name="scanner"),
        migrations.RemoveField(model_name="transferform", name="tracer"),
        migrations.RemoveField(model_name="transferform", name="uptake_minutes"),
    ]
