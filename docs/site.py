"""What mkdocs needs to make a site of these pages: files from outside docs/ as pages, links of a repository as links of a site."""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from evidence import opened  # beside this file
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

OUTSIDE = {
    "README.md": "repository.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "data/open-dos/README.md": "data/open-dos.md",
    "data/survey/README.md": "data/survey.md",
    "models/dosmith/card.md": "models/dosmith.md",
    "models/paper/card.md": "models/paper.md",
}
"""File of the repository -> page of the site."""

_BOOSTS = {"How to": 4, "Evidence": 0.3, "Reference": 0.3, "Contributing": 0.3}
"""What a search finds first: how it is done, then how it works, then what was measured."""

_FROM = {page: file for file, page in OUTSIDE.items()}
_LINK = re.compile(r"(?P<text>!?\[(?P<words>[^\]]*)\])\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie elsewhere, and the one that the command line writes."""
    for file, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / file)))
    files.append(File.generated(config, "cli.md", content=command_line()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links that hold in the repository, made to hold on the site; of source files only the path is shown."""
    for section in page.ancestors:
        if section.title in _BOOSTS:
            page.meta.setdefault("search", {})["boost"] = _BOOSTS[section.title]
    source = _FROM.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    here = posixpath.dirname(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        target, anchor = link["target"], link["anchor"] or ""
        if not target or re.match(r"[a-z]+:", target):
            return link[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = OUTSIDE.get(file) or file.removeprefix("docs/")
        if file in OUTSIDE or (file.startswith("docs/") and files.get_file_from_path(place)):
            return f"{link['text']}({posixpath.relpath(place, here or '.')}{anchor})"
        if not (ROOT / file).exists():
            return link[0]  # mkdocs tells of it
        words = link["words"].strip("`")
        return f"`{file}`" if words == posixpath.basename(file) else f"{words} (`{file}`)"

    if source.endswith(".ipynb"):
        return markdown
    return _LINK.sub(rewritten, opened(page.file.src_uri, markdown))


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Notebooks without the script that would load Mermaid from elsewhere."""
    return re.sub(r"<script(?:(?!</script>).)*cdnjs.*?</script>", "", output, flags=re.DOTALL)


def command_line() -> str:
    """Every command with its options, as Typer describes it."""
    os.environ["TERM"] = "dumb"
    import typer.cli
    import typer.main

    from dosmith.cli import program

    command = typer.main.get_command(program())
    text = typer.cli.get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="dosmith"), name="dosmith")
    text = re.sub(
        r"^#+ `dosmith(.*)`", lambda title: f"## `dosmith{title[1]}`" if title[1] else "# Command line", text, flags=re.M
    )
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+", "", text)  # cut short there; the table of contents has them
    return text.replace("\\[default", "[default")
