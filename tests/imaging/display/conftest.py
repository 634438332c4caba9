"""Small images made by the tests."""

from tests.imaging.dicom.conftest import as_file, make_ct  # noqa: F401 - fixtures
