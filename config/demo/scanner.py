"""A scanner that sends what is in a folder: `python -m config.demo.scanner AE_TITLE FOLDER`.

It knows nothing of the application but its DICOM address, as a scanner does.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pydicom import dcmread
from pynetdicom import AE

#: Seconds between two instances.
_BETWEEN = 0.005


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
    accepted = 0
    for dataset in datasets:
        accepted += getattr(association.send_c_store(dataset), "Status", None) == 0
        # pynetdicom's thread that serves requests, woken by the end of one store and not running before the next has
        # begun, takes the answer to that: it is given the time to run.
        time.sleep(_BETWEEN)
    association.release()
    if accepted != len(datasets):
        raise SystemExit(f"Of {len(datasets)} instances, {accepted} were accepted.")
    return accepted


if __name__ == "__main__":
    print(send(sys.argv[1], Path(sys.argv[2]), os.environ["PARALLAX_DICOM"]))  # noqa: T201 - its answer
