"""Every setting of the house, each with its reason. Other modules here change only what differs."""

from __future__ import annotations

from pathlib import Path

from celery.schedules import crontab

from config import env, logs, outlets

ROOT = env.ROOT

#: Everything an installation stores lies below this folder, unless a setting moves it.
DATA_DIR = env.data_dir()
#: Received instances lie here until they are indexed; on a local disk of the receiving machine.
SPOOL_DIR = DATA_DIR / "spool"
#: The doors refuse (A700, 507) before less than this is free on the spool's disk, in bytes.
SPOOL_RESERVE_BYTES = env.number("SPOOL_RESERVE_BYTES", 512 * 1024**2)
#: Secret keys of the trials, of their originals and of the audit trail; back this folder up apart from the database.
KEYS_DIR = Path(env.text("KEYS_DIR", str(DATA_DIR / "keys")))
#: Signed checkpoints of the audit trail; best a folder of somebody who does not own the database.
AUDIT_CHECKPOINTS_DIR = Path(env.text("AUDIT_CHECKPOINTS_DIR", str(DATA_DIR / "checkpoints")))

SECRET_KEY = env.secret_key()
DEBUG = False
#: In production nothing starts while an error of `manage.py check --deploy` of ours stands.
PRODUCTION = False
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "reading.apps.ReadingConfig",
    "imaging.apps.ImagingConfig",
    "trials.apps.TrialsConfig",
    "compliance.apps.ComplianceConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "guardian",
    "auditlog",
    "axes",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "compliance.middleware.SurroundingsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # What was decided a moment ago, frame after frame, is upheld by one question.
    "compliance.standing.StandingMiddleware",
    "compliance.middleware.SessionMiddleware",
    # Programs that show a token are asked for no cookie, so this stands before what asks for one.
    "compliance.middleware.ProgramMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "compliance.middleware.AuthenticationMiddleware",
    # Sign-in is the default: an address is open only where it says so.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "compliance.middleware.HouseErrorMiddleware",
    "axes.middleware.AxesMiddleware",
    # Innermost: what a view refused to sign is rolled back by now, and is noted.
    "compliance.middleware.SigningMiddleware",
    # Whoever signs by signing in at the provider anew is led there, and what was to be signed waits.
    "config.accounts.acts.FreshSignInMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.navigation.navigation",
            ],
        },
    },
]

DATABASES = {"default": env.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "compliance.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
#: scrypt comes with Python, is memory-hard, and checks a password in about 50 ms.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "compliance.common_passwords.CommonWayValidator"},
]
CSRF_FAILURE_VIEW = "config.views.csrf_failure"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
#: The database has a digest of each session's key alone.
SESSION_ENGINE = "compliance.kept_sessions"
#: An idle session ends after 15 minutes; requests renew it, at most once a minute (`compliance.middleware`).
SESSION_COOKIE_AGE = 15 * 60
#: `required`: whoever sees images or results has a second factor; `optional`: who has one gives it.
SECOND_FACTOR = env.one_of("SECOND_FACTOR", ("optional", "required"))
#: Days after which who has which role in a trial is gone over again and signed.
ACCESS_REVIEW_DAYS = env.number("ACCESS_REVIEW_DAYS", 90)
#: Days after which the audit trail of a trial is gone over again and signed.
TRAIL_REVIEW_DAYS = env.number("TRAIL_REVIEW_DAYS", 90)
#: Single sign-on (OpenID Connect): the issuer, exactly as it names itself; empty: people sign in here alone.
OIDC_ISSUER = env.text("OIDC_ISSUER")
#: What people call the provider.
OIDC_NAME = env.text("OIDC_NAME", "your organisation")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET")
#: Signatures of tokens that are taken; only of keys of which the provider alone has the secret half.
OIDC_ALGORITHMS = env.words("OIDC_ALGORITHMS", "RS256,ES256")
#: Words of `amr` (RFC 8176) and `acr` by which the provider says that it saw a second factor, which then counts here.
OIDC_TRUSTED_AMR = env.words("OIDC_TRUSTED_AMR")
OIDC_TRUSTED_ACR = env.words("OIDC_TRUSTED_ACR")
#: Whether nobody is let in of whom the provider does not say that.
OIDC_DEMAND_TRUSTED = env.flag("OIDC_DEMAND_TRUSTED", False)
#: A provider on this very machine may be asked without TLS: for trying things out, and nowhere else.
OIDC_LOCAL = env.flag("OIDC_LOCAL", False)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# guardian: no row for an anonymous user; sign-in is the default.
ANONYMOUS_USER_NAME = None
# axes: five failures lock this user from this address for 15 minutes, and nobody else.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y H:i"

STATIC_URL = "static/"
VIEWER_FILES = "reading/viewer/"  # of the static files, those that run WebAssembly: the viewer and its worker
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

_FILES = "compliance.storage.WriteOnceStorage"
STORAGES = {
    # What came in, as it came, until the trial's retention rule lets it go.
    "quarantine": {"BACKEND": _FILES, "OPTIONS": {"location": DATA_DIR / "quarantine"}},
    # De-identified instances, written once.
    "archive": {"BACKEND": _FILES, "OPTIONS": {"location": DATA_DIR / "archive"}},
    # Copies of them for viewers, made anew at any time: a back-up need not hold them.
    "display": {"BACKEND": _FILES, "OPTIONS": {"location": DATA_DIR / "display"}},
    # Packages for sponsors.
    "exports": {"BACKEND": _FILES, "OPTIONS": {"location": DATA_DIR / "exports"}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "default": {"BACKEND": _FILES, "OPTIONS": {"location": DATA_DIR / "exports"}},
}
if bucket := env.text("S3_BUCKET"):
    for _alias in ("quarantine", "archive", "display", "exports"):
        STORAGES[_alias] = {
            "BACKEND": "compliance.buckets.BucketStorage",
            "OPTIONS": {
                "bucket_name": bucket,
                "location": _alias,
                "endpoint_url": env.text("S3_ENDPOINT") or None,
                "access_key": env.text("S3_ACCESS_KEY") or None,
                "secret_key": env.text("S3_SECRET_KEY") or None,
                "querystring_auth": True,
            },
        }

# Where trials' data may be sent on a schedule: the name that people see, and the store of that name in `STORAGES`.
OUTLETS, _outlet_stores = outlets.outlets()
STORAGES |= _outlet_stores

# Networks besides the public internet to which webhooks may go, by TLS or without.
WEBHOOK_NETWORKS = env.words("WEBHOOK_NETWORKS")

# An uploaded file up to this size stays in memory while it goes to the spool; larger ones go by disk.
FILE_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
FILE_UPLOAD_TEMP_DIR = None
# Those have no name there, so that a process that is killed leaves nothing behind.
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "compliance.uploads.NamelessUploadHandler",
]
# Files of one form: a folder on which recipes are tried.
DATA_UPLOAD_MAX_NUMBER_FILES = 250
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
# A charter is edited as one form: several forms of its sites have some hundred fields each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
#: The largest single file or ZIP that the web door takes, in bytes.
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_BYTES", 4 * 1024**3)
#: The upload page sends larger files in pieces of so many bytes: at most one piece of a file is ever sent twice.
UPLOAD_CHUNK_BYTES = env.number("UPLOAD_CHUNK_BYTES", 4 * 1024**2)
#: What comes in pieces lies here until it is whole; on the spool's disk, so that it goes there by name alone.
UPLOAD_DIR = DATA_DIR / "uploads"
#: Unfinished resumable uploads that one person may have, and their bytes at one site.
UPLOAD_MAX_OPEN = env.number("UPLOAD_MAX_OPEN", 500)
UPLOAD_MAX_OPEN_BYTES = env.number("UPLOAD_MAX_OPEN_BYTES", 200 * 1024**3)
#: A sender of a body that says nothing for so long is given up, in seconds.
BODY_PATIENCE_SECONDS = env.number("BODY_PATIENCE_SECONDS", 60)

#: The receiver: its AE title, and where it listens.
DICOM_AE_TITLE = env.text("DICOM_AE_TITLE", "PARALLAX")
#: Called by this title, the receiver takes everything as usual, looks at it, and throws it away.
DICOM_TEST_AE_TITLE = env.text("DICOM_TEST_AE_TITLE", f"{DICOM_AE_TITLE[:11]}_TEST")
#: Images and bytes of such test studies that one site may send in an hour.
DICOM_TEST_IMAGES = env.number("DICOM_TEST_IMAGES", 2000)
DICOM_TEST_BYTES = env.number("DICOM_TEST_BYTES", 2 * 1024**3)
#: Scanners are called at addresses of this machine and of its own link too: for trying things out, and nowhere else.
DICOM_CALL_LOCAL = env.flag("DICOM_CALL_LOCAL", False)
DICOM_HOST = env.text("DICOM_HOST", "127.0.0.1")
DICOM_PORT = env.number("DICOM_PORT", 11112)
#: DICOM over TLS: its port (0 is off), our certificate and its key, as PEM files.
DICOM_TLS_PORT = env.number("DICOM_TLS_PORT", 0)
DICOM_TLS_CERTIFICATE = env.text("DICOM_TLS_CERTIFICATE", str(DATA_DIR / "tls" / "dicom.crt"))
DICOM_TLS_KEY = env.text("DICOM_TLS_KEY", str(DATA_DIR / "tls" / "dicom.key"))
#: Processes that share the receiver's port.
DICOM_PROCESSES = env.number("DICOM_PROCESSES", 2)
#: Our own data path; off, pynetdicom does everything.
DICOM_FAST = env.flag("DICOM_FAST", True)
#: The web server, as `manage.py serve` starts it.
WEB_HOST = env.text("WEB_HOST", "127.0.0.1")
WEB_PORT = env.number("WEB_PORT", 8000)
WEB_WORKERS = env.number("WEB_WORKERS", 1)
#: Requests that one web process works on at once. A body on its way holds one for as long as it takes.
WEB_THREADS = env.number("WEB_THREADS", 32)
#: Jobs done side by side by one worker.
WORKER_CONCURRENCY = env.number("WORKER_CONCURRENCY", 2)

# Celery is a doorbell only: jobs are rows (`compliance.jobs`). Without a broker URL the messages are files.
CELERY_BROKER_URL = env.text("BROKER_URL", "filesystem://")
#: Installations that share a broker keep apart by the name of their queue.
CELERY_TASK_DEFAULT_QUEUE = env.text("QUEUE", "parallax")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
#: A worker without its broker waits for it, however long that takes.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
#: Who rings does not wait for a broker that is away: the sweep rings again.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    _BROKER = DATA_DIR / "broker"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_BROKER / "messages"),
        "data_folder_out": str(_BROKER / "messages"),
        "control_folder": str(_BROKER / "control"),
        "store_processed": False,
        "polling_interval": 0.02,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "max_retries": 0,
        # Seconds for a broker that takes connections and says nothing.
        "socket_connect_timeout": 3,
        "socket_timeout": 10,
    }
CELERY_BEAT_SCHEDULE = {
    # A sweep that waited for so long behind other messages is not worth it any more: the next ones follow.
    "sweep jobs": {"task": "compliance.sweep_jobs", "schedule": 2.0, "options": {"expires": 60.0}},
    "sign checkpoints": {"task": "compliance.make_checkpoint", "schedule": 3600.0, "options": {"expires": 3600.0}},
    "verify the trail": {"task": "trials.verify_trail", "schedule": crontab(hour="1", minute="30")},
    "end roles": {"task": "trials.end_roles", "schedule": 60.0, "options": {"expires": 60.0}},
    "sweep reads": {"task": "reading.sweep_reads", "schedule": 60.0},
    "send what is due": {"task": "reading.send_what_is_due", "schedule": 60.0, "options": {"expires": 60.0}},
    "sweep spool": {"task": "imaging.index_spool", "schedule": 5.0, "options": {"expires": 60.0}},
    "sweep uploads": {"task": "imaging.sweep_uploads", "schedule": 3600.0},
    "remind of queries": {"task": "trials.remind", "schedule": 900.0, "options": {"expires": 900.0}},
    "sweep previews": {"task": "imaging.sweep_previews", "schedule": 300.0, "options": {"expires": 300.0}},
    "prepare displays": {"task": "imaging.prepare_displays", "schedule": 30.0, "options": {"expires": 30.0}},
    "sweep originals": {"task": "imaging.sweep_originals", "schedule": 3600.0, "options": {"expires": 3600.0}},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat")
#: Tests of crashes may ask for one; see `compliance.faults`.
FAULTS = env.flag("FAULTS")
#: Tests do jobs in their own process, when they ask for it, and then see their failures; nothing is rung.
JOBS_INLINE = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "compliance.api_token.TokenAuthentication",
        "compliance.api_password.PasswordAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 100,
    "EXCEPTION_HANDLER": "compliance.api.answer_problem",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Parallax",
    "DESCRIPTION": "Imaging core lab: trials, intake, blinded reads, endpoint data.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "compliance.schema.describe_refusals",
    ],
    # A choice that several resources show under the same field name takes its name in the schema from here.
    "ENUM_NAME_OVERRIDES": {
        "TransferStateEnum": "imaging.api.TRANSFER_STATES",
        "ReviewStateEnum": "imaging.api.REVIEW_STATES",
        "TransferFormStateEnum": "imaging.api.FORM_STATES",
    },
}

#: django-auditlog hears every save of the regulated models; values of secrets stay out.
AUDITLOG_INCLUDE_ALL_MODELS = False

#: Where people reach this installation, as links in mails and calendars name it.
PUBLIC_URL = env.text("PUBLIC_URL", f"http://{WEB_HOST}:{WEB_PORT}").rstrip("/")
# Mail goes through this server; without one each mail becomes a file in the data folder.
EMAIL_HOST = env.text("SMTP_HOST")
EMAIL_PORT = env.number("SMTP_PORT", 587)
EMAIL_HOST_USER = env.text("SMTP_USER")
EMAIL_HOST_PASSWORD = env.text("SMTP_PASSWORD")
#: TLS after the greeting (STARTTLS), or from the first byte.
EMAIL_USE_TLS = env.flag("SMTP_STARTTLS", EMAIL_PORT == 587)
EMAIL_USE_SSL = env.flag("SMTP_TLS", EMAIL_PORT == 465)
EMAIL_TIMEOUT = 20
EMAIL_FILE_PATH = str(DATA_DIR / "mail")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
DEFAULT_FROM_EMAIL = env.text("MAIL_FROM", "parallax@localhost")
#: The hour, UTC, from which the day's digests go out.
DIGEST_HOUR = env.number("DIGEST_HOUR", 5)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "filters": {"short": {"()": "django.utils.log.CallbackFilter", "callback": logs.shorten}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["short"]}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # These quote header values or addresses in their messages, so their word is taken only when grave.
        "pynetdicom": {"level": "CRITICAL"},
        "pydicom": {"level": "CRITICAL"},
        "highdicom": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
        "axes": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "fido2": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
        "fontTools": {"level": "ERROR"},
        "weasyprint": {"level": "ERROR"},
    },
}
