"""Where the rooms lie: beside this folder in a checkout, inside it in a wheel."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent
_IN_WHEEL = (_HERE / "_rooms").is_dir()

ROOMS = _HERE / "_rooms" if _IN_WHEEL else _HERE.parent
RULES = ROOMS / "rules"
TEMPLATES = ROOMS / "report_templates"
DEFINITIONS = ROOMS / "collector" / "definitions"
DEMO = ROOMS / "demo" if _IN_WHEEL else ROOMS / "fixtures" / "demo"
