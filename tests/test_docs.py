"""The documents say what is there: commands parse, flags and files exist, examples run, both READMEs agree."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
READMES = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [*READMES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = "train", "sample", "evaluate"
NEEDS_A_RUN = "# needs a trained run"
OF_OTHERS = {"--nproc-per-node": "torchrun", "--logdir": "tensorboard"}   # flags that are not mdgen's


def name(path):
    return str(path.relative_to(ROOT))


def blocks(path, language):
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def without_comments(block):
    lines = (line.split("  #")[0].rstrip() for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def parser_of(command):
    return importlib.import_module(f"mdgen.commands.{command}").parser()


def command_lines(path):
    """(train | sample | evaluate, its arguments) of every such command in the bash blocks of a page."""
    for block in blocks(path, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            for command in line.split("&&"):
                words = shlex.split(command, comments=True)
                for script in COMMANDS:
                    if f"{script}.py" in words:
                        yield script, words[words.index(f"{script}.py") + 1:]


def anchors(path):
    """What GitHub lets a link point to: every heading in lower case, spaces as hyphens, punctuation gone."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", READMES, ids=name)
def test_a_readme_has_at_most_120_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("language", ["bash", "python"])
def test_both_readmes_have_the_same_commands_in_the_same_order(language):
    english, chinese = ([without_comments(block) for block in blocks(path, language)] for path in READMES)
    assert english and english == chinese


@pytest.mark.parametrize("path", READMES, ids=name)
def test_the_marked_commands_are_one_line_after_their_marker(path):
    text = path.read_text(encoding="utf-8")
    for marked in ("demo", "tests"):
        assert re.search(rf"^<!-- command: {marked} -->\n```bash\n.+\n```$", text, flags=re.MULTILINE), marked


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_relative_link_and_picture_is_there(path):
    text = path.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        place, _, anchor = target.partition("#")
        if "://" in place:
            continue
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), f"{name(path)} links to {target}, which is not there"
        assert not anchor or anchor in anchors(found), f"{name(path)} links to {target}, which has no such heading"


@pytest.mark.parametrize("path", [*READMES, ROOT / "docs" / "options.md"], ids=name)
def test_every_flag_is_one_of_the_three_commands(path):
    known = {flag for command in COMMANDS for flag in parser_of(command)._option_string_actions}
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"))))
    assert named and not {flag.replace("_", "-") for flag in named} - known - set(OF_OTHERS)


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_command_in_a_block_is_one_that_its_parser_takes(path):
    for script, arguments in command_lines(path):
        parser_of(script).parse_args(arguments)   # exits where it does not


def test_the_pages_have_commands_of_all_three():
    assert {script for path in READMES for script, _ in command_lines(path)} == set(COMMANDS)


def test_every_flag_of_the_three_commands_is_explained():
    text = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    missing = {action.option_strings[0] for command in COMMANDS for action in parser_of(command)._actions
               if action.option_strings and not any(f"{flag}`" in text or f"{flag} " in text
                                                    for flag in action.option_strings)}
    assert missing <= {"-h"}, "docs/options.md does not say what these are for"


API = blocks(ROOT / "docs" / "api.md", "python")


@pytest.mark.parametrize("block", API, ids=[f"block {number}" for number in range(1, len(API) + 1)])
def test_the_examples_of_the_python_interface_run(block):
    code = compile(block, "docs/api.md", "exec")
    if not block.startswith(NEEDS_A_RUN):   # training one here would take longer than all other blocks together
        exec(code, {"__name__": "docs"})
