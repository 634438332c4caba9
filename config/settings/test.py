"""Tests: a throw-away data folder, quick password hashing, jobs done in the calling process."""

import atexit
import os
import shutil
import tempfile

if "PARALLAX_DATA_DIR" not in os.environ:
    os.environ["PARALLAX_DATA_DIR"] = tempfile.mkdtemp(prefix="parallax-test-")
    atexit.register(shutil.rmtree, os.environ["PARALLAX_DATA_DIR"], ignore_errors=True)

from config import env
from config.settings.base import *

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
JOBS_INLINE = True
AXES_ENABLED = False
# The scanners of the tests listen on this machine.
DICOM_CALL_LOCAL = True
# Nothing is collected for tests, and none asks for a file of the pages here.
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]
# SQLite's tests are in memory; pytest-django knows Django's own engines by name alone, and would give ours a file.
if not env.text("DATABASE_URL"):
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
