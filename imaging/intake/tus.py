"""The resumable web door: tus 1.0.0 (core, creation, creation-with-upload, termination, expiration, checksum).

A coordinator's browser sends each file as an upload of its own into a delivery that `upload.begin` opened. All
requests carry the session's cookie, all but HEAD and OPTIONS the header `X-CSRFToken`, all but OPTIONS
`Tus-Resumable: 1.0.0`. With `Accept: application/json` every refusal is `{"code": ..., "detail": sentence}`.

`POST /imaging/timepoints/<pk>/uploads/known/` — what does the server have? Ask before anything is sent.
    Body `{"transfer": uuid, "files": [{"sha256": hex, "size": bytes}, ...]}`, at most 5,000 files a request.
    Answer `{"files": [...]}` in the same order, each `{"sha256", "state"}` and more:
    `"have"`: it is here for this timepoint, do not send it; `"partial"` with `"upload"` (address) and `"offset"`
    (durable bytes): send the rest there, also on another machine (it becomes part of the delivery named);
    `"new"`: send it. `"warning"` (a sentence) is added when it lies at another timepoint of the same site.

`POST /imaging/timepoints/<pk>/uploads/` — create; the body may hold the first or all bytes (creation-with-upload,
    `Content-Type: application/offset+octet-stream`), which saves a request for each small file.
    `Upload-Length`: required. `Upload-Metadata`: `transfer` (uuid of an own, open delivery of this timepoint),
    `sha256` (hex, optional: without it nothing can be resumed from another machine), `kind` (`dicom` or `zip`;
    what the bytes are is looked at all the same). Never send the file's name.
    Answer 201 with `Location`, `Upload-Offset`, `Upload-Expires`.

`HEAD /imaging/uploads/<uuid>/` — `Upload-Offset` counts bytes on the disk, synced. 200; 404 unknown or discarded.

`PATCH /imaging/uploads/<uuid>/` — append at `Upload-Offset`, `Content-Type: application/offset+octet-stream`,
    optional `Upload-Checksum: sha256 <base64>`. 204 with the new `Upload-Offset` when the bytes are synced. The 204
    (or 201) that completes an upload acknowledges it: a DICOM file lies in the spool, a ZIP is durable and is
    unpacked in the background; refusals of its entries are on the delivery's page.

`DELETE /imaging/uploads/<uuid>/` — discard what came so far. 204.

`OPTIONS` at both addresses — `Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`. 204.

Refusals: 400 `bad_request` (a header missing or not understood), 403 `access_denied`, 404, 409 `offset_conflict` (ask
HEAD and go on from there) or `transfer_closed`, 410 `upload_finished`, 412 `tus_version`, 413 `too_large`, 415
`unsupported_media_type` (wrong Content-Type of the request), 422 with the reason why the file is not taken (`not_dicom`,
`truncated`, `archive_damaged`, ...; it is discarded, do not retry), 423 `upload_locked` (another request is writing: try again
soon), 429 `too_many_uploads` (finish or delete others first), 460 `checksum_mismatch` (of a chunk: send it again; of
the whole file: it is discarded, create it anew), 507 `not_stored` (the disk is nearly full: try again later).
An upload on which nothing was written for seven days is discarded.
"""
