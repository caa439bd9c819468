"""The bundled tables are what `tabulate` makes of the published ones."""

from __future__ import annotations

from pathlib import Path

import poblar.data.reference as bundled
from poblar.data._sources import OWN
from poblar.data.tabulate import main


def test_the_bundled_tables_are_made_again_byte_for_byte(
    tmp_path: Path, wpp_folder: Path, asylum_folder: Path, flows_folder: Path
) -> None:
    folders = {"--wpp": wpp_folder, "--asylum": asylum_folder, "--flows": flows_folder, "--out": tmp_path}
    main([str(word) for pair in folders.items() for word in pair])
    folder = Path(bundled.__file__).parent
    names = sorted(path.name for path in tmp_path.iterdir())
    kept = {f"{name}.csv" for name in OWN}
    assert names == sorted({path.name for path in folder.iterdir() if path.suffix in (".csv", ".json")} - kept)
    different = [name for name in names if (tmp_path / name).read_bytes() != (folder / name).read_bytes()]
    assert different == []
