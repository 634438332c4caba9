"""One de-identifier over one folder, in the Python that has it: `python peers_child.py TOOL FOLDER OUT`.

Outputs keep the names of their files. Prints processor seconds without those for loading and the first file, the
number of files they are for, and which files failed.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

Work = Callable[[Path, Path], None]


def dicognito() -> Work:
    from dicognito.anonymizer import Anonymizer
    from pydicom import dcmread

    anonymizer = Anonymizer(seed="benchmark")

    def work(path: Path, out: Path) -> None:
        dataset = dcmread(path, force=True)
        anonymizer.anonymize(dataset)
        dataset.save_as(out)

    return work


def deid() -> Work:
    from deid.dicom import get_identifiers, replace_identifiers

    def work(path: Path, out: Path) -> None:
        found = get_identifiers([str(path)])
        replace_identifiers([str(path)], ids=found, save=True, output_folder=str(out.parent), overwrite=True)

    return work


def dicom_anonymizer() -> Work:
    from dicomanonymizer import anonymize_dicom_file

    return lambda path, out: anonymize_dicom_file(str(path), str(out))


def parallax() -> Work:
    from io import BytesIO

    from pydicom import config, dcmread

    from imaging.deid import engine
    from imaging.deid.keys import SubjectKeys
    from imaging.deid.marks import TrialIdentity
    from imaging.deid.recipe import Recipe, standard_terms

    # Headers alone: no peer looks at the pixels.
    terms = dict(standard_terms("trial-default"))
    terms["options"] = [name for name in terms["options"] if name != "clean_pixel_data"]
    recipe, identity = Recipe.parse(terms | {"pixels": "hold"}), TrialIdentity("TRIAL-1", "S01", "S01-004", "WEEK8")
    keys = SubjectKeys(bytes(range(32)), identity.subject_code)

    def work(path: Path, out: Path) -> None:
        with config.disable_value_validation():
            dataset = dcmread(BytesIO(path.read_bytes()), force=True)
        out.write_bytes(engine.serialise(engine.deidentify(dataset, recipe=recipe, keys=keys, identity=identity)))

    return work


def main() -> None:
    tool, source, target = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    work = {"dicognito": dicognito, "deid": deid, "dicom-anonymizer": dicom_anonymizer, "Parallax": parallax}[tool]()
    failed, started = [], 0.0
    paths = sorted(source.iterdir())
    said, sys.stdout = sys.stdout, sys.stderr
    for number, path in enumerate(paths):
        if number == 1:
            started = time.process_time()
        try:
            work(path, target / path.name)
        except Exception as problem:
            failed.append([path.name, type(problem).__name__])
    spent = time.process_time() - started
    said.write(json.dumps({"cpu_s": spent, "files": len(paths) - 1, "failed": failed}))


if __name__ == "__main__":
    main()
