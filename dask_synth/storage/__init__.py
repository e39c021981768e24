"""Where a fleet lands: Arrow tables to bytes, bytes to files, files to a dataset. Knows no Dask."""
