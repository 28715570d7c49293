"""A real Neo4j server in a container, where a Docker engine answers."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess

from tests.neo4j_maven import NotAvailable, free_port

IMAGE = "neo4j:5.26-community"
MEMORY = {"test": ("512m", "128m"), "load": ("2g", "1g")}


class DockerNeo4j:
    """A container; its data stays with it until `remove`.

    Args:
        profile: "test" or "load": how much memory it gets.
    """

    username, database = "neo4j", "neo4j"

    def __init__(self, profile: str = "test") -> None:
        self.password = secrets.token_urlsafe(18)
        self.port = free_port()
        self.name = f"graphengine-test-{secrets.token_hex(6)}"
        self.profile = profile
        self._made = False

    @property
    def uri(self) -> str:
        """The server's address; the same after a restart."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def console(self) -> str:
        """The end of what the server printed."""
        return docker("logs", "--tail", "40", self.name)

    def launch(self) -> None:
        """Makes the container, or starts it again.

        Raises:
            NotAvailable: If no engine answers, or the image can't be had.
        """
        if self._made:
            docker("start", self.name)
            return
        docker("info")
        docker("pull", "--quiet", IMAGE)
        heap, page_cache = MEMORY[self.profile]
        settings = {
            "NEO4J_server_memory_heap_max__size": heap,
            "NEO4J_server_memory_pagecache_size": page_cache,
            "NEO4J_dbms_usage__report_enabled": "false",
        }
        docker(
            "run", "--detach", "--name", self.name, "--publish", f"127.0.0.1:{self.port}:7687",
            "--env", "NEO4J_AUTH", *(f"--env={name}={value}" for name, value in settings.items()), IMAGE,
            NEO4J_AUTH=f"neo4j/{self.password}",
        )  # fmt: skip
        self._made = True

    def alive(self) -> bool:
        """Does the container run?"""
        return docker("inspect", "--format", "{{.State.Running}}", self.name).strip() == "true"

    def kill(self) -> None:
        """`kill -9`: what was not yet on disk is gone."""
        docker("kill", self.name)

    def stop(self) -> None:
        """An orderly end."""
        docker("stop", self.name)

    def remove(self) -> None:
        """The end of the server and of its data."""
        if self._made:
            docker("rm", "--force", "--volumes", self.name)


def docker(*arguments: str, **environment: str) -> str:
    """Runs a docker command and returns what it printed.

    Raises:
        NotAvailable: If it fails.
    """
    if shutil.which("docker") is None:
        raise NotAvailable("no docker")
    done = subprocess.run(
        ["docker", *arguments], env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=900, check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotAvailable(f"docker {arguments[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout + done.stderr
