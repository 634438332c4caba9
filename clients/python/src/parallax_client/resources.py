"""Every resource of the API. Written by scripts/python_client.py from the API's description: do not edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, cast

from parallax_client import types
from parallax_client.asking import Asking, Resource


class Adjudications(Resource):
    """List the adjudicator's cases."""

    base = "/api/v1/adjudications/"

    def each(self, *, page_size: int | None = None) -> Iterator[types.CaseRow]:
        """List the adjudicator's cases."""
        return cast(Iterator[types.CaseRow], self._pages("/api/v1/adjudications/", query={"page_size": page_size}))

    def get(self, blinded_code: str) -> types.BlindedAdjudication:
        """Look at a case: both sides' reads. Each look is recorded."""
        return cast(types.BlindedAdjudication, self._ask("GET", f"/api/v1/adjudications/{blinded_code}/"))


class ApplicationEntities(Resource):
    """Scanners and archives that may send, by calling AE title."""

    base = "/api/v1/application-entities/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        title: str | None = None,
        trial: int | None = None,
    ) -> Iterator[types.ApplicationEntity]:
        """Scanners and archives that may send, by calling AE title."""
        return cast(
            Iterator[types.ApplicationEntity],
            self._pages(
                "/api/v1/application-entities/",
                query={"page_size": page_size, "site": site, "title": title, "trial": trial},
            ),
        )

    def create(
        self, body: types.NewApplicationEntity, *, idempotency_key: str | None = None
    ) -> types.ApplicationEntity:
        """Scanners and archives that may send, by calling AE title."""
        return cast(
            types.ApplicationEntity,
            self._ask("POST", "/api/v1/application-entities/", body=body, idempotency_key=idempotency_key),
        )


class Charters(Resource):
    """Charter versions; a draft may be replaced and signed."""

    base = "/api/v1/charters/"

    def each(
        self, *, page_size: int | None = None, state: str | None = None, trial: int | None = None
    ) -> Iterator[types.Charter]:
        """Charter versions; a draft may be replaced and signed."""
        return cast(
            Iterator[types.Charter],
            self._pages("/api/v1/charters/", query={"page_size": page_size, "state": state, "trial": trial}),
        )

    def get(self, id: int) -> types.Charter:
        """Charter versions; a draft may be replaced and signed."""
        return cast(types.Charter, self._ask("GET", f"/api/v1/charters/{id}/"))

    def replace(self, id: int, body: types.NewCharter, *, if_match: str | None = None) -> types.Charter:
        """Replace a draft's content; with If-Match, only if nobody else saved it meanwhile."""
        return cast(types.Charter, self._ask("PUT", f"/api/v1/charters/{id}/", body=body, if_match=if_match))

    def reopen(
        self, id: int, body: types.ReasonInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Charter:
        """Make a reviewed version a draft again, with a reason; it then needs a new review."""
        return cast(
            types.Charter,
            self._ask(
                "POST", f"/api/v1/charters/{id}/reopen/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def review(
        self, id: int, body: types.SignatureInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Charter:
        """Sign that a draft was reviewed; it does not change until it is opened again."""
        return cast(
            types.Charter,
            self._ask(
                "POST", f"/api/v1/charters/{id}/review/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def sign(
        self, id: int, body: types.SignatureInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Charter:
        """Sign a draft: it comes into force."""
        return cast(
            types.Charter,
            self._ask(
                "POST", f"/api/v1/charters/{id}/sign/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )


class ConsensusCases(Resource):
    """List the reader's cases."""

    base = "/api/v1/consensus-cases/"

    def each(self, *, page_size: int | None = None) -> Iterator[types.CaseRow]:
        """List the reader's cases."""
        return cast(Iterator[types.CaseRow], self._pages("/api/v1/consensus-cases/", query={"page_size": page_size}))

    def get(self, blinded_code: str) -> types.BlindedAdjudication:
        """Look at a case: both sides' reads. Each look is recorded."""
        return cast(types.BlindedAdjudication, self._ask("GET", f"/api/v1/consensus-cases/{blinded_code}/"))


class Draws(Resource):
    """Draws of readers in the trials whose reading the person follows."""

    base = "/api/v1/draws/"

    def each(self, *, page_size: int | None = None, trial: int | None = None) -> Iterator[types.Draw]:
        """Draws of readers in the trials whose reading the person follows."""
        return cast(Iterator[types.Draw], self._pages("/api/v1/draws/", query={"page_size": page_size, "trial": trial}))

    def get(self, id: int) -> types.Draw:
        """Draws of readers in the trials whose reading the person follows."""
        return cast(types.Draw, self._ask("GET", f"/api/v1/draws/{id}/"))


class GlobalReviews(Resource):
    """List the reader's global reviews."""

    base = "/api/v1/global-reviews/"

    def each(self, *, page_size: int | None = None) -> Iterator[types.ReviewRow]:
        """List the reader's global reviews."""
        return cast(Iterator[types.ReviewRow], self._pages("/api/v1/global-reviews/", query={"page_size": page_size}))

    def get(self, blinded_code: str) -> types.BlindedGlobalReview:
        """Look at an own case as a whole. Each look is recorded."""
        return cast(types.BlindedGlobalReview, self._ask("GET", f"/api/v1/global-reviews/{blinded_code}/"))


class HeldGroups(Resource):
    """List the groups of held instances, each with its reason."""

    base = "/api/v1/held-groups/"

    def each(self, *, page_size: int | None = None) -> Iterator[types.HeldGroup]:
        """List the groups of held instances, each with its reason."""
        return cast(Iterator[types.HeldGroup], self._pages("/api/v1/held-groups/", query={"page_size": page_size}))


class ImagePackages(Resource):
    """Images of locked trials with the accepted reads, as DICOM."""

    base = "/api/v1/image-packages/"

    def each(self, *, page_size: int | None = None, trial: int | None = None) -> Iterator[types.Package]:
        """Images of locked trials with the accepted reads, as DICOM."""
        return cast(
            Iterator[types.Package],
            self._pages("/api/v1/image-packages/", query={"page_size": page_size, "trial": trial}),
        )

    def create(self, body: types.ImagesInput, *, idempotency_key: str | None = None) -> None:
        """Have a package built; it is listed when it is there."""
        self._ask("POST", "/api/v1/image-packages/", body=body, idempotency_key=idempotency_key)

    def get(self, id: int) -> types.Package:
        """Images of locked trials with the accepted reads, as DICOM."""
        return cast(types.Package, self._ask("GET", f"/api/v1/image-packages/{id}/"))

    def download(self, id: int) -> bytes:
        """Take images, all or from any byte on; who took what is recorded."""
        return self._bytes(f"/api/v1/image-packages/{id}/download/")


class Memberships(Resource):
    """Current memberships in the trials that the person administers."""

    base = "/api/v1/memberships/"

    def each(
        self,
        *,
        page_size: int | None = None,
        role: str | None = None,
        site: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Membership]:
        """Current memberships in the trials that the person administers."""
        return cast(
            Iterator[types.Membership],
            self._pages(
                "/api/v1/memberships/", query={"page_size": page_size, "role": role, "site": site, "trial": trial}
            ),
        )

    def create(self, body: types.NewMembership, *, idempotency_key: str | None = None) -> types.Membership:
        """Current memberships in the trials that the person administers."""
        return cast(
            types.Membership, self._ask("POST", "/api/v1/memberships/", body=body, idempotency_key=idempotency_key)
        )


class MyFigures(Resource):
    """List the reader's own figures, where to take each, and the numbers that it shows."""

    base = "/api/v1/my-figures/"

    def each(self) -> Mapping[str, Any]:
        """List the reader's own figures, where to take each, and the numbers that it shows."""
        return cast(Mapping[str, Any], self._ask("GET", "/api/v1/my-figures/"))

    def figure(self, kind: Literal["csv", "png", "svg"], name: Literal["read-times", "reads"]) -> bytes:
        """One of the reader's own figures as SVG or PNG, or the numbers it shows as CSV."""
        return self._bytes(f"/api/v1/my-figures/{name}/{kind}/")


class Packages(Resource):
    """Endpoint packages of locked trials."""

    base = "/api/v1/packages/"

    def each(self, *, page_size: int | None = None, trial: int | None = None) -> Iterator[types.Package]:
        """Endpoint packages of locked trials."""
        return cast(
            Iterator[types.Package], self._pages("/api/v1/packages/", query={"page_size": page_size, "trial": trial})
        )

    def get(self, id: int) -> types.Package:
        """Endpoint packages of locked trials."""
        return cast(types.Package, self._ask("GET", f"/api/v1/packages/{id}/"))

    def download(self, id: int) -> bytes:
        """Take a package; who took it is recorded."""
        return self._bytes(f"/api/v1/packages/{id}/download/")


class People(Resource):
    """People with a role now in the trials that the person administers; a new account gets its role by a
    membership.
    """

    base = "/api/v1/people/"

    def each(self, *, page_size: int | None = None, username: str | None = None) -> Iterator[types.Person]:
        """People with a role now in the trials that the person administers; a new account gets its role by a
        membership.
        """
        return cast(
            Iterator[types.Person], self._pages("/api/v1/people/", query={"page_size": page_size, "username": username})
        )

    def create(self, body: types.NewPerson, *, idempotency_key: str | None = None) -> types.Person:
        """People with a role now in the trials that the person administers; a new account gets its role by a
        membership.
        """
        return cast(types.Person, self._ask("POST", "/api/v1/people/", body=body, idempotency_key=idempotency_key))


class QcReviews(Resource):
    """Rounds of quality control of sites that the person may know of; one of them with its findings and
    decisions.
    """

    base = "/api/v1/qc-reviews/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        subject: int | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Review]:
        """Rounds of quality control of sites that the person may know of; one of them with its findings and
        decisions.
        """
        return cast(
            Iterator[types.Review],
            self._pages(
                "/api/v1/qc-reviews/",
                query={
                    "page_size": page_size,
                    "site": site,
                    "state": state,
                    "subject": subject,
                    "timepoint": timepoint,
                    "trial": trial,
                },
            ),
        )

    def get(self, id: int) -> types.ReviewDetail:
        """Rounds of quality control of sites that the person may know of; one of them with its findings and
        decisions.
        """
        return cast(types.ReviewDetail, self._ask("GET", f"/api/v1/qc-reviews/{id}/"))


class Qualifications(Resource):
    """Where the sites stand that the person may know of: whether they may enrol, and what is missing."""

    base = "/api/v1/qualifications/"

    def each(
        self, *, code: str | None = None, page_size: int | None = None, trial: int | None = None
    ) -> Iterator[types.Qualification]:
        """Where the sites stand that the person may know of: whether they may enrol, and what is missing."""
        return cast(
            Iterator[types.Qualification],
            self._pages("/api/v1/qualifications/", query={"code": code, "page_size": page_size, "trial": trial}),
        )

    def get(self, id: int) -> types.Qualification:
        """Where the sites stand that the person may know of: whether they may enrol, and what is missing."""
        return cast(types.Qualification, self._ask("GET", f"/api/v1/qualifications/{id}/"))


class Queries(Resource):
    """Queries to the sites that the person may know of."""

    base = "/api/v1/queries/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Query]:
        """Queries to the sites that the person may know of."""
        return cast(
            Iterator[types.Query],
            self._pages(
                "/api/v1/queries/",
                query={"page_size": page_size, "site": site, "state": state, "timepoint": timepoint, "trial": trial},
            ),
        )

    def create(self, body: types.AskInput, *, idempotency_key: str | None = None) -> Sequence[types.Query]:
        """Ask about one record or several: a query each."""
        return cast(
            Sequence[types.Query], self._ask("POST", "/api/v1/queries/", body=body, idempotency_key=idempotency_key)
        )

    def get(self, id: int) -> types.Query:
        """Queries to the sites that the person may know of."""
        return cast(types.Query, self._ask("GET", f"/api/v1/queries/{id}/"))

    def answer(
        self, id: int, body: types.MessageInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Query:
        """Answer a query, as its site."""
        return cast(
            types.Query,
            self._ask(
                "POST", f"/api/v1/queries/{id}/answer/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def close(
        self, id: int, body: types.MessageInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Query:
        """Close a query that needs nothing more."""
        return cast(
            types.Query,
            self._ask(
                "POST", f"/api/v1/queries/{id}/close/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def comment(
        self, id: int, body: types.MessageInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Query:
        """Say something on a thread that is not closed; whose turn it is stays as it was."""
        return cast(
            types.Query,
            self._ask(
                "POST", f"/api/v1/queries/{id}/comment/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def reopen(
        self, id: int, body: types.MessageInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Query:
        """Ask again on the same thread, with the reason; it is due anew."""
        return cast(
            types.Query,
            self._ask(
                "POST", f"/api/v1/queries/{id}/reopen/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )


class ReadTasks(Resource):
    """List the reader's reads."""

    base = "/api/v1/read-tasks/"

    def each(self, *, page_size: int | None = None) -> Iterator[types.ReadRow]:
        """List the reader's reads."""
        return cast(Iterator[types.ReadRow], self._pages("/api/v1/read-tasks/", query={"page_size": page_size}))

    def get(self, blinded_code: str) -> types.BlindedTask:
        """Open a read, as its page does: what the reader may see of it. Each opening is recorded."""
        return cast(types.BlindedTask, self._ask("GET", f"/api/v1/read-tasks/{blinded_code}/"))


class ReaderExclusions(Resource):
    """Exclusions in the trials whose reading the person follows."""

    base = "/api/v1/reader-exclusions/"

    def each(self, *, page_size: int | None = None, trial: int | None = None) -> Iterator[types.ReaderExclusion]:
        """Exclusions in the trials whose reading the person follows."""
        return cast(
            Iterator[types.ReaderExclusion],
            self._pages("/api/v1/reader-exclusions/", query={"page_size": page_size, "trial": trial}),
        )

    def get(self, id: int) -> types.ReaderExclusion:
        """Exclusions in the trials whose reading the person follows."""
        return cast(types.ReaderExclusion, self._ask("GET", f"/api/v1/reader-exclusions/{id}/"))


class RealTimeReads(Resource):
    """Reads that a decision at a site waits for."""

    base = "/api/v1/real-time-reads/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        subject: int | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.RealTimeRead]:
        """Reads that a decision at a site waits for."""
        return cast(
            Iterator[types.RealTimeRead],
            self._pages(
                "/api/v1/real-time-reads/",
                query={
                    "page_size": page_size,
                    "site": site,
                    "state": state,
                    "subject": subject,
                    "timepoint": timepoint,
                    "trial": trial,
                },
            ),
        )

    def create(self, body: types.AskProgressionInput, *, idempotency_key: str | None = None) -> types.RealTimeRead:
        """Ask that progression be verified at a timepoint of the own site."""
        return cast(
            types.RealTimeRead,
            self._ask("POST", "/api/v1/real-time-reads/", body=body, idempotency_key=idempotency_key),
        )

    def get(self, id: int) -> types.RealTimeRead:
        """Reads that a decision at a site waits for."""
        return cast(types.RealTimeRead, self._ask("GET", f"/api/v1/real-time-reads/{id}/"))


class Scanners(Resource):
    """Registered scanners of the sites that the person may know of."""

    base = "/api/v1/scanners/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Scanner]:
        """Registered scanners of the sites that the person may know of."""
        return cast(
            Iterator[types.Scanner],
            self._pages(
                "/api/v1/scanners/", query={"page_size": page_size, "site": site, "state": state, "trial": trial}
            ),
        )

    def get(self, id: int) -> types.Scanner:
        """Registered scanners of the sites that the person may know of."""
        return cast(types.Scanner, self._ask("GET", f"/api/v1/scanners/{id}/"))


class SiteForms(Resource):
    """The charter's further forms as sites filled them in, every version, at the sites that the person may know
    of.
    """

    base = "/api/v1/site-forms/"

    def each(
        self,
        *,
        code: str | None = None,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        subject: int | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.SiteForm]:
        """The charter's further forms as sites filled them in, every version, at the sites that the person may
        know of.
        """
        return cast(
            Iterator[types.SiteForm],
            self._pages(
                "/api/v1/site-forms/",
                query={
                    "code": code,
                    "page_size": page_size,
                    "site": site,
                    "state": state,
                    "subject": subject,
                    "timepoint": timepoint,
                    "trial": trial,
                },
            ),
        )

    def get(self, id: int) -> types.SiteForm:
        """The charter's further forms as sites filled them in, every version, at the sites that the person may
        know of.
        """
        return cast(types.SiteForm, self._ask("GET", f"/api/v1/site-forms/{id}/"))


class Sites(Resource):
    """Sites that the person may know of."""

    base = "/api/v1/sites/"

    def each(
        self, *, code: str | None = None, page_size: int | None = None, trial: int | None = None
    ) -> Iterator[types.Site]:
        """Sites that the person may know of."""
        return cast(
            Iterator[types.Site],
            self._pages("/api/v1/sites/", query={"code": code, "page_size": page_size, "trial": trial}),
        )

    def create(self, body: types.NewSite, *, idempotency_key: str | None = None) -> types.Site:
        """Sites that the person may know of."""
        return cast(types.Site, self._ask("POST", "/api/v1/sites/", body=body, idempotency_key=idempotency_key))

    def get(self, id: int) -> types.Site:
        """Sites that the person may know of."""
        return cast(types.Site, self._ask("GET", f"/api/v1/sites/{id}/"))


class Subjects(Resource):
    """Subjects of the sites that the person may know of."""

    base = "/api/v1/subjects/"

    def each(
        self,
        *,
        code: str | None = None,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Subject]:
        """Subjects of the sites that the person may know of."""
        return cast(
            Iterator[types.Subject],
            self._pages(
                "/api/v1/subjects/",
                query={"code": code, "page_size": page_size, "site": site, "state": state, "trial": trial},
            ),
        )

    def create(self, body: types.NewSubject, *, idempotency_key: str | None = None) -> types.Subject:
        """Subjects of the sites that the person may know of."""
        return cast(types.Subject, self._ask("POST", "/api/v1/subjects/", body=body, idempotency_key=idempotency_key))

    def get(self, id: int) -> types.Subject:
        """Subjects of the sites that the person may know of."""
        return cast(types.Subject, self._ask("GET", f"/api/v1/subjects/{id}/"))

    def arm(
        self, id: int, body: types.ArmInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Subject:
        """Enter or correct the arm; no answer tells it."""
        return cast(
            types.Subject,
            self._ask(
                "POST", f"/api/v1/subjects/{id}/arm/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def enrol(
        self, id: int, body: types.EnrolInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Subject:
        """Enrol a subject that was screened."""
        return cast(
            types.Subject,
            self._ask(
                "POST", f"/api/v1/subjects/{id}/enrol/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def fail_screening(
        self, id: int, body: types.ReasonInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Subject:
        """Record that a subject that was screened does not take part."""
        return cast(
            types.Subject,
            self._ask(
                "POST",
                f"/api/v1/subjects/{id}/fail_screening/",
                body=body,
                if_match=if_match,
                idempotency_key=idempotency_key,
            ),
        )

    def visits(
        self, id: int, body: types.VisitInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Timepoint:
        """Add a visit that the schedule does not plan."""
        return cast(
            types.Timepoint,
            self._ask(
                "POST", f"/api/v1/subjects/{id}/visits/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )

    def withdraw_consent(
        self,
        id: int,
        *,
        code: str | None = None,
        site: int | None = None,
        state: str | None = None,
        trial: int | None = None,
    ) -> Sequence[types.Consequence]:
        """Say what the withdrawal of consent would do; or record it, signed."""
        return cast(
            Sequence[types.Consequence],
            self._ask(
                "GET",
                f"/api/v1/subjects/{id}/withdraw_consent/",
                query={"code": code, "site": site, "state": state, "trial": trial},
            ),
        )

    def do_withdraw_consent(
        self, id: int, body: types.ConsentInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Subject:
        """Say what the withdrawal of consent would do; or record it, signed."""
        return cast(
            types.Subject,
            self._ask(
                "POST",
                f"/api/v1/subjects/{id}/withdraw_consent/",
                body=body,
                if_match=if_match,
                idempotency_key=idempotency_key,
            ),
        )


class Timepoints(Resource):
    """Timepoints with the states of images and QC."""

    base = "/api/v1/timepoints/"

    def each(
        self,
        *,
        code: str | None = None,
        image_state: str | None = None,
        page_size: int | None = None,
        qc_state: str | None = None,
        site: int | None = None,
        subject: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Timepoint]:
        """Timepoints with the states of images and QC."""
        return cast(
            Iterator[types.Timepoint],
            self._pages(
                "/api/v1/timepoints/",
                query={
                    "code": code,
                    "image_state": image_state,
                    "page_size": page_size,
                    "qc_state": qc_state,
                    "site": site,
                    "subject": subject,
                    "trial": trial,
                },
            ),
        )

    def get(self, id: int) -> types.Timepoint:
        """Timepoints with the states of images and QC."""
        return cast(types.Timepoint, self._ask("GET", f"/api/v1/timepoints/{id}/"))


class TransferForms(Resource):
    """What sites declared of their scans, every version, at the sites that the person may know of."""

    base = "/api/v1/transfer-forms/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        subject: int | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.TransferForm]:
        """What sites declared of their scans, every version, at the sites that the person may know of."""
        return cast(
            Iterator[types.TransferForm],
            self._pages(
                "/api/v1/transfer-forms/",
                query={
                    "page_size": page_size,
                    "site": site,
                    "state": state,
                    "subject": subject,
                    "timepoint": timepoint,
                    "trial": trial,
                },
            ),
        )

    def get(self, id: int) -> types.TransferForm:
        """What sites declared of their scans, every version, at the sites that the person may know of."""
        return cast(types.TransferForm, self._ask("GET", f"/api/v1/transfer-forms/{id}/"))


class Transfers(Resource):
    """Deliveries of the sites that the person may know of; one of them with what was recognised in it."""

    base = "/api/v1/transfers/"

    def each(
        self,
        *,
        page_size: int | None = None,
        site: int | None = None,
        state: str | None = None,
        timepoint: int | None = None,
        trial: int | None = None,
    ) -> Iterator[types.Transfer]:
        """Deliveries of the sites that the person may know of; one of them with what was recognised in it."""
        return cast(
            Iterator[types.Transfer],
            self._pages(
                "/api/v1/transfers/",
                query={"page_size": page_size, "site": site, "state": state, "timepoint": timepoint, "trial": trial},
            ),
        )

    def get(self, public_id: str) -> types.TransferDetail:
        """Deliveries of the sites that the person may know of; one of them with what was recognised in it."""
        return cast(types.TransferDetail, self._ask("GET", f"/api/v1/transfers/{public_id}/"))


class Trials(Resource):
    """Trials of the signed-in person."""

    base = "/api/v1/trials/"

    def each(
        self, *, code: str | None = None, page_size: int | None = None, state: str | None = None
    ) -> Iterator[types.Trial]:
        """Trials of the signed-in person."""
        return cast(
            Iterator[types.Trial],
            self._pages("/api/v1/trials/", query={"code": code, "page_size": page_size, "state": state}),
        )

    def create(self, body: types.NewTrial, *, idempotency_key: str | None = None) -> types.Trial:
        """Trials of the signed-in person."""
        return cast(types.Trial, self._ask("POST", "/api/v1/trials/", body=body, idempotency_key=idempotency_key))

    def get(self, id: int) -> types.Trial:
        """Trials of the signed-in person."""
        return cast(types.Trial, self._ask("GET", f"/api/v1/trials/{id}/"))

    def amend(self, id: int, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.Charter:
        """Open the next charter version as a draft."""
        return cast(
            types.Charter,
            self._ask("POST", f"/api/v1/trials/{id}/amend/", if_match=if_match, idempotency_key=idempotency_key),
        )

    def edc(
        self, id: int, body: types.ExchangeInput, *, if_match: str | None = None, idempotency_key: str | None = None
    ) -> types.Exchange:
        """Look at a file of an EDC system, line by line; or take it, all of it or nothing."""
        return cast(
            types.Exchange,
            self._ask(
                "POST", f"/api/v1/trials/{id}/edc/", body=body, if_match=if_match, idempotency_key=idempotency_key
            ),
        )


class TrialsEndpoints(Resource):
    """What the figures are drawn from: each subject's course and times, as accepted and by each reader."""

    base = "/api/v1/trials-endpoints/"

    def get(self, id: int) -> Mapping[str, Any]:
        """What the figures are drawn from: each subject's course and times, as accepted and by each reader."""
        return cast(Mapping[str, Any], self._ask("GET", f"/api/v1/trials-endpoints/{id}/"))

    def figures(self, id: int) -> Mapping[str, Any]:
        """List the figures by set of results, where to take each, and the numbers that it shows."""
        return cast(Mapping[str, Any], self._ask("GET", f"/api/v1/trials-endpoints/{id}/figures/"))

    def figure(
        self,
        id: int,
        kind: Literal["csv", "png", "svg"],
        name: Literal["best-response", "concordance", "duration", "progression-free", "spider", "swimmer", "waterfall"],
        results: str,
    ) -> bytes:
        """One endpoint figure as SVG or PNG, or the numbers it shows as CSV."""
        return self._bytes(f"/api/v1/trials-endpoints/{id}/figures/{results}/{name}/{kind}/")


class TrialsVariability(Resource):
    """Statistics of agreement between the trial's readers, from the reads signed so far."""

    base = "/api/v1/trials-variability/"

    def get(self, id: int) -> Mapping[str, Any]:
        """Statistics of agreement between the trial's readers, from the reads signed so far."""
        return cast(Mapping[str, Any], self._ask("GET", f"/api/v1/trials-variability/{id}/"))

    def figures(self, id: int) -> Mapping[str, Any]:
        """List the figures of the report, where to take each, and the numbers that it shows."""
        return cast(Mapping[str, Any], self._ask("GET", f"/api/v1/trials-variability/{id}/figures/"))

    def figure(
        self,
        id: int,
        kind: Literal["csv", "png", "svg"],
        name: Literal[
            "adjudication-by-month",
            "adjudication-by-reader",
            "adjudication-by-site",
            "best-responses",
            "differences",
            "drift",
            "identity",
            "kappas",
            "responses",
        ],
    ) -> bytes:
        """One figure of the report as SVG or PNG, or the numbers it shows as CSV."""
        return self._bytes(f"/api/v1/trials-variability/{id}/figures/{name}/{kind}/")


class Resources:
    """The resources of one installation."""

    def __init__(self, asking: Asking) -> None:
        self.adjudications = Adjudications(asking)
        self.application_entities = ApplicationEntities(asking)
        self.charters = Charters(asking)
        self.consensus_cases = ConsensusCases(asking)
        self.draws = Draws(asking)
        self.global_reviews = GlobalReviews(asking)
        self.held_groups = HeldGroups(asking)
        self.image_packages = ImagePackages(asking)
        self.memberships = Memberships(asking)
        self.my_figures = MyFigures(asking)
        self.packages = Packages(asking)
        self.people = People(asking)
        self.qc_reviews = QcReviews(asking)
        self.qualifications = Qualifications(asking)
        self.queries = Queries(asking)
        self.read_tasks = ReadTasks(asking)
        self.reader_exclusions = ReaderExclusions(asking)
        self.real_time_reads = RealTimeReads(asking)
        self.scanners = Scanners(asking)
        self.site_forms = SiteForms(asking)
        self.sites = Sites(asking)
        self.subjects = Subjects(asking)
        self.timepoints = Timepoints(asking)
        self.transfer_forms = TransferForms(asking)
        self.transfers = Transfers(asking)
        self.trials = Trials(asking)
        self.trials_endpoints = TrialsEndpoints(asking)
        self.trials_variability = TrialsVariability(asking)
