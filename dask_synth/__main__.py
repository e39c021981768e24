"""``python -m dask_synth``."""

from dask_synth.cli.commands import main

if __name__ == "__main__":
    main(prog_name="python -m dask_synth")
