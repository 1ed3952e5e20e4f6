"""Memory that is given back stays in the process."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from workers.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(3):
    torch.ones(4_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(4_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to")
def test_the_system_need_not_clear_the_same_memory_again_and_again() -> None:
    faults = [int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True).stdout)
              for how in ("keep", "leave")]
    assert faults[0] < faults[1] / 5
