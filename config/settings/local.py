"""One machine, nothing installed: SQLite, file broker, plain HTTP on loopback."""

from config import env
from config.settings.base import *

DICOM_CALL_LOCAL = env.flag("DICOM_CALL_LOCAL", True)
