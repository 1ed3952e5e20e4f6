"""Weights in a bucket: workers elsewhere reach it, its secrets stay out of every log, and the digests are a folder's."""

from pathlib import Path

import pytest

from tests.cluster.machines import Machines
from tests.cluster.runs import Drivers, undisturbed
from workers.storage.artifacts import ArtifactStore


@pytest.mark.slow
def test_a_run_with_postgresql_and_a_bucket_equals_one_with_sqlite_and_a_folder(
        drivers: Drivers, cluster: Machines, bucket: str, bucket_server: dict[str, str], tmp_path: Path) -> None:
    """Launch on nodes that were started without the credentials, then verify, doctor, resume and rm, all with the bucket."""
    config = drivers.config(tasks=2)
    alone = tmp_path / "alone"
    alone.mkdir()
    folder = Drivers(alone, f"sqlite:///{alone}/clnp.db", str(alone / "artifacts"))
    folder.config(tasks=2)
    expected = undisturbed(folder, cluster, config)
    in_bucket = Drivers(tmp_path, drivers.url, bucket)
    settings = cluster.environment | bucket_server
    for words in (["launch", config], ["resume", "spread"], ["verify", "spread"], ["doctor"], ["doctor", "spread"]):
        assert in_bucket.finish(in_bucket.start(settings, *words)) == 0, in_bucket.said()
        if words == ["doctor"]:
            assert f"{bucket} can be" in " ".join(in_bucket.said().split())
    assert in_bucket.digests("spread") == expected and len(expected) == 2
    stored = {digest for digest, _ in ArtifactStore(bucket).stored()}
    assert stored == {row.digest for row in in_bucket.read(lambda reads: reads.artifacts())}
    assert _where_the_secret_is(cluster, bucket_server["AWS_SECRET_ACCESS_KEY"]) == []
    assert in_bucket.finish(in_bucket.start(settings, "rm", "spread", "--yes")) == 0, in_bucket.said()
    assert list(ArtifactStore(bucket).stored()) == []


def _where_the_secret_is(cluster: Machines, secret: str) -> list[Path]:
    session = Path(cluster.environment["RAY_TMPDIR"]) / "ray" / "session_latest"
    files = [path for path in session.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any(path.name.startswith("runtime_env_agent") for path in files)
    return [path for path in files if secret.encode() in path.read_bytes()]
