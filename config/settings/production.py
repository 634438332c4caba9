"""Behind TLS, on real engines. Refuses to start without its own secret and hosts."""

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.settings.base import *

for _name in ("SECRET_KEY", "DATABASE_URL", "BROKER_URL", "ALLOWED_HOSTS"):
    if not env.text(_name):
        raise ImproperlyConfigured(f"Set PARALLAX_{_name} before starting in production.")

PRODUCTION = True
SECOND_FACTOR = env.one_of("SECOND_FACTOR", ("required", "optional"))
OIDC_LOCAL = False
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SECURE_SSL_REDIRECT = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Entry into the browsers' own list cannot be taken back by us: whoever owns the domain decides on it.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
WHITENOISE_USE_FINDERS = False
