"""A real chat endpoint on this machine, which answers, refuses, babbles or cuts the connection as it is told."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = dict[str, Any]
"""What to do: `text` (an answer), `status` with `error`, `raw` (a body as it is), `cut` (hang up), `half` (cut the body
short), each with `headers`, `usage`, `finish` where wanted."""


def echo(body: dict[str, Any], nth: int) -> Reply:
    """Say the user's message again."""
    return {"text": f"You said: {body['messages'][-1]['content']}"}


class ChatServer:
    """An endpoint at `url`; `asked` holds the bodies that came, `billed` how often each request was answered whole.

    Args:
        behave: Gets the body of a request and how often the same body came before; says what to do.
    """

    def __init__(self, behave: Callable[[dict[str, Any], int], Reply] = echo) -> None:
        self.behave = behave
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.billed: Counter[str] = Counter()
        self.url = ""
        self.lock = threading.Lock()
        self.seen: Counter[str] = Counter()


def _handler(state: ChatServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            name = json.dumps(body, sort_keys=True)
            with state.lock:
                nth = state.seen[name]
                state.seen[name] += 1
                state.asked.append(body)
                state.keys.append(self.headers["idempotency-key"])
                state.headers.append({key.lower(): value for key, value in self.headers.items()})
            reply = state.behave(body, nth)
            if reply.get("cut"):
                self.close_connection = True
                self.connection.close()
                return
            if "raw" in reply:
                content = reply["raw"].encode()
            elif "status" in reply:
                told = {"message": reply.get("error", "no"), "code": reply.get("code")}
                content = json.dumps({"error": told}).encode()
            else:
                choice = {
                    "index": 0, "finish_reason": reply.get("finish", "stop"),
                    "message": {"role": "assistant", "content": reply["text"]},
                }
                usage = reply.get("usage", {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
                content = json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            self.send_response(reply.get("status", 200))
            self.send_header("content-type", reply.get("type", "application/json"))
            self.send_header("content-length", str(len(content)))
            for key, value in reply.get("headers", {}).items():
                self.send_header(key, value)
            self.end_headers()
            if reply.get("half"):
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            if reply.get("status", 200) == 200 and "raw" not in reply:
                with state.lock:
                    state.billed[name] += 1
            self.wfile.write(content)

    return Handler


@contextmanager
def chat_server(behave: Callable[[dict[str, Any], int], Reply] = echo) -> Iterator[ChatServer]:
    """A server on the loopback, for as long as the block lasts."""
    state = ChatServer(behave)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # connections are cut on purpose

    server = Server(("127.0.0.1", 0), _handler(state))
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
