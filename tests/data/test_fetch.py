"""Downloads over loopback: verified, resumed, and never at the cost of the old cache."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from poblar.data import DataError
from poblar.data import fetch as downloads

REGISTRY = Path(downloads.__file__).parent / "registry" / "wpp2024.json"
FILES = json.loads(REGISTRY.read_text(encoding="utf-8"))["files"]


@dataclass
class Mirror:
    """A folder served on loopback, the paths asked of it, and the length at which answers are cut."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, mirror: Mirror) -> None:
        self.mirror = mirror
        super().__init__(*arguments, directory=str(mirror.folder))

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.mirror.asked.append(name)
        if name not in self.mirror.cut:
            super().do_GET()
            return
        content = (self.mirror.folder / name).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.mirror.cut[name]])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def mirror(tmp_path: Path, wpp_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = tmp_path / "mirror"
    served.mkdir()
    for file in FILES:
        (served / file).symlink_to(wpp_folder / file)
    site = Mirror(served)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, mirror=site)) as server:
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def test_the_registry_is_of_the_published_files(wpp_folder: Path) -> None:
    for file, entry in FILES.items():
        content = (wpp_folder / file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"]), file
    assert set(FILES) == {path.name for path in wpp_folder.glob("*.txt")}


def test_the_publishers_address_is_pinned_to_the_revision() -> None:
    registry = json.loads(REGISTRY.read_text(encoding="utf-8"))
    assert registry["base"].endswith(f"PPgp/wpp2024/{registry['revision']}")
    assert {entry["folder"] for entry in FILES.values()} == {"data", "data-raw"}


def test_fetched_whole_and_then_never_asked_again(mirror: Mirror, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    target = downloads.fetch(
        "wpp2024", mirror=mirror.url, cache=tmp_path / "cache", progress=lambda *step: seen.append(step)
    )
    assert sorted(mirror.asked) == sorted(FILES)
    assert set(downloads.verify("wpp2024", cache=tmp_path / "cache")["state"]) == {"ok"}
    assert {path.name for path in target.iterdir()} == set(FILES)
    assert seen[-1][1] == seen[-1][2] == sum(entry["bytes"] for entry in FILES.values())
    mirror.asked.clear()
    assert downloads.fetch("wpp2024", mirror=f"{mirror.url}/", cache=tmp_path / "cache") == target
    assert mirror.asked == []


def test_an_interrupted_download_goes_on_with_the_rest(mirror: Mirror, tmp_path: Path) -> None:
    order = list(FILES)
    half = len(order) // 2
    (mirror.folder / order[half]).unlink()
    with pytest.raises(DataError, match=f"{re.escape(order[half])}: expected an answer from .*404") as caught:
        downloads.fetch("wpp2024", mirror=mirror.url, cache=tmp_path / "cache")
    assert "--mirror URL" in str(caught.value)
    states = downloads.verify("wpp2024", cache=tmp_path / "cache")["state"].tolist()
    assert states == ["ok"] * half + ["missing"] * (len(order) - half)
    (mirror.folder / order[half]).symlink_to(_published(mirror) / order[half])
    mirror.asked.clear()
    downloads.fetch("wpp2024", mirror=mirror.url, cache=tmp_path / "cache")
    assert mirror.asked == order[half:]


@pytest.mark.parametrize("kind", ["cut in transit", "cut on the mirror", "wrong hash"])
def test_a_bad_file_is_refused_and_the_old_cache_stays(mirror: Mirror, tmp_path: Path, kind: str) -> None:
    target = downloads.folder("wpp2024", cache=tmp_path / "cache")
    target.mkdir(parents=True)
    for file in FILES:
        shutil.copy(mirror.folder / file, target / file)
    old = b"an older revision\n"
    (target / "tfr.txt").write_bytes(old)
    content = (mirror.folder / "tfr.txt").read_bytes()
    if kind == "cut in transit":
        mirror.cut["tfr.txt"] = 1000
        expected = "tfr.txt: expected an answer from"
    elif kind == "cut on the mirror":
        replace(mirror.folder / "tfr.txt", content[:1000])
        expected = f"tfr.txt: expected {len(content)} bytes, found 1000 bytes"
    else:
        other = content.replace(b"4.851944", b"4.851945")
        replace(mirror.folder / "tfr.txt", other)
        found = hashlib.sha256(other).hexdigest()
        expected = f"tfr.txt: expected SHA-256 {FILES['tfr.txt']['sha256']}, found {found}"
    with pytest.raises(DataError, match=re.escape(expected)):
        downloads.fetch("wpp2024", mirror=mirror.url, cache=tmp_path / "cache")
    assert (target / "tfr.txt").read_bytes() == old
    assert {path.name for path in target.iterdir()} == set(FILES), "no half file is left"
    states = downloads.verify("wpp2024", cache=tmp_path / "cache").set_index("file")["state"]
    assert states[states != "ok"].to_dict() == {"tfr.txt": "wrong hash"}


def test_an_unreachable_network_names_the_mirror_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        closed = server.server_address[1]
    with pytest.raises(DataError, match=r"files already here are kept; or name a mirror that has them"):
        downloads.fetch("wpp2024", mirror=f"http://127.0.0.1:{closed}", cache=tmp_path)
    assert set(downloads.verify("wpp2024", cache=tmp_path)["state"]) == {"missing"}


def test_a_mirror_is_an_address() -> None:
    with pytest.raises(DataError, match=re.escape("begins with http:// or https://, found '/some/folder'")):
        downloads.fetch("wpp2024", mirror="/some/folder")


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="expected a cache folder that can be written"):
        downloads.fetch("wpp2024", mirror="http://127.0.0.1:9", cache=tmp_path / "file")


def test_the_environment_names_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POBLAR_CACHE", str(tmp_path))
    assert downloads.folder("wpp2024").is_relative_to(tmp_path)
    assert downloads.folder("wpp2024", cache="elsewhere").parts[0] == "elsewhere"


def test_what_is_available_says_revision_size_and_licence() -> None:
    row = downloads.available().set_index("name").loc["wpp2024"]
    assert row["revision"] == "2da7768ae64fc74105d3f9e98f9a74d37b62f99a"
    assert row["licence"] == "CC BY 3.0 IGO"
    assert row["bytes"] == sum(entry["bytes"] for entry in FILES.values())
    assert row["files"] == len(FILES)


def _published(mirror: Mirror) -> Path:
    return next(path.resolve().parent for path in mirror.folder.iterdir())
