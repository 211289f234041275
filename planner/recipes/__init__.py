"""Ready-made graphs. Executors import the functions from here, so nothing here needs more than numpy and pyarrow."""
