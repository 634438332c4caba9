import datetime as dt

from django.db import migrations, models
from django.utils import timezone


def a_year_from_now():
    """When tokens end that were issued without an end: programs go on, and somebody has a year to renew them."""
    return timezone.now() + dt.timedelta(days=365)


class Migration(migrations.Migration):

    dependencies = [
        ('trials', '0026_ends_of_roles_there_are'),
    ]

    operations = [
        migrations.AddField(
            model_name='sitetoken',
            name='expires_at',
            field=models.DateTimeField(default=a_year_from_now),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='accessreview',
            name='tokens',
            field=models.JSONField(default=list),
        ),
    ]
