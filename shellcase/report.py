"""Result document → self-contained HTML pages, one for each edition. The only file that knows Jinja.

Every foreign string passes `u` (the cleaning helper, then escaping, then a `bdi` element) or `code` (split so that no
antivirus takes a quoted web shell for one). No script, no outside reference, one stylesheet allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shellcase import editions, svg, wording
from shellcase.assemble import assemble
from shellcase.case import Case
from shellcase.cited import parse_iso
from shellcase.clean import plain
from shellcase.logs import drawn
from shellcase.result import FindingView, Result, encode
from shellcase.rooms import TEMPLATES
from shellcase.zones import utc

EDITIONS = ("examiner", "legal", "insurer")
"""Every version of the report has all of them; which one a receiver gets is said in handout/audience.py."""

_STYLE = {"confirmed": "shown", "suspicious": "traces", "attempted": "attempted", "context": "context"}
_DRAWN = ("confirmed", "suspicious", "attempted")


def write_report(case: Case) -> Path:
    """Write result.json and all editions as the next version, or keep the last one where nothing differs.

    Returns the path of the examiner's, `reports/R1/examiner.html` for the first.
    """
    result = assemble(case)
    files = {"result.json": encode(result)}
    files |= {f"{edition}.html": render(result, edition).encode("utf-8") for edition in EDITIONS}
    last = case.reports_closed()
    same = all(_content(case.reports / f"R{last}" / name) == content for name, content in files.items())
    folder = f"R{last if same else last + 1}"
    for name, content in () if same else files.items():
        case.write_bytes(f"reports/{folder}/{name}", content)
    return case.reports / folder / "examiner.html"


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def render(result: Result, edition: str = "examiner") -> str:
    """The page of an edition: a pure function of the result document."""
    return render_form(
        f"{edition}.html",
        "report.css",
        r=result,
        mark=editions.mark(result.review),
        picture=Markup(_picture(result)),  # noqa: S704 - svg.py escapes what it is given
        claim_words=wording.CLAIM_WORDS,
        stage_words=wording.STAGE_WORDS,
        scale=wording.STRENGTH_SCALE,
        claim_order=editions.CLAIMS,
        claims=editions.claimed(result),
        covers=editions.families(result.logs),
        glossary=wording.GLOSSARY,
        places={s.state: s.name for s in result.snapshots},
    )


def render_form(template: str, sheet: str = "forms.css", **values: object) -> str:
    """A page from a template and a style sheet of ours; the page may use nothing else."""
    style = (TEMPLATES / sheet).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    csp = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    safe = Markup(style)  # noqa: S704 - our own file, no foreign text in it
    return _environment().get_template(template).render(style=safe, csp=csp, **values)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["u"] = untrusted
    environment.filters["code"] = disarmed
    environment.filters["elsewhere"] = editions.elsewhere
    environment.filters["limit_words"] = wording.limit_in_words
    environment.filters["lane"] = svg.lane_of
    environment.filters["moment"] = moment
    environment.filters["n"] = lambda number: f"{number:,}".replace(",", "\u202f")
    environment.filters["hash"] = lambda text: Markup("<wbr>").join(text[i : i + 8] for i in range(0, len(text), 8))
    return environment


def untrusted(text: str, limit: int = 400) -> Markup:
    """Foreign text for the page: cleaned, escaped, and kept from turning the text around it."""
    return Markup('<bdi class="u">{}</bdi>').format(plain(str(text), limit))


def disarmed(text: str, limit: int = 400) -> Markup:
    """Foreign text that may quote code: every three characters in an element of their own (R-AV-1)."""
    clean = plain(str(text), limit)
    return (
        Markup('<bdi class="u">')
        + Markup("").join(Markup("<i>{}</i>").format(clean[i : i + 3]) for i in range(0, len(clean), 3))
        + Markup("</bdi>")
    )


_EPOCH = re.compile("1[0-9]{9}")


def moment(text: str) -> str:
    """A field of a container that counts seconds since 1970, with the time it means; any other text as it is."""
    return f"{utc(int(text) * 10**9):%Y-%m-%dT%H:%M:%SZ} (stored as {text})" if _EPOCH.fullmatch(text) else text


def _picture(result: Result) -> str:
    marks = _marks(result)
    bands = [svg.Band(name, tuple((parse_iso(a), parse_iso(b)) for a, b in runs)) for name, runs in drawn(result.logs)]
    names = {t: f"{utc(t):%Y-%m-%d}" for t in svg.ticks(marks)}
    return svg.timeline(marks, bands, names)


def _marks(result: Result) -> list[svg.Mark]:
    """Findings that are drawn: with a time, not mere context, not listed under another."""
    return [_mark(v) for v in result.findings if v.finding.claim in _DRAWN and v.finding.first and not v.under]


def _mark(view: FindingView) -> svg.Mark:
    finding = view.finding
    first = parse_iso(finding.first or "")
    last = parse_iso(finding.last) if finding.last else first
    return svg.Mark(finding.number, finding.title, finding.attack, first, last, _STYLE[finding.claim])
