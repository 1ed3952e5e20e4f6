"""Which database is meant, and that no password is ever shown."""

from pathlib import Path

import pytest

from clnp_core.errors import DatabaseError
from db.engine import open_database
from db.sql import run_sql
from db.url import FORMS, file_url, masked, resolve_url, shown, without_secrets

ODD_NAMES = ["my%20lab", "q?x", "100%", "a{b}", "#1", "a&b=c", "user:word@host", "ü b"]
QUESTION_MARK = "the path of the SQLite address ends at a ?, and the rest is not a setting of SQLite"


def test_without_anything_it_is_sqlite_in_the_working_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLNP_DB_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert resolve_url().render_as_string() == f"sqlite+pysqlite:///{tmp_path}/.clnp/clnp.db"
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLNP_DB_URL", "postgres://anna@db.example/clnp")
    assert resolve_url().render_as_string() == "postgresql+psycopg://anna@db.example/clnp"
    assert resolve_url("sqlite:////data/other.db").database == "/data/other.db"
    monkeypatch.setenv("CLNP_DB_URL", "")
    assert resolve_url().get_backend_name() == "sqlite"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql(scheme: str) -> None:
    assert resolve_url(f"{scheme}://a:b@h:5433/d").drivername == "postgresql+psycopg"


def test_a_relative_path_and_a_home_folder_are_spelled_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert resolve_url("sqlite:///runs.db").database == str(tmp_path / "runs.db")
    assert resolve_url("sqlite:///~/runs.db").database == str(tmp_path / "home" / "runs.db")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_may_hold_what_means_something_in_a_url(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.delenv("CLNP_DB_URL", raising=False)
    monkeypatch.chdir(folder)
    assert resolve_url().database == str(folder / ".clnp" / "clnp.db")
    address = file_url(folder / "clnp.db")
    assert resolve_url(address) == resolve_url(address.render_as_string()) == address
    assert resolve_url(shown(address)).database == str(folder / "clnp.db")
    open_database(address.render_as_string(), create=True).dispose()
    assert [file.relative_to(tmp_path) for file in tmp_path.rglob("*.db")] == [Path(name, "clnp.db")]
    assert run_sql("SELECT count(*) FROM clnp_runs", address).rows == ((0,),)


@pytest.mark.parametrize(("url", "message", "hint"), [
    ("sqlite:////data/what?/clnp.db", QUESTION_MARK, "write a ? of the path as %3F and a % as %25"),
    ("sqlite:////data/clnp.db?mode=ro", QUESTION_MARK, "write a ? of the path as %3F and a % as %25"),
    ("sqlite:////data/what?x/clnp.db?timeout=3", QUESTION_MARK, "write a ? of the path as %3F and a % as %25"),
    ("/data/clnp.db", "the database address cannot be read as a URL", FORMS),
    ("postgresql://u:secret@host:port/d", "the database address cannot be read as a URL", FORMS),
    ("mysql://u:secret@host/d", "'mysql' is not a database that clnp supports", FORMS),
    ("sqlite://", "a SQLite database in memory would be lost with the process",
     "name a file: sqlite:////absolute/path/clnp.db"),
    ("sqlite:///:memory:", "a SQLite database in memory would be lost with the process",
     "name a file: sqlite:////absolute/path/clnp.db"),
    ("sqlite:///file:x.db?mode=ro", "SQLite's own file: addresses are not supported", FORMS),
    ("postgresql://u:sec@ret@host/d", "the database address has one @ too many",
     "write an @ inside the user name or the password as %40"),
    ("postgresql:///u:secret@host/d", "the database address has one slash too many", FORMS),
    ("postgresql:///u%3Asecret%40host/d", "the database address has one slash too many", FORMS),
])
def test_an_address_that_means_nothing(url: str, message: str, hint: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        resolve_url(url)
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.__cause__ is None and "secret" not in str(caught.value.__context__ or "")


def test_a_password_is_never_shown() -> None:
    for url in ("postgresql://anna:s3cret@h:5432/d", "postgresql+psycopg://anna@h/d?password=s3cret&sslpassword=s3cret"):
        assert "s3cret" not in shown(url) and "***" in shown(url) and shown(url).startswith("postgresql://anna")
    address = resolve_url("postgresql://anna:s3cret@h/d?sslpassword=k3y")
    assert without_secrets("login s3cret with k3y failed", address) == "login *** with *** failed"
    assert without_secrets("nothing to hide", resolve_url("postgresql://anna@h/d")) == "nothing to hide"


def test_of_a_query_only_what_is_harmless_is_shown() -> None:
    assert shown("postgresql://h/d?sslmode=require&connect_timeout=3&sslpassword=k3y&passfile=/f&oauth_client_secret=k3y") == (
        "postgresql://h/d?connect_timeout=3&oauth_client_secret=***&passfile=***&sslmode=require&sslpassword=***")
    assert shown("postgresql:///d?host=/run/postgresql") == "postgresql:///d?host=%2Frun%2Fpostgresql"
    assert without_secrets("k3y is wrong", resolve_url("postgresql://h/d?api_key=k3y")) == "*** is wrong"


@pytest.mark.parametrize(("text", "expected"), [
    ("no run 'postgresql://ada:S3cret@h/db'", "no run 'postgresql://ada:***@h/db'"),
    ("extra (postgres+x://ada:S3@cr/et@h/db)", "extra (postgres+x://ada:***@h/db)"),
    ("`clnp postgresql:///ada:S3cret@h/db`", "`clnp postgresql:///ada:***@h/db`"),
    ("--db=postgresql://:S3cret@h", "--db=postgresql://:***@h"),
    ("two: s3://a:S3cret@b, s3://c:S3cret@d", "two: s3://a:***@b, s3://c:***@d"),
    ("'postgresql://h/d?password=S3cret&sslmode=require&token=S3cret'", "'postgresql://h/d?password=***&sslmode=require&token=***'"),
    ("host=h password='S3 cret' user=u", "host=h password=*** user=u"),
    ("sqlite:////home/ada/clnp.db, ada@h, http://h:80/x, a: b", "sqlite:////home/ada/clnp.db, ada@h, http://h:80/x, a: b"),
    ("postgresql://ada:***@h/db?password=***", "postgresql://ada:***@h/db?password=***"),
])
def test_passwords_in_any_text(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_passwords_of_known_words_are_found_in_part_and_with_spaces() -> None:
    word = "postgresql://ada:S3 c'ret@h/db"
    assert masked(f"there is no run {word!r}", [word]) == "there is no run \"postgresql://ada:***@h/db\""
    assert masked("the bucket u:S3cret@b is none", ["s3://u:S3cret@b/x"]) == "the bucket u:***@b is none"
