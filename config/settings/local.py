"""One machine, nothing installed: SQLite, file broker, plain HTTP on loopback."""

from config.settings.base import *
