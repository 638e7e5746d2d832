"""Turn dataclasses into command lines, and user errors into one clear line on standard error."""

import os
import signal
import sys
import types
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, Union, get_args, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from nanochat.common import UserError, printable

Config = TypeVar("Config")


_registry = ConstructorRegistry()


@_registry.primitive_rule
def _value_or_unset(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """Show `int | None` in help as an INT that may be unset; `None` is still understood."""
    kinds = get_args(info.type)
    if get_origin(info.type) not in (Union, types.UnionType) or kinds[1:] != (types.NoneType,):
        return None
    kind, choices = kinds[0], None
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        metavar, kind = f"{{{','.join(choices)}}}", str
    elif kind in (int, float, str):
        metavar = kind.__name__.upper()
    else:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda args: None if args[0] == "None" else kind(args[0]),
        is_instance=lambda value: value is None or isinstance(value, kind),
        str_from_instance=lambda value: ["unset" if value is None else str(value)],
        choices=choices,
    )


def flag(*aliases: str):
    """Give a field further spellings: `step: Annotated[int | None, flag("-s", "--model-step")]`.

    Long aliases are written with dashes; underscores are then accepted as well.
    """
    return tyro.conf.arg(aliases=list(aliases))


def parse(
    config: type[Config],
    argv: Sequence[str] | None = None,
    *,
    prog: str | None = None,
    description: str | None = None,
) -> Config:
    """Build a `config` dataclass from command-line arguments.

    Dashes and underscores are interchangeable, and one lone leading `--` (as in
    `torchrun ... -- <flags>`) is tolerated. Unknown flags and values that the dataclass refuses end
    the process with status 2, a message and a suggestion.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if args and args[0] == "--":
        args = args[1:]
    return tyro.cli(
        config,
        args=args,
        prog=prog,
        description=description,
        config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
        registry=_registry,
    )


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    return str(error)


def run(main: Callable[[], object]) -> None:
    """Run a command's `main`; what a user can cause becomes one line and a non-zero status.

    `NANOCHAT_DEBUG=1` shows the traceback as well.
    """
    # `docker stop` and `kill` then unwind like Ctrl+C: temporary files go, workers end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except (UserError, OSError) as error:
        if os.environ.get("NANOCHAT_DEBUG"):
            raise
        if isinstance(error, BrokenPipeError):
            # the reader (head, less) went away; there is nobody left to tell
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(141)
        # a message may quote files and names that came from elsewhere
        print(f"error: {printable(_message(error))}", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr, flush=True)
        sys.exit(130)
