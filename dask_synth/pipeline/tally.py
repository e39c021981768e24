"""What a run has come to so far, folded from receipts as they land: by stage and by worker. Pure, and no Dask."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from dask_synth.pipeline.write import Receipt


@dataclass
class Share:
    """What one worker did, or all together.

    Attributes
    ----------
    chunks, rows, bytes
        Counts; `bytes` of the files as they were written.
    seconds
        Time in tasks, summed over threads.
    kept
        Chunks that an earlier run had finished.
    """

    chunks: int = 0
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    kept: int = 0

    def add(self, receipt: Receipt) -> None:
        """Count a receipt."""
        self.chunks += 1
        self.rows += receipt.rows
        self.bytes += receipt.bytes
        self.seconds += sum(receipt.seconds.values())
        self.kept += receipt.kept


@dataclass
class Tally:
    """The sum of the receipts so far; its size grows with the workers, not with the chunks.

    Attributes
    ----------
    whole
        All receipts.
    workers
        The share of each worker, by its name.
    stages
        Seconds in tasks of each stage, such as ``generate`` and ``encode-parquet``.
    """

    whole: Share = field(default_factory=Share)
    workers: defaultdict[str, Share] = field(default_factory=lambda: defaultdict(Share))
    stages: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, receipt: Receipt) -> None:
        """Count a receipt."""
        self.whole.add(receipt)
        self.workers[receipt.worker].add(receipt)
        for stage, seconds in receipt.seconds.items():
            self.stages[stage] += seconds
