"""Documents name things that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from cloud.rejects import RejectReason

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGE = re.compile(r"\bdocs/[A-Za-z0-9_./-]+\.(?:md|svg|png)\b")


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


DOCUMENTS = tracked("*.md")
SOURCES = tracked("*.py", "*.proto", "*.yaml", "*.yml", "*.service", "*.Dockerfile", "Makefile")

needs_git = pytest.mark.skipif(not DOCUMENTS, reason="this is no git checkout: documents cannot be listed")


@needs_git
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    targets = [link for link in LINK.findall(document.read_text()) if "://" not in link]
    missing = [link for link in targets if not (document.parent / link).exists()]
    assert not missing


@needs_git
def test_every_page_that_the_code_refers_to_exists() -> None:
    named = {(page, source) for source in SOURCES for page in PAGE.findall(source.read_text())}
    missing = [
        f"{source.relative_to(ROOT)} names {page}" for page, source in named if not (ROOT / page).exists()
    ]
    assert not sorted(missing)


def test_every_reason_of_a_refusal_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text()
    assert [reason for reason in RejectReason if f"`{reason}`" not in page] == []


def test_every_alert_has_a_remedy() -> None:
    page = (ROOT / "docs" / "guide" / "troubleshooting.md").read_text()
    alerts = re.findall(r"alert: (\w+)", (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    assert alerts
    assert [alert for alert in alerts if alert not in page] == []


def test_the_glossary_is_in_order() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    words = [word.lower() for word in re.findall(r"^\| \*\*(.+?)\*\*", text, re.MULTILINE)]
    assert words == sorted(words)
