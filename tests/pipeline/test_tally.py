from __future__ import annotations

from dask_synth.pipeline.plan import Chunk
from dask_synth.pipeline.tally import Share, Tally
from dask_synth.pipeline.write import Receipt
from dask_synth.storage.manifest import FileEntry


def receipt(index: int, worker: str, *, size: int, kept: bool = False) -> Receipt:
    file = FileEntry.of("servers.parquet", b"x" * size, rows=10, servers=(0, 0), time=None, run_id="r")
    seconds = {"check": 0.5} if kept else {"generate": 1.0, "write": 0.25}
    return Receipt(Chunk(index, "web", index, index + 1), 10, (file, file), seconds, kept, worker)


def test_receipts_are_summed_by_worker_and_by_stage() -> None:
    tally = Tally()
    for one in (receipt(0, "a", size=3), receipt(1, "b", size=4), receipt(2, "a", size=5, kept=True)):
        tally.add(one)
    assert tally.whole == Share(chunks=3, rows=30, bytes=24, seconds=3.0, kept=1)
    assert tally.workers == {
        "a": Share(chunks=2, rows=20, bytes=16, seconds=1.75, kept=1),
        "b": Share(chunks=1, rows=10, bytes=8, seconds=1.25, kept=0),
    }
    assert tally.stages == {"generate": 2.0, "write": 0.5, "check": 0.5}
