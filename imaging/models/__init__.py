"""The pictures' records: what came in, what the site says of it, what is archived, and what QC found."""

from .commitment import Commitment
from .connection import ConnectionTest
from .display import SeriesDisplay
from .face import FaceClaim, FaceReview
from .form import TransferForm
from .patient import KnownPatient
from .pixels import PixelClaim, PixelReview
from .preview import RecipePreview
from .qc import Finding, QcDecision, QcReview
from .study import ActionList, Fingerprint, ImagingStudy, Instance, Series
from .token import ArchiveToken
from .transfer import ReceivedInstance, Transfer
from .upload import RefusedFile, WebUpload

__all__ = [
    "ActionList",
    "ArchiveToken",
    "Commitment",
    "ConnectionTest",
    "FaceClaim",
    "FaceReview",
    "Finding",
    "Fingerprint",
    "ImagingStudy",
    "Instance",
    "KnownPatient",
    "PixelClaim",
    "PixelReview",
    "QcDecision",
    "QcReview",
    "ReceivedInstance",
    "RecipePreview",
    "RefusedFile",
    "Series",
    "SeriesDisplay",
    "Transfer",
    "TransferForm",
    "WebUpload",
]
