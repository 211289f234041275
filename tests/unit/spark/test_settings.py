"""The settings of TLS, read so that nobody speaks in clear by mistake."""

from __future__ import annotations

import pytest

from planner.runtime.certificates import Certificates
from planner.spark.settings import certificates

ALL = {f"spark.planner.tls.{what}": f"/tls/{what}.pem" for what in ("certificate", "key", "ca")}


def test_nothing_set_is_no_tls() -> None:
    assert certificates({"spark.ssl.enabled": "true", "spark.app.name": "tls"}) == (None, [])


def test_three_paths_and_perhaps_a_name() -> None:
    given = Certificates("/tls/certificate.pem", "/tls/key.pem", "/tls/ca.pem")
    assert certificates(ALL) == (given, [])
    named, _ = certificates({**ALL, "spark.planner.tls.name": " planner "}, "/files")
    assert named is not None and named.name == "planner" and named.beside == "/files"


@pytest.mark.parametrize("missing", [*ALL, "all"])
def test_some_but_not_all_is_said(missing: str) -> None:
    settings = {key: value for key, value in ALL.items() if missing not in (key, "all")} | {
        "spark.planner.tls.name": "x"
    }
    tls, [finding] = certificates(settings)
    assert tls is None
    assert all((key in finding.problem) == (key not in settings) for key in ALL)
    assert finding.mend == "set all three to paths of PEM files, or none"


def test_an_empty_path_and_a_wrong_key_are_said_at_once() -> None:
    tls, findings = certificates({**ALL, "spark.planner.tls.ca": " ", "spark.planner.tls.cert": "x"})
    assert tls is None
    assert [finding.problem for finding in findings] == [
        "there is no setting spark.planner.tls.cert",
        "spark.planner.tls.ca is not set, but other settings of TLS are",
    ]
    assert "spark.planner.tls.certificate" in findings[0].mend
