"""A W&B server that goes away in the middle of a run: training goes on, ends in time, and keeps what it logged."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import lightning as L
import pytest
import wandb

from tests.runs import TINY_MLP, metric_rows, train
from tests.wandb_records import of_kind, values


class Server:
    """Answers as much of W&B's interface as a run needs, until it is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = json.dumps(outer.answer(self.path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, path: str, body: bytes) -> dict:
        """To a query, or to a part of the log."""
        if "graphql" not in path:
            self.asked.append(path.rsplit("/", 1)[-1])
            return {"limits": {}}
        request = json.loads(body)
        name = re.search(r"(?:query|mutation)\s+(\w+)", request["query"])[1]
        self.asked.append(name)
        if name == "UpsertBucket":
            project = {"id": "p", "name": "ssgan", "entity": {"id": "e", "name": "me"}}
            bucket = {"id": "b", "name": request["variables"].get("name"), "displayName": "d", "description": "",
                      "config": "{}", "sweepName": None, "historyLineCount": 0, "project": project}  # fmt: skip
            return {"data": {"upsertBucket": {"bucket": bucket, "inserted": True}}}
        if name == "CreateRunFiles":
            place = f"http://127.0.0.1:{self.http.server_port}/upload"
            files = [{"name": file, "uploadUrl": place} for file in request["variables"]["files"]]
            return {"data": {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}}
        viewer = {"id": "u", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}
        return {"data": {"viewer": viewer, "serverInfo": {"features": []}}}

    def close(self) -> None:
        """Refuse every further connection."""
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    wandb.teardown()  # what it has read of the environment before is forgotten
    server = Server()
    for name, value in {
        "WANDB_BASE_URL": f"http://127.0.0.1:{server.http.server_port}",
        "WANDB_API_KEY": "a" * 40,
        "WANDB_ERROR_REPORTING": "false",
        "WANDB_SILENT": "true",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield server
    server.close()
    wandb.teardown()


def test_a_server_that_goes_away_does_not_stop_the_run(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ssgan.loggers.wandb_logger.FINISH_TIMEOUT", 3.0)

    class GoesAway(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
            if trainer.global_step == 10:
                server.close()

    run = ("debug=fast", "trainer=cpu", "callbacks=none", "logger=[csv,wandb]", "wandb.mode=online", *TINY_MLP)
    began = time.monotonic()
    result = train(tmp_path, *run, callbacks=[GoesAway()])
    assert time.monotonic() - began < 60
    assert "UpsertBucket" in server.asked, "the run was online"
    assert result["iterations"] == 20 and (tmp_path / "result.json").is_file()
    assert [row["step"] for row in metric_rows(tmp_path) if "train/d_loss" in row] == [5, 10, 15, 20]
    wandb.teardown()  # as at the end of the process: wandb's own process writes what it still has
    [kept] = tmp_path.glob("wandb/run-*/run-*.wandb")
    assert b"train/d_loss" in kept.read_bytes(), "what wandb sync uploads"


@pytest.mark.usefixtures("server")
@pytest.mark.skipif(not shutil.which("pkill"), reason="no pkill to end wandb's own process by its name")
def test_wandbs_own_process_may_die_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All that speaks to it fails from then on; the run says so once and goes on, and the next job has its own."""

    class Kills(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
            if trainer.global_step == 10:
                subprocess.run(["pkill", "-KILL", "-P", str(os.getpid()), "wandb-core"], check=True)
                time.sleep(1)

    run = ("debug=fast", "trainer=cpu", "callbacks=samples", "logger=[csv,wandb]", "wandb.mode=offline", *TINY_MLP)
    result = train(tmp_path / "first", *run, callbacks=[Kills()])
    assert result["iterations"] == 20
    lines = [record.getMessage() for record in caplog.records if record.name == "ssgan.loggers.wandb_logger"]
    assert len(lines) == 1 and "training goes on" in lines[0]
    assert wandb.run is None
    train(tmp_path / "second", *run)
    rows = [values(record.item) for record in of_kind(tmp_path / "second", "history")]
    assert [row["trainer/global_step"] for row in rows if "train/d_loss" in row] == [5, 10, 15, 20]
    assert [end.exit_code for end in of_kind(tmp_path / "second", "exit")] == [0]
