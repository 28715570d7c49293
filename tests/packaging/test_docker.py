"""The files in docker/, as far as they can be read without an engine to run them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DOCKER = PROJECT / "docker"


@pytest.fixture(scope="module")
def services():
    """The services of the compose file."""
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module", params=["Dockerfile", "train.Dockerfile"])
def dockerfile(request):
    """The instructions of an image: (name, arguments) in order."""
    lines = (DOCKER / request.param).read_text().replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def test_password_has_no_default(services):
    """Compose refuses to start without a password from the environment, and the file holds none."""
    assert re.fullmatch(r"neo4j/\$\{NEO4J_PASSWORD:\?[^}]+\}", services["neo4j"]["environment"]["NEO4J_AUTH"])
    assert services["graphengine"]["environment"]["NEO4J_PASSWORD"] is None


def test_data_outlives_the_containers(services):
    """Both services keep what they write in named volumes."""
    declared = yaml.safe_load((DOCKER / "compose.yaml").read_text())["volumes"].keys()
    used = {volume.split(":")[0] for service in services.values() for volume in service["volumes"]}

    assert declared == used


def test_graphengine_waits_for_a_server_that_answers(services):
    """The command runs only when the server answers a query with the password."""
    assert "service_healthy" == services["graphengine"]["depends_on"]["neo4j"]["condition"]
    assert "cypher-shell" in services["neo4j"]["healthcheck"]["test"][1]


def test_server_is_not_open_to_the_network(services):
    """Ports are published on this machine only."""
    assert {"127.0.0.1"} == {port.split(":")[0] for port in services["neo4j"]["ports"]}


def test_server_settings_are_doubled_where_names_have_underscores(services):
    """No variable of the server but NEO4J_AUTH could be taken for a setting that does not exist."""
    names = services["neo4j"]["environment"].keys() - {"NEO4J_AUTH"}

    assert {"NEO4J_server", "NEO4J_dbms"} == {"_".join(name.split("_")[:2]) for name in names}


def test_image_copies_only_what_is_there_and_not_ignored(dockerfile):
    """Each file that the image is made of exists, and the list of what Docker sees lets it in."""
    copied = [arguments.split()[:-1] for name, arguments in dockerfile if name == "COPY" and "--from" not in arguments]
    sources = [source for group in copied for source in group]
    let_in = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert [] == [source for source in sources if not (PROJECT / source).exists()]
    assert set() == {source.split("/")[0] for source in sources} - let_in


def test_image_is_pinned_and_not_root(dockerfile):
    """Packages are checked against their hashes, and commands run as a user without rights."""
    names = [name for name, _ in dockerfile]
    installs = [arguments for name, arguments in dockerfile if name == "RUN" and "pip install" in arguments]

    assert all("--require-hashes" in install or "--no-deps" in install for install in installs)
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert ("USER", "graphengine") in dockerfile
