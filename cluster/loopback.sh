#!/usr/bin/env bash
# Run a command while a Dask scheduler and workers run on 127.0.0.1:  cluster/loopback.sh COMMAND [ARG ...]
# PORT and WORKERS can be set in the environment.
set -euo pipefail
port=${PORT:-8786}
dask scheduler --host 127.0.0.1 --port "$port" --no-dashboard &
trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT
dask worker "tcp://127.0.0.1:$port" --host 127.0.0.1 --nworkers "${WORKERS:-2}" --nthreads 1 --no-dashboard &
"$@"
