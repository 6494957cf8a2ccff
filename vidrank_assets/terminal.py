"""How commands are registered, and what they print: tables, and a fault in one sentence."""

from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec

import polars as pl
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vidrank_assets.errors import VidrankError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learns how many views a video will have, and which thumbnail wins.",
)
console = Console(highlight=False, width=max(Console().width, 200))
#: Prints a line as it is: what a run says may hold square brackets.
report = partial(console.print, markup=False, soft_wrap=True)
P = ParamSpec("P")


def command(act: Callable[P, None]) -> Callable[P, None]:
    """Registers a command. A fault that vidrank names is one sentence and exit status 1, not a traceback."""

    @app.command(name=act.__name__.rstrip("_").replace("_", "-"))
    @wraps(act)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            act(*args, **kwargs)
        except VidrankError as fault:
            console.print(f"[red]{type(fault).__name__}[/red]: {escape(str(fault))}", soft_wrap=True)
            raise typer.Exit(1) from None
        except SettingsError as fault:
            console.print(f"[red]InvalidSetting[/red]: {escape(str(fault))}; it must be JSON.", soft_wrap=True)
            raise typer.Exit(1) from None
        except ValidationError as fault:
            for wrong in fault.errors():
                name = "_".join(("VIDRANK", *(str(part) for part in wrong["loc"]))).upper()
                said = escape(f"{wrong['msg']}; got {wrong['input']!r}")
                console.print(f"[red]InvalidSetting[/red]: {name}: {said}.", soft_wrap=True)
            raise typer.Exit(1) from None

    return run


def print_table(rows: pl.DataFrame, title: str) -> None:
    """Prints rows under a title, numbers to the right, nothing where a value is missing."""
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for name, dtype in rows.schema.items():
        table.add_column(name, justify="right" if dtype.is_numeric() else "left", no_wrap=True)
    for row in rows.iter_rows():
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)
