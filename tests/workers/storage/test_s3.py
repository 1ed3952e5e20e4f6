"""What only a bucket does: uploads in parts, refusals over a network, and a package that may be missing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ArtifactError, ConfigError
from tests.messages import tells
from workers.storage.artifacts import ArtifactStore
from workers.storage.schemes import open_files


def test_what_needs_several_parts_arrives_whole(bucket: str) -> None:
    files = open_files(bucket)
    content = bytes(range(256)) * (120 * 2**20 // 256)
    files.write("ab/large", content)
    assert files.size("ab/large") == len(content) and files.read("ab/large") == content
    assert list(files.leftovers()) == []


def test_an_interrupted_upload_is_a_leftover_that_can_be_removed(bucket: str) -> None:
    files = open_files(bucket)
    program = ("import s3fs, sys\nsystem = s3fs.S3FileSystem()\nbucket, key = sys.argv[1].split('/', 1)\n"
               "upload = system.call_s3('create_multipart_upload', Bucket=bucket, Key=key)['UploadId']\n"
               "system.call_s3('upload_part', Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b'x' * 1000)\n"
               "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    for name in ("ab/large", "top"):
        subprocess.run([sys.executable, "-c", program, files.shown(name).removeprefix("s3://")], check=False)
    assert list(files.list()) == [] and files.size("ab/large") is None
    left = sorted(files.leftovers(), key=lambda file: file.name)
    assert [file.name.partition("?")[0] for file in left] == [".writing-top", "ab/.writing-large"]
    assert [file.size_bytes for file in left] == [1000, 1000] and all(file.age_seconds >= 0 for file in left)
    assert [files.remove(file.name) for file in left] == [1000, 1000]
    assert list(files.leftovers()) == [] and [files.remove(file.name) for file in left] == [0, 0]


def test_a_bucket_that_is_not_there(bucket: str) -> None:
    store = ArtifactStore("s3://not-there/prefix")
    assert list(store.stored()) == [] and store.size("ab" * 32) is None
    with pytest.raises(ArtifactError) as caught:
        store.put({"a": torch.zeros(1)}, {})
    assert caught.value.message.endswith(": The specified bucket does not exist")
    assert tells(caught.value, "AWS_ENDPOINT_URL")


@pytest.mark.parametrize(("settings", "reason"), [
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect"),
    ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}, "credentials")])
def test_a_store_that_cannot_be_reached_is_an_error_in_bounded_time(bucket: str, settings: dict[str, str], reason: str) -> None:
    program = ("import torch\nfrom clnp_core.errors import ArtifactError\nfrom workers.storage.artifacts import ArtifactStore\n"
               f"store = ArtifactStore({bucket!r})\n"
               "for ask in (lambda: store.put({'a': torch.zeros(1)}, {}), lambda: store.get('ab' * 32), "
               "lambda: store.remove('ab' * 32)):\n"
               "    try:\n        ask()\n    except ArtifactError as error:\n        print(error.message)")
    began = time.monotonic()
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=200,
                            env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(sys.path)})
    said = answer.stdout.splitlines()
    assert [line.split(" artifact ")[0] for line in said] == ["cannot write", "cannot read", "cannot remove"], answer.stderr
    assert all(reason.lower() in line.lower() for line in said), said
    assert "a-secret-for-tests" not in answer.stdout + answer.stderr
    assert time.monotonic() - began < 120


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError) as caught:
        open_files("s3://bucket/prefix")
    assert tells(caught.value, "bucket/prefix", "pip install 'clnp[s3]'")
