"""A real Neo4j server from Maven artifacts: no Docker, no tarball; Java 17 and, the first time, Maven.

The jars are kept in `${XDG_CACHE_HOME:-~/.cache}/graphengine`, beside an archive of the loaded classes that makes later
starts quicker. A server is a child of this process, in a process group of its own, and ends with it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "5.26.20"
POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>neo4j-home</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.neo4j.app</groupId><artifactId>neo4j-server</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
OPENS = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent", "java.lang")

# Profile "test" starts fastest and smallest; "load" is for imports and benchmarks.
JVM = {
    "test": ("-Xms64m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xss512k"),
    "load": ("-Xms2g", "-Xmx2g", "-XX:+UseParallelGC"),
}
PAGE_CACHE = {"test": "128m", "load": "1g"}


class NotAvailable(Exception):
    """This way to a server is closed on this machine; the message says why."""


class MavenNeo4j:
    """A server process and the folder it lives in.

    Args:
        home: A folder of its own; a second `start` finds the data of the first.
        profile: "test" or "load".
        archive: Write the archive of loaded classes when this server stops, if there is none yet.
    """

    username, database = "neo4j", "neo4j"

    def __init__(self, home: Path, profile: str = "test", *, archive: bool = False) -> None:
        self.home, self.profile = home, profile
        self.password = secrets.token_urlsafe(18)
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._archive = archive

    @property
    def uri(self) -> str:
        """The server's address; the same after a restart."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def console(self) -> str:
        """The end of what the server printed."""
        path = self.home / "console.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def launch(self) -> None:
        """Starts the process; it answers some seconds later.

        Raises:
            NotAvailable: If there is no Java 17, or the jars can't be had.
        """
        java, lib = find_java(), find_jars()
        if not (self.home / "conf").exists():
            write_password(self.home, self.password)
        write_configuration(self.home, self.port, PAGE_CACHE[self.profile])
        command = [
            *end_with_parent(), java, *JVM[self.profile], *self._class_data(lib),
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENS), "-Dfile.encoding=UTF-8",
            # Sorted: the archive belongs to one class path.
            "-cp", ":".join(str(jar) for jar in sorted(lib.glob("*.jar"))),
            "org.neo4j.server.CommunityEntryPoint", f"--home-dir={self.home}", f"--config-dir={self.home / 'conf'}",
        ]  # fmt: skip
        hidden = {"NEO4J_CONF", "NEO4J_HOME", "CLASSPATH", "JAVA_TOOL_OPTIONS"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        with (self.home / "console.log").open("ab") as console:
            self.process = subprocess.Popen(
                command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                start_new_session=True,
            )  # fmt: skip

    def alive(self) -> bool:
        """Is the process there?"""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`: what was not yet on disk is gone."""
        self._end(signal.SIGKILL, 10)

    def stop(self) -> None:
        """An orderly end; a killing one where that takes too long."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._end(signal.SIGTERM, 120 if self._archive else 30)
        self._end(signal.SIGKILL, 10)
        self._keep_class_data()

    def remove(self) -> None:
        """The end of the server and of its data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _end(self, how: signal.Signals, seconds: float) -> None:
        # Popen never signals a process that was already waited for, so a reused process id is safe.
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(seconds)

    def _class_data(self, lib: Path) -> list[str]:
        quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
        archive = class_archive(lib, self.profile)
        self._archive = self._archive and not archive.exists()
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", *quiet]
        return [f"-XX:ArchiveClassesAtExit={self.home / 'classes.jsa'}", *quiet] if self._archive else []

    def _keep_class_data(self) -> None:
        made = self.home / "classes.jsa"
        if self._archive and made.exists():
            kept = class_archive(find_jars(), self.profile)
            partial = kept.with_suffix(f".{os.getpid()}")
            shutil.copyfile(made, partial)
            partial.replace(kept)


def class_archive(lib: Path, profile: str) -> Path:
    """Where the archive of loaded classes is kept; an unfit one is ignored by the JVM."""
    return lib.parent / f"{profile}.jsa"


def find_java() -> str:
    """The Java to run, 17 or newer.

    Raises:
        NotAvailable: If there is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if java is None:
        raise NotAvailable("no java")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < 17:
        raise NotAvailable(f"Neo4j needs Java 17, this is {said.splitlines()[:1]}")
    return java


def find_jars() -> Path:
    """The folder of the server's jars, resolved with Maven once; a half-made folder is never seen.

    Raises:
        NotAvailable: If there is no Maven, or it can't resolve them.
    """
    lib = cache() / f"neo4j-{VERSION}" / "lib"
    if lib.exists():
        return lib
    maven = shutil.which("mvn")
    if maven is None:
        raise NotAvailable("no mvn (needed once, to fetch the server's jars)")
    lib.parent.mkdir(parents=True, exist_ok=True)
    with locked(lib.parent / "lock"), tempfile.TemporaryDirectory(dir=lib.parent) as work:
        if lib.exists():
            return lib
        pom, made = Path(work, "pom.xml"), Path(work, "lib")
        pom.write_text(POM)
        done = subprocess.run(
            [maven, "-B", "-q", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime",
             f"-DoutputDirectory={made}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        if done.returncode or not (made / f"neo4j-{VERSION}.jar").exists():
            raise NotAvailable(f"Maven can't resolve Neo4j:\n{(done.stdout + done.stderr)[-2000:]}")
        made.rename(lib)
    return lib


def cache() -> Path:
    """Where this project keeps what it fetched."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphengine"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits until no other process holds the file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def end_with_parent() -> list[str]:
    """Where Linux's setpriv is there, the server ends when this process does, however that ends."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def free_port() -> int:
    """A port that nobody listens on, outside the range that outgoing connections take theirs from."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise NotAvailable("no free port")


def write_password(home: Path, password: str) -> None:
    """What `neo4j-admin dbms set-initial-password` writes, without a second JVM (SHA-256, 1024 rounds, salted)."""
    salt = secrets.token_bytes(32)
    digest = salt + password.encode()
    for _ in range(1024):
        digest = hashlib.sha256(digest).digest()
    path = home / "data" / "dbms" / "auth.ini"
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    path.write_text(f"neo4j:SHA-256,{digest.hex()},{salt.hex()},1024:\n")


def write_configuration(home: Path, port: int, page_cache: str) -> None:
    """The server's settings: Bolt on the loopback only, nothing else listens, nothing is reported home."""
    settings = {
        "server.default_listen_address": "127.0.0.1",
        "server.bolt.listen_address": f"127.0.0.1:{port}",
        "server.bolt.advertised_address": f"127.0.0.1:{port}",
        "server.http.enabled": "false",
        "server.https.enabled": "false",
        "dbms.usage_report.enabled": "false",
        "client.allow_telemetry": "false",
        "server.memory.pagecache.size": page_cache,
        "db.tx_log.preallocate": "false",  # else 256 MiB on disk for each database
        "db.tx_log.rotation.retention_policy": "1 files",
        # The stores are closed before this wait; by default it lasts 10 s.
        "internal.server.bolt.thread_pool_shutdown_wait_time": "100ms",
    }
    for folder in ("conf", "logs", "run", "import", "plugins", "lib"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "conf" / "neo4j.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
