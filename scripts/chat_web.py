"""Serve a trained model: the chat page and the HTTP API.

    python -m scripts.chat_web                        the newest SFT checkpoint
    python -m scripts.chat_web -i mid -g d4 -s 300    a particular one
    python -m scripts.chat_web --port=8080

Without a tag or step the choice is printed. Conversations are not logged.
"""

import errno
import os
import socket
from dataclasses import dataclass
from typing import Annotated, Literal

from nanochat.command_line import flag, parse, run
from nanochat.common import UserError
from nanochat.serve.settings import Defaults, Identity

LOOPBACK = ("127.0.0.1", "::1", "localhost")
WILDCARD = ("0.0.0.0", "::")  # every address of this machine
MAX_PORT = 65535


@dataclass(frozen=True)
class ChatWebConfig:
    num_gpus: Annotated[int, flag("-n")] = 1
    """replicas of the model, one per GPU; more than 1 only on CUDA"""
    source: Annotated[Literal["sft", "mid", "rl", "base"], flag("-i")] = "sft"
    """stage of the checkpoint"""
    temperature: Annotated[float, flag("-t")] = Defaults.temperature
    """for requests that name none; 0 always takes the likeliest token"""
    top_k: Annotated[int, flag("-k")] = Defaults.top_k
    """for requests that name none: draw from the k likeliest tokens only; 0 = from all"""
    max_tokens: Annotated[int, flag("-m")] = Defaults.max_tokens
    """for requests that name none: the longest answer"""
    model_tag: Annotated[str | None, flag("-g")] = None
    """directory of the checkpoint, such as d4"""
    step: Annotated[int | None, flag("-s", "--model-step")] = None
    """step of the checkpoint"""
    port: Annotated[int, flag("-p")] = 8000
    """0 = any free one"""
    dtype: Annotated[Literal["bfloat16", "float32"] | None, flag("-d")] = None
    """precision; unset = bfloat16 on CUDA, float32 elsewhere. bfloat16 halves the memory"""
    device_type: Literal["", "cuda", "cpu", "mps"] = ""
    """device; empty = the first available"""
    host: str = "127.0.0.1"
    """address to listen on; 0.0.0.0 lets every machine that reaches this one use the model"""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; UserError says which port is taken or why it cannot be had."""
    if not 0 <= port <= MAX_PORT:
        raise UserError(f"--port must be between 0 and {MAX_PORT}, got {port}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except socket.gaierror as error:
        raise UserError(f"--host={host} is not an address of this machine") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            other = port + 1 if port < MAX_PORT else port - 1
            raise UserError(
                f"port {port} on {host} is in use; choose another, for example --port={other}"
            ) from error
        # create_server appends the address to the system's words
        reason = os.strerror(error.errno) if error.errno else error
        raise UserError(f"cannot listen on {host} port {port}: {reason}") from error


def announce(host: str, port: int, identity: Identity) -> None:
    """Say who is speaking, where, and how to get there from another machine."""
    shown = "localhost" if host in (*LOOPBACK, *WILDCARD) else f"[{host}]" if ":" in host else host
    print(f"\n{identity} is speaking at http://{shown}:{port}")
    print("From another machine, tunnel to it and open the same address there:")
    print(f"    ssh -L {port}:localhost:{port} <user>@<this machine>")
    if host not in LOOPBACK:
        print("Anyone who can reach this address can use the model: there is no password.")
    print("Ctrl+C stops the server.", flush=True)


def main(argv: list[str] | None = None) -> None:
    config = parse(ChatWebConfig, argv, prog="chat_web", description=__doc__)
    defaults = Defaults(config.temperature, config.top_k, config.max_tokens)
    # a port that is taken should be known before a large model has been loaded
    with listen(config.host, config.port) as listener:
        from nanochat.serve.replicas import load_pool, pick_devices
        from nanochat.serve.server import serve

        devices = pick_devices(config.device_type or None, config.num_gpus)
        pool, identity = load_pool(
            config.source, config.model_tag, config.step, devices, config.dtype
        )
        announce(config.host, listener.getsockname()[1], identity)
        serve(pool, defaults, identity, listener)


if __name__ == "__main__":
    run(main)
