"""A scanner that sends what is in a folder: `python -m config.demo.scanner AE_TITLE FOLDER`.

It knows nothing of the application but its DICOM address, as a scanner does.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE


def send(ae_title: str, folder: Path, peer: str) -> int:
    """Send every DICOM file below the folder in one association; return how many were accepted."""
    called, _, address = peer.partition("@")
    host, _, port = address.partition(":")
    datasets = [dcmread(path) for path in sorted(folder.rglob("*.dcm"))]
    scanner = AE(ae_title=ae_title)
    scanner.acse_timeout = scanner.dimse_timeout = 45
    for sop_class, syntax in sorted({(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in datasets}):
        scanner.add_requested_context(sop_class, syntax)
    association = scanner.associate(host, int(port), ae_title=called, max_pdu=131072)
    if not association.is_established:
        raise SystemExit(f"The receiver at {address} did not accept the association of {ae_title}.")
    accepted = sum(getattr(association.send_c_store(ds), "Status", None) == 0 for ds in datasets)
    association.release()
    if accepted != len(datasets):
        raise SystemExit(f"Of {len(datasets)} instances, {accepted} were accepted.")
    return accepted


if __name__ == "__main__":
    # pynetdicom's thread that serves requests takes the answer to ours if it is interrupted just when it has passed its
    # checkpoint and not said so yet. Threads that yield only where they wait are not.
    sys.setswitchinterval(1.0)
    print(send(sys.argv[1], Path(sys.argv[2]), os.environ["PARALLAX_DICOM"]))  # noqa: T201 - its answer
