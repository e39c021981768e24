from __future__ import annotations

import pickle

from dask_synth.pipeline.task import TaskError


def test_what_went_wrong_in_a_task_travels_and_reads_as_a_sentence() -> None:
    error = pickle.loads(pickle.dumps(TaskError("tcp://10.0.0.7:4001", "OSError: full", 28)))
    assert (error.worker, error.cause, error.code) == ("tcp://10.0.0.7:4001", "OSError: full", 28)
    assert str(error) == "OSError: full (on tcp://10.0.0.7:4001)"
