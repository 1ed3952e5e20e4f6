"""What a run records about where it ran."""

import subprocess
import sys

from workers.environment import code_version, fingerprint, package_versions


def test_the_fingerprint_names_device_torch_code_and_threads() -> None:
    found = fingerprint(2)
    assert found.keys() == {"device", "torch", "code", "threads"}
    assert found["threads"] == 2
    assert found["code"] == code_version()


def test_versions_name_what_computes() -> None:
    assert {"python", "torch", "ray", "numpy", "sqlalchemy"} <= package_versions().keys()


def test_versions_are_read_without_importing_torch() -> None:
    program = "import sys; from workers.environment import *; code_version(); package_versions(); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
