"""Every `slimstream` command line that a page shows is one that the parser takes.

The examples of the commands themselves stand in docs/ref/cli.md, which is one of the pages.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.lazy import load_command
from console.main import ENTRIES

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")])
SHELL_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
NEXT_COMMAND = {"&&", "||", ";", "|", "&"}


def words_after_slimstream(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each `slimstream` in a line of shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    arguments: list[str] | None = None
    for word in lexer:
        if word in NEXT_COMMAND:
            if arguments:
                yield arguments
            arguments = None
        elif arguments is not None:
            arguments.append(word)
        elif word.rpartition("/")[2] == "slimstream":
            arguments = []
    if arguments:
        yield arguments


def shown(page: Path) -> list[list[str]]:
    """Return the arguments of all commands in a page's shell blocks."""
    blocks = SHELL_BLOCK.findall(page.read_text(encoding="utf-8"))
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines for words in words_after_slimstream(line)]


def parse(arguments: list[str]) -> None:
    """Read a command line without running it; fail with the parser's own error."""
    name, *rest = arguments
    title, command = f"slimstream {name}", load_command(name, ENTRIES[name])
    while children := getattr(command, "commands", {}):
        at = next((i for i, word in enumerate(rest) if word in children), None)
        if at is None:
            break
        title, command, rest = f"{title} {rest[at]}", children[rest[at]], rest[at + 1 :]
    if "--help" not in rest:
        command.make_context(title, list(rest))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_commands_of_a_page_parse(page: Path) -> None:
    for arguments in shown(page):
        parse(arguments)


def test_an_option_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["eval", "rd", "--images", "kodak", "--no-such-option"])


def test_pages_show_commands() -> None:
    assert sum(len(shown(page)) for page in PAGES) > len(ENTRIES)
