"""Several grid points of a stage that train as one batched computation, for a GPU that one small network cannot fill."""
