"""``python -m dask_synth``."""

import os

# Before NumPy is loaded: what little linear algebra there is, its threads would only take the workers' cores for.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from dask_synth.cli.commands import main

if __name__ == "__main__":
    main(prog_name="python -m dask_synth")
