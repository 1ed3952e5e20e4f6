"""The classes of a task, under the name that modules of users import; also in :mod:`clnp`."""

from workers.data.loader import data_folder, load_benchmark, load_task, task_count, task_origin
from workers.data.samples import Benchmark, Samples, TaskData

__all__ = ["Benchmark", "Samples", "TaskData", "data_folder", "load_benchmark", "load_task", "task_count", "task_origin"]
