"""Where templates come from: our folder, and before it a folder of one's own. Says where one is broken."""

import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined, Template, TemplateError
from jinja2.exceptions import TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUR_TEMPLATES = Path(__file__).parent / "templates"
FALLBACK_LANGUAGE = "en"
_COMMON = "_common"
_SUFFIXES = (".jinja", ".txt", ".html")


class BadTemplate(Exception):
    """A template cannot be used; `faults` name each reason, with the file and line where there is one."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class FoundTemplate:
    """The compiled files that one letter in one language is made of."""

    language: str
    common: Template
    own: Template
    text_layout: Template
    html_layout: Template

    def is_partly_from(self, folder: Path) -> bool:
        """Whether any of its files lies in this folder."""
        files = (self.common, self.own, self.text_layout, self.html_layout)
        return any(file.filename is not None and Path(file.filename).is_relative_to(folder) for file in files)


class TemplateFiles:
    """All templates that there are. Where `extra_dir` is given, its files are compiled at once (`BadTemplate`)."""

    def __init__(self, extra_dir: Path | None = None) -> None:
        if extra_dir is not None and not extra_dir.is_dir():
            raise BadTemplate(f"{extra_dir}: there is no such folder of templates")
        self._environment = _our_environment() if extra_dir is None else _environment(extra_dir, OUR_TEMPLATES)
        self.by_language = _by_language(self._environment)
        self._found: dict[tuple[str, str], FoundTemplate] = {}
        if extra_dir is not None:
            self._compile_all_of(extra_dir)

    @property
    def names(self) -> frozenset[str]:
        """Those that exist in English at least: the ones that a policy may use."""
        return self.by_language.get(FALLBACK_LANGUAGE, frozenset())

    def find(self, *, language: str, template: str) -> FoundTemplate:
        """The files of a letter ("de-AT" is German); all of it in English where the language lacks the template."""
        wanted = language.strip().lower().replace("_", "-").split("-")[0]
        if template not in self.by_language.get(wanted, frozenset()):
            wanted = FALLBACK_LANGUAGE
        found = self._found.get((wanted, template))
        if found is None:
            if template not in self.names:
                raise BadTemplate(f"there is no template {template!r}; known: {', '.join(sorted(self.names))}")
            found = self._found[(wanted, template)] = self._compile(wanted, template)
        return found

    def _compile(self, language: str, template: str) -> FoundTemplate:
        get, select = self._environment.get_template, self._environment.select_template
        try:
            return FoundTemplate(
                language=language,
                common=get(f"{language}/{_COMMON}.jinja"),
                own=get(f"{language}/{template}.jinja"),
                text_layout=select([f"{language}/{template}.txt", f"{language}/_layout.txt", "_layout.txt"]),
                html_layout=select([f"{language}/{template}.html", f"{language}/_layout.html", "_layout.html"]),
            )
        except TemplateError as fault:
            raise BadTemplate(words_of(fault)) from fault

    def _compile_all_of(self, folder: Path) -> None:
        faults: list[str] = []
        for name in FileSystemLoader(folder).list_templates():
            if name.endswith(_SUFFIXES):
                try:
                    self._environment.get_template(name)
                except TemplateError as fault:
                    faults.append(words_of(fault))
                except (UnicodeDecodeError, OSError) as fault:
                    faults.append(f"{name}: it cannot be read as UTF-8 text ({fault})")
        known = self._environment.list_templates()
        for language in sorted(self.by_language):
            if f"{language}/{_COMMON}.jinja" not in known:
                faults.append(f"{language}/{_COMMON}.jinja: it is missing; copy that of {FALLBACK_LANGUAGE}")
        if faults:
            raise BadTemplate(*faults)


def words_of(fault: Exception) -> str:
    """What is wrong with a template, with the file and line where the fault knows them."""
    if isinstance(fault, TemplateSyntaxError):
        return f"{_short(fault.filename or fault.name or '?')}:{fault.lineno}: {fault.message}"
    if isinstance(fault, TemplateNotFound):
        return f"template file {fault.message} does not exist"
    place = place_in_template(fault)
    kind = "" if isinstance(fault, TemplateError) else f"{type(fault).__name__}: "
    return f"{place}: {kind}{fault}" if place else f"{kind}{fault}"


def place_in_template(fault: Exception) -> str | None:
    """The file and line of a template in which this was raised, None where it was not raised in one."""
    frames = traceback.extract_tb(fault.__traceback__)
    for frame in reversed(frames):
        if frame.filename.endswith(_SUFFIXES):
            return f"{_short(frame.filename)}:{frame.lineno}"
    return None


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(OUR_TEMPLATES)) if path.is_relative_to(OUR_TEMPLATES) else filename


@cache
def _our_environment() -> ImmutableSandboxedEnvironment:
    return _environment(OUR_TEMPLATES)


def _environment(*folders: Path) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )


def _by_language(environment: ImmutableSandboxedEnvironment) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for path in environment.list_templates(extensions=["jinja"]):
        language, slash, name = path.removesuffix(".jinja").partition("/")
        if slash and "/" not in name and not name.startswith("_"):
            found.setdefault(language, set()).add(name)
    return {language: frozenset(names) for language, names in found.items()}
