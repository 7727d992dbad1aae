"""The example of a fleet: its YAML, the objects of Kubernetes, and the options of its commands."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bot.cli.main import COMMANDS

PROJECT = Path(__file__).parents[3]
FLEET = PROJECT / "examples" / "fleet"
COMPOSE: dict[str, Any] = yaml.safe_load((FLEET / "compose.yaml").read_text())
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all((FLEET / "kubernetes.yaml").read_text()))
API = {
    "Service": "v1",
    "StatefulSet": "apps/v1",
    "Deployment": "apps/v1",
    "Job": "batch/v1",
}
WORKERS = [line for line in (FLEET / "dispatcher.list").read_text().splitlines() if line.startswith("1 ")]


def commands() -> Iterator[list[str]]:
    """The arguments of srtpbot in all containers."""
    for service in COMPOSE["services"].values():
        if "command" in service:
            yield service["command"]
    for container in containers():
        if "args" in container:
            yield container["args"]
        if "readinessProbe" in container:
            yield container["readinessProbe"]["exec"]["command"][1:]


def containers() -> Iterator[dict[str, Any]]:
    for one in OBJECTS:
        yield from one["spec"].get("template", {}).get("spec", {}).get("containers", [])


@pytest.mark.parametrize("arguments", list(commands()), ids=" ".join)
def test_the_command_has_these_options(arguments: list[str]) -> None:
    name, *rest = arguments
    if name not in COMMANDS:
        pytest.skip(f"there is no command {name}")
    assert all(isinstance(argument, str) for argument in arguments)
    command: click.Command = importlib.import_module(f"bot.cli.{name}").command
    command.make_context(name, [*rest])


def test_compose() -> None:
    services = COMPOSE["services"]
    assert all({"image", "build"} & set(service) for service in services.values())
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        if "build" in service:
            context = (FLEET / service["build"]["context"]).resolve()
            assert context == PROJECT
            assert (context / service["build"]["dockerfile"]).is_file()
    names = [services[f"parrot-{number}"]["networks"]["default"]["aliases"][0] for number in range(3)]
    assert [f"sip:{name}:5060" in worker for name, worker in zip(names, WORKERS, strict=True)] == [True] * 3


def test_kubernetes() -> None:
    assert [(one["kind"], one["apiVersion"]) for one in OBJECTS] == [
        (one["kind"], API[one["kind"]]) for one in OBJECTS
    ]
    for one in OBJECTS:
        assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
        labels = one["spec"].get("template", {}).get("metadata", {}).get("labels")
        if "selector" in one["spec"] and labels:
            assert one["spec"]["selector"]["matchLabels"] == labels
    services = {one["metadata"]["name"] for one in OBJECTS if one["kind"] == "Service"}
    [parrots] = [one for one in OBJECTS if one["kind"] == "StatefulSet"]
    assert parrots["spec"]["serviceName"] in services
    pods = [f"sip:parrot-{number}.parrot:5060" for number in range(parrots["spec"]["replicas"])]
    assert [pod in worker for pod, worker in zip(pods, WORKERS, strict=True)] == [True] * len(pods)
    assert "front" in services
    for container in containers():
        assert container["image"]
        assert all(1 <= port["containerPort"] <= 65535 for port in container.get("ports", []))


def test_each_worker_has_its_number_and_its_limit() -> None:
    assert [worker.split()[4] for worker in WORKERS] == [f"duid={n};maxload=4" for n in range(len(WORKERS))]


def test_what_the_front_is_built_of() -> None:
    text = (FLEET / "Dockerfile.front").read_text()
    [copied] = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY")]
    assert all((PROJECT / name).is_file() for name in copied)


def test_the_master_waits_for_its_workers() -> None:
    services = COMPOSE["services"]
    workers = [one for one in services.values() if "--worker" in one.get("command", [])]
    jobs = {one["metadata"]["name"]: one["spec"] for one in OBJECTS if one["kind"] == "Job"}
    [container] = jobs["load"]["template"]["spec"]["containers"]
    for command, count in (
        (services["load"]["command"], len(workers)),
        (container["args"], jobs["worker"]["parallelism"]),
    ):
        assert command[command.index("--workers") + 1] == str(count) == "2"
    assert {"parrot", "front", "load"} == {
        one["metadata"]["name"] for one in OBJECTS if one["kind"] == "Service"
    }
