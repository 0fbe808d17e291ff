"""Downloads from a server: a file that is not whole, or another one, is not taken."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torchvision.datasets

from ssgan.data import MNIST
from ssgan.errors import DataError
from tests.fake_data import write_mnist


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A server of MNIST's files; what it serves can be replaced."""
    write_mnist(tmp_path / "served")
    files = {f"{path.name}.gz": gzip.compress(path.read_bytes()) for path in (tmp_path / "served").rglob("*-ubyte")}
    served = dict(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[name])))
            self.end_headers()
            self.wfile.write(served[name])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", sums)
    yield served
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("fault", ["interrupted", "another file"])
def test_a_download_that_is_not_whole_is_not_taken_and_the_next_one_is(fault: str, mirror: dict, tmp_path: Path):
    name = sorted(mirror)[2]
    good = mirror[name]
    mirror[name] = good[: len(good) // 2] if fault == "interrupted" else good[:-4] + b"...."
    root = tmp_path / "root"
    with pytest.raises(DataError, match="could be neither read nor downloaded") as error:
        MNIST(root=str(root)).load()
    assert "\n" not in str(error.value)
    mirror[name] = good
    assert len(MNIST(root=str(root)).load().x_train) == 200
