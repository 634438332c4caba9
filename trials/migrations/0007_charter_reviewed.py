from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('trials', '0006_calendar_address'),
    ]

    operations = [
        migrations.AlterField(
            model_name='imagingcharter',
            name='state',
            field=models.CharField(choices=[('draft', 'draft'), ('reviewed', 'reviewed'), ('in_force', 'in force'), ('superseded', 'superseded')], default='draft', max_length=12),
        ),
    ]
