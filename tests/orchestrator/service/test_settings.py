"""A service that would let strangers in does not start."""

import dataclasses
from pathlib import Path

import pytest

from clnp_core.errors import ConfigError
from orchestrator.jobs.jobs import JobKind
from orchestrator.runs.location import Place
from orchestrator.service.settings import ServiceSettings, checked, is_loopback
from tests.messages import naming, tells

TOKEN = "0123456789abcdef"


@pytest.fixture
def wanted(tmp_path: Path) -> ServiceSettings:
    """On the loopback address, without a token."""
    return ServiceSettings(Place.of(f"sqlite:///{tmp_path}/clnp.db", str(tmp_path)))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "lab.example"])
def test_off_the_loopback_address_a_token_is_needed_and_reading_needs_it(wanted: ServiceSettings, host: str) -> None:
    with pytest.raises(ConfigError, match=naming(host)):
        checked(dataclasses.replace(wanted, host=host))
    assert checked(dataclasses.replace(wanted, host=host, token=TOKEN)).closed


def test_on_the_loopback_address_everybody_may_read(wanted: ServiceSettings) -> None:
    assert not checked(wanted).closed and not checked(dataclasses.replace(wanted, token=TOKEN)).closed
    assert [host for host in ("127.0.0.1", "::1", "localhost", "127.8.8.8", "0.0.0.0", "example") if is_loopback(host)] == [
        "127.0.0.1", "::1", "localhost", "127.8.8.8"]


@pytest.mark.parametrize(("changes", "told"), [
    ({"token": "short"}, ("CLNP_TOKEN", "5")),
    ({"token": "a token with blanks in it"}, ("CLNP_TOKEN",)),
    ({"token": "0123456789abcdefé"}, ("CLNP_TOKEN",)),
    ({"closed": True}, ("--require-token", "CLNP_TOKEN")),
    ({"jobs": JobKind.RAY_JOB}, ("Ray",)),
    ({"ray_dashboard": "foo"}, ("foo",)),
    ({"ray_dashboard": "10.0.0.1:8265"}, ("10.0.0.1:8265",)),
    ({"host": "a host"}, ("a host",))])
def test_what_cannot_work_is_refused_and_no_token_repeated(wanted: ServiceSettings, changes: dict[str, object],
                                                           told: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(dataclasses.replace(wanted, **changes))  # type: ignore[arg-type]
    assert tells(caught.value, *told)
    assert "short" not in str(caught.value) and "0123" not in str(caught.value)


def test_settings_show_no_token(wanted: ServiceSettings) -> None:
    assert TOKEN not in repr(dataclasses.replace(wanted, token=TOKEN))
