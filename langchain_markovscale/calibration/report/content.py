"""All that a report says, in order: the verdict first, the numbers behind it after."""

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
from langchain_markovscale.calibration.report.verdict import (
    Kind,
    kind,
    reasons,
    recommendation,
    uncertainty,
    verdict,
)
from langchain_markovscale.faces.content import Content, Section, Tone

TITLE = "Calibration report"


_TONES: dict[Kind, Tone] = {"helps": "good", "hurts": "bad", "uncertain": "unsure"}


def content(found: Findings) -> Content:
    """Return all that a report says."""
    fitted = found.calibration.fitted
    return Content(
        title=TITLE,
        tone=_TONES.get(kind(found), "plain"),
        summary=(verdict(found), reasons(found), recommendation(found)),
        basis=uncertainty(found),
        warnings=fitted.warnings if fitted else (),
        sections=sections(found),
    )


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
