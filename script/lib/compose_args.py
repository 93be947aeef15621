"""Turns a service of deploy/compose.yaml into arguments of `podman run`, so that a test runs what users get.

A key that is not known here is an error: the test would leave untested what it stands for. Where the services stand to each
other (networks, ports, order) is the test's own affair: it puts them into one pod without a network.
"""

import json
import pathlib
import sys

import yaml

ELSEWHERE = {"build", "depends_on", "image", "logging", "networks", "ports", "pull_policy", "restart", "stop_grace_period"}


def plain(text):
    """Compose writes `$$` for a dollar that is not its own."""
    return str(text).replace("$$", "$")


def volume(text, folder):
    source, _, rest = text.partition(":")
    if source.startswith("."):
        return f"{(folder / source).resolve()}:{rest}"
    return f"parapet-test-{source}:{rest}"


def health(check):
    command = [plain(part) for part in check["test"]]
    # podman wants a string for a shell, and a JSON list for a command.
    text = command[1] if command[0] == "CMD-SHELL" else json.dumps(command[1:])
    return [f"--health-cmd={text}", "--health-interval=disable"]


def arguments(service, folder, secrets):
    yield from [f"--read-only={str(service.pop('read_only', False)).lower()}", "--read-only-tmpfs=false"]
    for key, value in service.items():
        match key:
            case "cap_drop":
                yield from (f"--cap-drop={name}" for name in value)
            case "command":
                pass
            case "entrypoint":
                yield f"--entrypoint={json.dumps(value)}"
            case "healthcheck":
                yield from health(value)
            case "mem_limit":
                yield f"--memory={value}"
            case "pids_limit":
                yield f"--pids-limit={value}"
            case "secrets":
                yield from (f"--volume={secrets / name}:/run/secrets/{name}:ro" for name in value)
            case "security_opt":
                # podman has no `:true` behind it.
                yield from (f"--security-opt={name.removesuffix(':true')}" for name in value)
            case "tmpfs":
                yield from (f"--tmpfs={mount}" for mount in value)
            case "user":
                yield f"--user={value}"
            case "volumes":
                yield from (f"--volume={volume(text, folder)}" for text in value)
            case _ if key not in ELSEWHERE:
                sys.exit(f"error: {key!r} in the compose file is not known to {__file__}")


def main():
    file, name, image, secrets = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4])
    service = yaml.safe_load(file.read_text())["services"][name]
    command = [plain(part) for part in service.get("command", [])]
    for argument in [*arguments(service, file.parent, secrets), image, *command]:
        print(argument, end="\0")


if __name__ == "__main__":
    main()
