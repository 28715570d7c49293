"""Where tasks run: in this process, or on the workers of a Dask cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from graphengine.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Client

ENGINES = ("local", "dask")

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Engine(Protocol):
    """Runs a function on tasks.

    Attributes:
        workers: How many tasks may run side by side.
        threads: How many threads a task may use.
    """

    workers: int
    threads: int

    def map(self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]:
        """The results, in the order of the tasks."""
        ...


class Local:
    """As many tasks side by side as there are threads, in this process."""

    def __init__(self, threads: int) -> None:
        self.workers, self.threads = 1, threads

    def map(self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]:
        """The results, in the order of the tasks."""
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(function, tasks)


class Dask:
    """Tasks side by side on the workers of a cluster; only their paths and figures travel."""

    def __init__(self, client: Client) -> None:
        self.client, self.threads = client, 1
        threads: Any = client.nthreads()
        self.workers = max(1, sum(threads.values()))

    def map(self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]) -> Iterator[_Result]:
        """The results, in the order of the tasks."""
        waiting: list[Any] = self.client.map(function, tasks, pure=False)
        for future in waiting:
            yield future.result()


@contextmanager
def engine(name: str, threads: int, scheduler: str | None = None) -> Iterator[Engine]:
    """An engine by name.

    Args:
        name: "local" or "dask".
        threads: Threads to use; for Dask without a scheduler the number of worker processes.
        scheduler: Address of a Dask scheduler that is running, such as `tcp://host:8786`; without one, workers are
            started on this machine.

    Raises:
        InputError: If there is no such engine, or the scheduler does not answer.
        MissingExtraError: If Dask is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"unknown engine: {name!r}", hint=f"one of: {', '.join(ENGINES)}", value=name)
    if name == "local":
        if scheduler is not None:
            raise InputError("a scheduler is of use for Dask only", hint="--engine dask", value=scheduler)
        yield Local(threads)
        return
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingExtraError.of("distributed", "dask") from error
    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=10)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {scheduler}", hint="dask scheduler --port 8786",
                             value=scheduler) from error
        with client:
            yield Dask(client)
        return
    none: Any = None  # no web page about the workers: it would need a package of its own, and a port
    with (
        LocalCluster(n_workers=threads, threads_per_worker=1, dashboard_address=none, host="127.0.0.1") as cluster,
        Client(cluster) as client,
    ):
        yield Dask(client)
