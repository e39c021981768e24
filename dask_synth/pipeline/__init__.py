"""How a fleet is computed: configuration to chunks, chunks to tables, tables to files, on any Dask."""
