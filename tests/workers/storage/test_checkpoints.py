"""The file of a checkpoint: whole, of this training and of this environment, or not used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from clnp_core.errors import ArtifactError
from tests.messages import naming
from workers.storage.artifacts import ArtifactStore
from workers.storage.checkpoints import Checkpoints, Snapshot

KEY, OTHER = "ab" * 32, "cd" * 32
ENVIRONMENT = {"device": "cpu", "torch": "2", "code": "1+a", "threads": 1}
IMAGES = torch.arange(48, dtype=torch.float32).reshape(2, 3, 2, 4)
SNAPSHOT = Snapshot({"weight": torch.tensor([[0.1, -0.0], [float("inf"), 1e-45]]), "state": torch.arange(9, dtype=torch.uint8),
                     "none": torch.zeros(0, 3), "laid out": IMAGES.contiguous(memory_format=torch.channels_last)},
                    {"loss": 0.1, "best": None, "seal": '"sha256":"' + "0" * 64 + '"'})


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(tmp_path / "artifacts")


def test_what_was_written_comes_back_bit_for_bit_and_laid_out_as_it_was(checkpoints: Checkpoints) -> None:
    assert checkpoints.read(KEY, ENVIRONMENT) is None
    written = checkpoints.write(KEY, ENVIRONMENT, SNAPSHOT)
    assert checkpoints.files.size(checkpoints.name(KEY)) == written
    back = checkpoints.read(KEY, ENVIRONMENT)
    assert back is not None and back.facts == SNAPSHOT.facts and back.tensors.keys() == SNAPSHOT.tensors.keys()
    for name, tensor in SNAPSHOT.tensors.items():
        assert back.tensors[name].dtype == tensor.dtype and back.tensors[name].stride() == tensor.stride()
        assert back.tensors[name].numpy().tobytes() == tensor.numpy().tobytes()


def test_a_newer_one_takes_the_place_of_an_older_one(checkpoints: Checkpoints) -> None:
    for count in range(3):
        checkpoints.write(KEY, ENVIRONMENT, Snapshot({}, {"count": count}))
    back = checkpoints.read(KEY, ENVIRONMENT)
    assert back is not None and back.facts == {"count": 2}
    assert [key for key, _ in checkpoints.stored()] == [KEY]


def test_every_flipped_bit_and_every_truncation_is_noticed(checkpoints: Checkpoints) -> None:
    """All bytes of a small file: length, header, seal, tensors; and bytes that follow."""
    checkpoints.write(KEY, ENVIRONMENT, SNAPSHOT)
    path = Path(checkpoints.files.shown(checkpoints.name(KEY)))
    whole = path.read_bytes()
    for content in _damaged(whole):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match=naming("damaged")):
            checkpoints.read(KEY, ENVIRONMENT)
    path.write_bytes(whole)
    assert checkpoints.read(KEY, ENVIRONMENT) is not None


def _damaged(whole: bytes) -> Iterator[bytes]:
    for place in range(len(whole)):
        yield whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1:]
        yield whole[:place]
    yield whole + b"\0"


def test_an_artifact_is_no_checkpoint(checkpoints: Checkpoints) -> None:
    store = ArtifactStore(checkpoints.files.root)
    digest = store.put({"weight": torch.ones(3)}, {"kind": "trial"}).digest
    checkpoints.files.write(checkpoints.name(KEY), store.files.read(store.name(digest)))
    with pytest.raises(ArtifactError, match=naming("damaged")):
        checkpoints.read(KEY, ENVIRONMENT)


def test_that_of_another_training_is_refused(checkpoints: Checkpoints) -> None:
    checkpoints.write(OTHER, ENVIRONMENT, SNAPSHOT)
    checkpoints.files.write(checkpoints.name(KEY), checkpoints.files.read(checkpoints.name(OTHER)))
    with pytest.raises(ArtifactError, match=naming("another training")):
        checkpoints.read(KEY, ENVIRONMENT)


@pytest.mark.parametrize("changed", [{"device": "H100"}, {"torch": "3"}, {"code": "1+b"}, {"threads": 2}])
def test_that_of_another_environment_is_refused(checkpoints: Checkpoints, changed: dict[str, object]) -> None:
    checkpoints.write(KEY, ENVIRONMENT, SNAPSHOT)
    with pytest.raises(ArtifactError, match=naming("another environment")):
        checkpoints.read(KEY, ENVIRONMENT | changed)


def test_one_that_cannot_be_read_is_refused(checkpoints: Checkpoints) -> None:
    Path(checkpoints.files.shown(checkpoints.name(KEY))).mkdir(parents=True)
    with pytest.raises(ArtifactError, match=naming("Is a directory")):
        checkpoints.read(KEY, ENVIRONMENT)


def test_they_are_listed_with_their_age_beside_the_artifacts(checkpoints: Checkpoints) -> None:
    assert list(checkpoints.stored()) == []
    store = ArtifactStore(checkpoints.files.root)
    digest = store.put({"weight": torch.ones(3)}, {"kind": "trial"}).digest
    written = {key: checkpoints.write(key, ENVIRONMENT, SNAPSHOT) for key in (KEY, OTHER)}
    checkpoints.files.write("checkpoints/deeper/file.safetensors", b"not ours")
    checkpoints.files.write("checkpoints/notes.txt", b"not ours")
    found = dict(checkpoints.stored())
    assert {key: file.size_bytes for key, file in found.items()} == written
    assert all(0 <= file.age_seconds < 60 for file in found.values())
    assert [other for other, _ in store.stored()] == [digest]


def test_remove_says_what_it_freed(checkpoints: Checkpoints) -> None:
    written = checkpoints.write(KEY, ENVIRONMENT, SNAPSHOT)
    assert checkpoints.remove(KEY) == written
    assert checkpoints.remove(KEY) == 0
