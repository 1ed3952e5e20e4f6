"""What runs on a worker: tasks, training, artifacts, and the one file that knows Ray."""
