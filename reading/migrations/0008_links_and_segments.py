import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('imaging', '0025_series_display'),
        ('reading', '0007_marks_of_readers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField()),
                ('begun_at', models.DateTimeField()),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='segments', to='reading.readtask')),
            ],
            options={
                'ordering': ['begun_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='SegmentVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('lesion', models.PositiveSmallIntegerField(null=True)),
                ('slices', models.JSONField(default=list)),
                ('voxels', models.PositiveIntegerField(default=0)),
                ('volume_ml', models.DecimalField(decimal_places=3, max_digits=12, null=True)),
                ('software', models.CharField(blank=True, max_length=80)),
                ('removed', models.BooleanField(default=False)),
                ('made_at', models.DateTimeField()),
                ('segment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='reading.segment')),
                ('series', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='imaging.series')),
            ],
            options={
                'ordering': ['segment', 'number'],
            },
        ),
        migrations.CreateModel(
            name='LinkVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('links', models.JSONField(default=list)),
                ('made_at', models.DateTimeField()),
                ('task', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='link_versions', to='reading.readtask')),
            ],
            options={
                'ordering': ['task', 'number'],
                'constraints': [models.UniqueConstraint(fields=('task', 'number'), name='link_version_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(fields=('task', 'key'), name='segment_key_once_per_read'),
        ),
        migrations.AddConstraint(
            model_name='segmentversion',
            constraint=models.UniqueConstraint(fields=('segment', 'number'), name='segment_version_once'),
        ),
    ]
