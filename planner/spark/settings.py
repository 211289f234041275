"""Settings as Spark writes them, and those of planner among them."""

from __future__ import annotations

from collections.abc import Mapping

from planner.errors import Finding
from planner.model.units import parse_bytes
from planner.runtime.certificates import Certificates

__all__ = ["TLS", "certificates", "spark_bytes"]

TLS = "spark.planner.tls."
"""What the settings of TLS begin with: certificate, key and ca, paths of PEM files; and name."""

_NEEDED, _NAME = ("certificate", "key", "ca"), "name"


def spark_bytes(text: str) -> int:
    """Read a size of Spark's, whose units are powers of 1024: ``128m`` is 128 MiB.

    Examples
    --------
    >>> spark_bytes("128m") == 128 * 2**20, spark_bytes("1gb") == 2**30, spark_bytes("4194304")
    (True, True, 4194304)
    """
    bare = text.strip().lower().removesuffix("b")
    return parse_bytes(bare if bare[-1:].isdigit() else f"{bare.removesuffix('i')}ib")


def certificates(settings: Mapping[str, str], beside: str = "") -> tuple[Certificates | None, list[Finding]]:
    """Read the settings of TLS.

    Parameters
    ----------
    settings : mapping of str to str
        Those of the session.
    beside : str
        Folder in which what ``--files`` sent is.

    Returns
    -------
    certificates : Certificates or None
        None where nothing is set: then a run speaks in clear.
    findings : list of Finding
        Whatever is set, but not as it has to be, so that nobody speaks in clear by mistake.

    Examples
    --------
    >>> certificates({"spark.planner.tls.key": "my.key"})[1][0].problem
    'spark.planner.tls.certificate and spark.planner.tls.ca are not set, but other settings of TLS are'
    """
    given = {key.removeprefix(TLS): value.strip() for key, value in settings.items() if key.startswith(TLS)}
    if not given:
        return None, []
    findings = []
    unknown = [f"{TLS}{key}" for key in sorted(given) if key not in (*_NEEDED, _NAME)]
    if unknown:
        known = ", ".join(f"{TLS}{key}" for key in (*_NEEDED, _NAME))
        findings.append(Finding(f"there is no setting {', '.join(unknown)}", f"use {known}"))
    missing = [f"{TLS}{key}" for key in _NEEDED if not given.get(key)]
    if missing:
        are = "are" if len(missing) > 1 else "is"
        problem = f"{' and '.join(missing)} {are} not set, but other settings of TLS are"
        findings.append(Finding(problem, "set all three to paths of PEM files, or none"))
    if findings:
        return None, findings
    certificate, key, ca = (given[what] for what in _NEEDED)
    return Certificates(certificate, key, ca, given.get(_NAME, ""), beside), []
