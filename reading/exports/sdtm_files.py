"""The SDTM part of the endpoint package: every dataset as a transport file and as Dataset-JSON, with define.xml."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata

from reading.exports import define_xml, xpt
from reading.exports.cdisc_dm import subjects
from reading.exports.cdisc_pr import scans
from reading.exports.cdisc_relrec import relations
from reading.exports.cdisc_rs import responses
from reading.exports.cdisc_supp import supplements
from reading.exports.cdisc_tr import results
from reading.exports.cdisc_tu import identified
from reading.exports.dataset_json import dataset_json
from reading.exports.locked import LockedTrial
from reading.exports.sdtm import IG, Dataset

#: Where a domain comes from; one more domain is one more line.
DOMAINS = (subjects, scans, identified, results, responses)

REVIEWED = (
    "Derived from TR by the rule pack that criteria.json names; traces/ holds each step. OVRLRESP is what the reader "
    "left in the global review, with the derived one in SUPPRS (DRVRESP) where it was changed; BESTRESP follows."
)
TOGETHER = "Y on the records of the reader whose evaluation the charter's rules or the consensus of both accepted."


def datasets(trial: LockedTrial) -> list[Dataset]:
    """Return every dataset of a locked trial; one without records is left out."""
    made = [domain(trial) for domain in DOMAINS]
    parents = {dataset.domain.name: dataset for dataset in made}
    related = [relations(trial)] if parents["TR"].records else []
    every = (*made, *supplements(trial, parents), *related)
    return [_explained(dataset, trial) for dataset in every if dataset.records]


def _explained(dataset: Dataset, trial: LockedTrial) -> Dataset:
    """Say how values came about, where readers went over their cases or settled them together."""
    said = {}
    if trial.has_reviews:
        said["RSORRES"] = REVIEWED
    if trial.has_consensus:
        said[f"{dataset.domain.name}ACPTFL"] = TOGETHER
    told = tuple(replace(one, method=said.get(one.name, one.method)) for one in dataset.variables)
    return replace(dataset, domain=replace(dataset.domain, variables=told)) if said else dataset


def sdtm_files(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Return the files: sdtm/xpt/, sdtm/json/ and what defines both."""
    every = datasets(trial)
    for dataset in every:
        name = dataset.domain.name.lower()
        yield f"sdtm/xpt/{name}.xpt", xpt.transport(dataset, trial.locked_at)
        yield f"sdtm/json/{name}.json", dataset_json(trial, dataset)
    yield "sdtm/define.xml", define_xml.define(trial, every)


def made_with() -> dict[str, str]:
    """Return the version of what turns texts into ASCII, on which the bytes depend, and the standard followed."""
    return {"anyascii": metadata.version("anyascii"), IG[0]: IG[1]}
