"""The name under which modules of users import what a task is made of; :mod:`clnp` has the same."""

from workers.data.loader import data_folder, load_benchmark, load_task, task_count, task_origin
from workers.data.samples import Benchmark, Samples, TaskData

__all__ = ["Benchmark", "Samples", "TaskData", "data_folder", "load_benchmark", "load_task", "task_count", "task_origin"]
