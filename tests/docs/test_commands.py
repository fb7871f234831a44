"""Every command line that documents and help texts show is one that its command's own parser takes. Nothing is run."""

import functools
import importlib
import re
import shlex

import pytest
from documents import DOCUMENTS, ROOT, blocks, name, spans

from app.command import Parser
from app.errors import UsageError
from nanoyolo.__main__ import COMMANDS

DEPLOY = ROOT / "deploy/jetson"
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PYTHON = re.compile(r"(?:\S*/)?python3?$")
OPERATORS = {"&&", "||", ";", "|", "&"}
NO_PARSER = {"tools.demo"}  # takes no arguments
OTHERS = {"pip", "pytest", "venv"}  # modules of others, by `python -m`
HELP = [
    *(f"app.{command}" for command in ("clips", "detect", "draw", "evaluate", "classify", "doctor")),
    *(f"tools.{path.stem}" for path in sorted((ROOT / "tools").glob("*.py")) if "\ndef main(" in path.read_text()),
    *(f"tools.{path.parent.name}" for path in sorted((ROOT / "tools").glob("*/__main__.py"))),
    *(f"tools.camera_servers.{server}" for server in ("mjpeg", "rtsp")),
]


class Wrong(Exception):
    """A command line that would not be understood."""


def require(condition, message):
    """Raise Wrong with the message unless the condition holds."""
    if not condition:
        raise Wrong(message)


class Stopped(BaseException):
    """A command has come to the point where it parses its arguments. It carries its parser."""


def _stop(parser, *_):
    raise Stopped(parser)


def parser_of_main(main):
    """The parser that a command's entry point uses on its arguments; the command itself is not run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Parser, "parse_args", _stop)
        try:
            main([])
        except Stopped as stopped:
            return stopped.args[0]
    raise Wrong("it does not parse its arguments")


@functools.lru_cache(maxsize=None)
def parser_of(module):
    """The parser of `python -m module`. Raises ImportError where there is no such command."""
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    return parser_of_main(found.main)


def simple_commands(line):
    """The words of each command in a line of shell, without redirections and remarks."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands, target = [[]], False
    for word in lexer:
        if target:
            target = False
        elif word in OPERATORS:
            commands.append([])
        elif word in (">", ">>", "<"):
            target = True
        else:
            commands[-1].append(word)
    return [words for words in commands if words]


def check(words):
    """Raise Wrong or UsageError for a command that would not be understood. Other programs' are not looked at."""
    if PYTHON.match(words[0]) and words[1:2] == ["-m"]:
        module = words[2]
        if module == "pip":
            check_pip(words[3:])
        elif module in NO_PARSER:
            require(words[3:] == [], f"{module} takes no arguments")
        elif module not in OTHERS:
            require(module.startswith(("app.", "tools.")), f"{module} is not a command of this project")
            parse(parser_of(module), words[3:])
    elif PYTHON.match(words[0]) and words[1:]:
        require((ROOT / words[1]).is_file(), f"{words[1]} does not exist")
    elif words[0] == "nanoyolo" and words[1:]:
        check_nanoyolo(words[1:])
    elif words[0] == "make":
        for target in words[1:]:
            if "=" not in target and not target.startswith("-"):
                require(re.search(rf"^{re.escape(target)}:", MAKEFILE, re.MULTILINE), f"make has no target {target}")
    elif words[0] == "pip":
        check_pip(words[1:])
    elif words[0].endswith(".sh"):
        check_script(words)
    elif words[0] == "ansible-playbook":
        require((DEPLOY / "ansible" / words[1]).is_file(), f"there is no playbook {words[1]}")


def parse(parser, arguments):
    """Parse as the command would. --help and --version end it before anything else is looked at."""
    if not {"--help", "--version"} & set(arguments):
        parser.parse_args(arguments)


def check_nanoyolo(words):
    """`nanoyolo NAME ...` is a command of this project by a shorter name."""
    if words != ["--help"]:
        require(words[0] in COMMANDS, f"nanoyolo has no command {words[0]}")
        parse(parser_of(COMMANDS[words[0]][0]), words[1:])


def check_pip(words):
    """Files of requirements exist, and so do extras of this project."""
    for before, word in zip(words, words[1:]):
        if before in ("-r", "-c"):
            require((ROOT / word).is_file(), f"{word} does not exist")
    for extra in re.findall(r"\.\[(\w+)\]", " ".join(words)):
        require(re.search(rf"^{extra} = \[", PROJECT, re.MULTILINE), f"there is no extra {extra}")


def check_script(words):
    """A script of deploy/ exists, and knows its options."""
    script = ROOT / words[0] if "/" in words[0] else DEPLOY / words[0]
    require(script.is_file(), f"{words[0]} does not exist")
    text = script.read_text(encoding="utf-8")
    for option in (word.partition("=")[0] for word in words[1:] if word.startswith("--")):
        require(re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text), f"{words[0]} has no option {option}")


def problems(lines):
    """What is wrong with command lines, one message each."""
    found = []
    for line in lines:
        try:
            for words in simple_commands(line):
                check(words)
        except (Wrong, UsageError, ImportError) as error:
            found.append(f"{line}: {error}")
    return found


def lines_of(text):
    """The lines of all code blocks, those with a backslash joined, and inline code.

    Inline code without arguments only names a command, as `python -m tools.score`: what it needs may be missing.
    """
    joined = "".join(blocks(text)).replace("\\\n", " ")
    names = [f"{span} --help" if re.fullmatch(r"python3? -m \S+", span) else span for span in spans(text)]
    return [*filter(None, map(str.strip, joined.splitlines())), *names]


def is_command(line):
    """Whether a line is shell that begins with one of the commands that are checked here."""
    return re.match(
        r"(?:(?:\.|export) \S+ && )?(?:(?:\S*/)?python3?|nanoyolo|make|pip|ansible-playbook|[\w./-]+\.sh)(?: |$)", line
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents(document):
    lines = [line for line in lines_of(document.read_text(encoding="utf-8")) if is_command(line)]
    assert problems(lines) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_nanoyolo(command):
    assert parser_of(COMMANDS[command][0]).prog == f"python -m {COMMANDS[command][0]}"


def test_documents_show_every_command():
    """Else a command could be documented nowhere, and the test above would have nothing to look at."""
    shown = " ".join(line for document in DOCUMENTS for line in lines_of(document.read_text(encoding="utf-8")))
    assert [module for module in HELP if f"-m {module} " not in f"{shown} "] == []


@pytest.mark.parametrize("module", HELP)
def test_help(module):
    epilog = parser_of(module).epilog
    examples = [line.strip() for line in epilog.splitlines() if line.startswith("  ")]
    assert examples
    assert all(f"python -m {module} " in f"{line} " for line in examples)
    assert problems(re.split(r"\s{3,}", line)[0] for line in examples) == []  # behind the gap is a remark


@pytest.mark.parametrize(
    "line, problem",
    [
        ("python -m app.detect --cam 0 --size 160", None),
        ("python3 -m app.doctor --json > doctor.json", None),
        (". .venv/bin/activate && python -m app.detect --help", None),
        ("make test PYTHON36=/path/to/python3.6", None),
        ("make demo     # with a remark --that is not read", None),
        ("pip install -e '.[report]'", None),
        ("python -m pip install -r deploy/jetson/constraints.txt", None),
        ("deploy/jetson/push.sh --dry-run nano@192.168.1.20", None),
        ("python -m app.detect --cam 0 --size 5000", "from 1 to 4096"),
        ("python -m app.detect --nothing", "unrecognized arguments"),
        ("make demo && python -m app.detect --backend quick", "invalid choice"),
        ("python -m tools.nothing", "No module named"),
        ("python -m nothing", "not a command"),
        ("python -m tools.soak quietly", "invalid choice"),
        ("python -m tools.demo --fast", "takes no arguments"),
        ("python -m tools.score", "--images"),
        ("nanoyolo detect --cam 0 --size 160", None),
        ("nanoyolo detect --size 5000", "from 1 to 4096"),
        ("nanoyolo see", "no command see"),
        ("python -m pip install -r nothing.txt", "nothing.txt does not exist"),
        ("python nothing.py", "nothing.py does not exist"),
        ("pip install '.[nothing]'", "no extra nothing"),
        ("make nothing", "no target nothing"),
        ("deploy/jetson/push.sh --nothing", "no option --nothing"),
        ("deploy/jetson/nothing.sh", "does not exist"),
        ("provision.sh --any-board user@host", None),
        ("provision.sh --any-bord user@host", "no option --any-bord"),
        ("ansible-playbook push.yml --check", None),
        ("ansible-playbook pull.yml", "no playbook pull.yml"),
    ],
)
def test_what_is_wrong(line, problem):
    assert is_command(line)
    found = problems([line])
    assert found == [] if problem is None else len(found) == 1 and problem in found[0]
