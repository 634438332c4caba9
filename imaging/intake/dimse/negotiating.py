"""What we agree to at the beginning of an association (PS3.8 §7.1.1.13): any storage SOP class, as it comes."""

from __future__ import annotations

from pynetdicom import ALL_TRANSFER_SYNTAXES
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import StorageServiceClass, VerificationServiceClass
from pynetdicom.service_class_n import StorageCommitmentServiceClass
from pynetdicom.sop_class import uid_to_service_class

_SERVICES = StorageServiceClass | VerificationServiceClass | StorageCommitmentServiceClass
#: Verification SOP Class (PS3.4 annex A).
VERIFICATION = "1.2.840.10008.1.1"
#: The transfer syntaxes of PS3.5 annex A: native, deflated, every compression, video. pynetdicom's list has all but
#: Encapsulated Uncompressed. Nothing is decoded here, so that all are the same to us.
SYNTAXES = frozenset({*ALL_TRANSFER_SYNTAXES, "1.2.840.10008.1.2.1.98"})

ACCEPTED, CLASS_NOT_SUPPORTED, SYNTAX_NOT_SUPPORTED = 0, 3, 4


def negotiated(proposed: PresentationContext) -> PresentationContext:
    """Return our answer to a presentation context: any storage SOP class, in any standard transfer syntax.

    What the standard does not know is taken for storage: private and retired classes come as they are. The first
    transfer syntax that we know is the one that the peer prefers.
    """
    known = [syntax for syntax in proposed.transfer_syntax if syntax in SYNTAXES]
    result = PresentationContext()
    result.context_id = proposed.context_id
    result.abstract_syntax = proposed.abstract_syntax
    result.transfer_syntax = [known[0] if known else proposed.transfer_syntax[0]]
    service = uid_to_service_class(str(proposed.abstract_syntax))
    if not issubclass(service, _SERVICES) and service.__name__ != "ServiceClass":
        result.result = CLASS_NOT_SUPPORTED
    else:
        result.result = ACCEPTED if known else SYNTAX_NOT_SUPPORTED
    return result
