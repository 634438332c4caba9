from django.db import migrations


def copy_ends(apps, schema_editor):
    """Give each grant the end of the role that it is of; a role without one has none."""
    Membership = apps.get_model("trials", "Membership")
    for one in Membership.objects.filter(ended_at=None, until__isnull=False):
        model, about = ("SiteGrant", one.site_id) if one.site_id else ("TrialGrant", one.trial_id)
        held = apps.get_model("trials", model).objects.filter(
            user=one.user_id, content_object=about, permission__codename=f"as_{one.role}"
        )
        held.update(until=one.until)


class Migration(migrations.Migration):

    dependencies = [
        ('trials', '0025_roles_that_end_on_time'),
    ]

    operations = [migrations.RunPython(copy_ends, migrations.RunPython.noop)]
