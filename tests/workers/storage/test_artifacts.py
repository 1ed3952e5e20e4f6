"""Artifacts: named by their bytes, whole or not there, checked at every load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ArtifactError
from clnp_core.network import empty_network
from clnp_core.networks import mlp
from tests.messages import naming
from workers.storage.artifacts import ArtifactStore, get_network, put_network

TENSORS = {"b": torch.arange(6, dtype=torch.float32).reshape(2, 3), "a": torch.tensor([1, 2], dtype=torch.int16)}
FACTS = {"kind": "test", "zeta": 1, "alpha": [1, 2], "mid": {"x": None}}


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def test_what_was_put_comes_back_bit_for_bit(store: ArtifactStore) -> None:
    artifact = store.put(TENSORS, FACTS)
    contents = store.get(artifact.digest)
    assert contents.metadata == FACTS
    assert contents.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(contents.tensors[name], TENSORS[name]) for name in TENSORS)
    assert Path(store.shown(artifact.digest)).stat().st_size == artifact.bytes_written


def test_equal_content_has_one_digest_in_every_process(store: ArtifactStore) -> None:
    program = ("import torch\nfrom workers.storage.artifacts import ArtifactStore\n"
               "t = {'a': torch.tensor([1, 2], dtype=torch.int16), 'b': torch.arange(6, dtype=torch.float32).reshape(2, 3)}\n"
               "m = {'mid': {'x': None}, 'alpha': [1, 2], 'zeta': 1, 'kind': 'test'}\n"
               f"print(ArtifactStore({store.files.root!r}).put(t, m).digest)")
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "5"})
    assert there.stdout.strip() == store.put(TENSORS, FACTS).digest
    assert len(list(Path(store.files.root).rglob("*.safetensors"))) == 1


def test_a_flipped_bit_is_an_error_that_names_the_file(store: ArtifactStore) -> None:
    digest = store.put(TENSORS, FACTS).digest
    path = Path(store.shown(digest))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        store.get(digest)
    assert str(path) in caught.value.message and "is damaged" in caught.value.message


def test_a_damaged_file_is_written_anew_by_the_next_put(store: ArtifactStore) -> None:
    digest = store.put(TENSORS, FACTS).digest
    Path(store.shown(digest)).write_bytes(b"")
    assert store.put(TENSORS, FACTS).digest == digest
    assert store.get(digest).metadata == FACTS


def test_a_truncated_file_is_an_error(store: ArtifactStore) -> None:
    digest = store.put(TENSORS, FACTS).digest
    path = Path(store.shown(digest))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ArtifactError, match=naming("damaged")):
        store.get(digest)


def test_a_missing_file_names_the_folder_setting(store: ArtifactStore) -> None:
    with pytest.raises(ArtifactError, match=naming("CLNP_STORAGE")):
        store.get("ab" * 32)


def test_nothing_half_written_is_left_behind(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ArtifactError, match=naming("No space left on device")):
        store.put(TENSORS, FACTS)
    assert [path for path in Path(store.files.root).rglob("*") if path.is_file()] == []


def test_other_users_of_a_shared_store_may_read(store: ArtifactStore) -> None:
    mask = os.umask(0o022)
    os.umask(mask)
    path = Path(store.shown(store.put(TENSORS, FACTS).digest))
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_remove_says_what_it_freed(store: ArtifactStore) -> None:
    artifact = store.put(TENSORS, FACTS)
    assert store.remove(artifact.digest) == artifact.bytes_written
    assert store.remove(artifact.digest) == 0


def test_networks_come_back(store: ArtifactStore) -> None:
    network = empty_network(mlp(4, (3, 2), 2))
    digest = put_network(store, network, "commit", task=1).digest
    back, contents = get_network(store, digest)
    assert back.architecture == network.architecture
    assert contents.metadata["task"] == 1


def test_a_network_with_a_missing_tensor_is_refused(store: ArtifactStore) -> None:
    network = empty_network(mlp(4, (3, 2), 2))
    tensors = network.to_tensors()
    del tensors["hidden.2.bias"]
    digest = store.put(tensors, {"kind": "commit", "architecture": network.architecture.to_json()}).digest
    with pytest.raises(ArtifactError, match=naming("missing")):
        get_network(store, digest)
