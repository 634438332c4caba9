from django.db import migrations

#: Codes of the fields of the shipped form, by the columns that they had.
CODES = {
    "acquired_on": "SCANDT",
    "acquired_until": "SCANENDT",
    "scanner": "SCANNER",
    "images_complete": "COMPLETE",
    "incomplete_reason": "MISSING",
    "contrast_given": "CONTRAST",
    "contrast_agent": "AGENT",
    "contrast_volume_ml": "VOLUME",
    "contrast_delay_s": "DELAY",
    "tracer": "TRACER",
    "radionuclide": "NUCLIDE",
    "injected_dose_mbq": "DOSE",
    "injected_at": "INJTM",
    "uptake_minutes": "UPTAKE",
    "glucose_mmol_l": "GLUCOSE",
    "deviations": "DEVIATE",
    "comments": "COMMENTS",
}


def keep_answers(apps, schema_editor):
    """Write what was declared as answers; what was signed has the digest that it had."""
    TransferForm = apps.get_model("imaging", "TransferForm")
    for form in TransferForm.objects.select_related("timepoint").iterator():
        given = {code: getattr(form, name) for name, code in CODES.items()}
        form.answers = {
            code: value if isinstance(value, bool | int | str) else str(value)
            for code, value in given.items()
            if value not in (None, "")
        }
        form.charter_id = form.timepoint.charter_id
        form.save()


class Migration(migrations.Migration):
    dependencies = [
        ("imaging", "0021_answers_of_transfer_forms"),
    ]

    operations = [
        migrations.RunPython(keep_answers, migrations.RunPython.noop),
    ]
