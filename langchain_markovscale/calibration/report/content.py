"""All that a report says, in order: the verdict first, the numbers behind it after."""

from typing import NamedTuple

from langchain_markovscale.calibration.report.findings import Findings
from langchain_markovscale.calibration.report.fit_sections import (
    accuracy_section,
    classes_section,
    drift_section,
    rates_section,
    verifier_section,
)
from langchain_markovscale.calibration.report.loop_sections import (
    cost_section,
    leads_section,
    making_section,
    missing_section,
)
from langchain_markovscale.calibration.report.sections import Section
from langchain_markovscale.calibration.report.verdict import (
    Kind,
    kind,
    reasons,
    recommendation,
    uncertainty,
    verdict,
)

TITLE = "Calibration report"


class Content(NamedTuple):
    """All that a report says.

    Attributes:
        kind: What blind revising does.
        summary: The verdict, its reasons, what to do, and where the numbers come from.
        warnings: What to know before relying on the numbers.
        sections: The rest, in order.
    """

    kind: Kind
    summary: tuple[str, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]


def content(found: Findings) -> Content:
    """Return all that a report says."""
    fitted = found.calibration.fitted
    summary = (verdict(found), reasons(found), recommendation(found), uncertainty(found))
    return Content(kind(found), summary, fitted.warnings if fitted else (), sections(found))


def sections(found: Findings) -> tuple[Section, ...]:
    """Return all sections that the calibration has the numbers for."""
    parts = [accuracy_section(found), rates_section(found), leads_section(found)]
    parts.append(verifier_section(found))
    if found.calibration.fitted is None:
        parts += [cost_section(found), missing_section()]
    else:
        if found.mended:
            parts.append(drift_section(found))
        parts += [classes_section(found, found.calibration.fitted), cost_section(found)]
    parts.append(making_section(found))
    return tuple(parts)
