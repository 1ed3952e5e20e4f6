"""The tree of errors: exit codes are a promise to scripts."""

import re

import pytest

from clnp_core import errors
from clnp_core.errors import ClnpError


def subclasses() -> list[type[ClnpError]]:
    return [value for value in vars(errors).values()
            if isinstance(value, type) and issubclass(value, ClnpError) and value is not ClnpError]


def test_exit_codes_are_unique_and_keep_clear_of_the_reserved_ones() -> None:
    codes = [error.exit_code for error in subclasses()]
    assert sorted(codes) == sorted(set(codes))
    assert not {0, 1, 130} & set(codes)
    assert ClnpError.exit_code == 1


def test_the_docstring_lists_exactly_the_errors_there_are_with_their_exit_codes() -> None:
    listed = re.findall(r"[├└]── (\w+) +(\d+) +\S", errors.__doc__ or "")
    assert {name: int(code) for name, code in listed} == {error.__name__: error.exit_code for error in subclasses()}
    assert len(listed) == len(subclasses())


def test_every_error_is_caught_as_the_one_base_and_says_what_it_is() -> None:
    for error in subclasses():
        assert error.__doc__ and error.__doc__ != ClnpError.__doc__
        with pytest.raises(ClnpError):
            raise error("what", "how")


def test_an_error_prints_what_is_wrong_and_then_how_to_mend_it() -> None:
    error = errors.DataError("no file", "fetch it")
    assert (error.message, error.hint, str(error)) == ("no file", "fetch it", "no file\nfetch it")
    assert str(errors.DataError("no file")) == "no file"
    assert error.args == ("no file", "fetch it")
