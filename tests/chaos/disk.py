"""What a disk holds after the power went: a model that is fed with recorded system calls.

The model promises as little as POSIX does. What a file holds survives once the file was synced; that it has its name, once the
folder was. Everything else may have reached the disk or not, in any order, so a loss of power has several ends.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

CALLS = ("openat", "creat", "write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "mkdir",
         "mkdirat", "unlink", "unlinkat", "rmdir", "ftruncate")
"""What must be recorded. :func:`operations` refuses the calls that write in another way."""

STRACE = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "4000000", "-e", "signal=none",
          "-e", "trace=" + ",".join((*CALLS, "pwritev", "pwritev2", "copy_file_range", "link", "linkat")))


@dataclass(frozen=True)
class Operation:
    """One thing that was done to a file or folder. ``content`` and ``offset`` (None: behind the last write) for ``write``,
    ``size`` for ``truncate``, ``target`` for ``rename``."""

    kind: str
    path: str
    content: bytes = b""
    offset: int | None = None
    size: int = 0
    target: str = ""


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    synced: bytes = b""
    end_of_last_write: int = 0


class Disk:
    """Files and folders below a root, as programs see them and as they are safe."""

    def __init__(self) -> None:
        self._names: dict[str, _File | None] = {}  # None for a folder
        self._safe: dict[str, _File | None] = {}
        self._torn: tuple[_File, bytes] | None = None

    def apply(self, operation: Operation) -> None:
        """Do it."""
        path, self._torn = operation.path, None
        match operation.kind:
            case "create":
                if path not in self._names:
                    self._names[path] = _File()
            case "empty":
                self._file(path).content.clear()
                self._file(path).end_of_last_write = 0
            case "write":
                self._write(self._file(path), operation.content, operation.offset)
            case "truncate":
                content = self._file(path).content
                content[operation.size:] = bytes(max(0, operation.size - len(content)))
            case "sync":
                found = self._names.get(path)
                if found is not None:
                    found.synced = bytes(found.content)
                else:
                    self._sync_folder(path)
            case "folder":
                self._names[path] = None
            case "rename":
                self._names[operation.target] = self._names.pop(path)
            case "remove":
                self._names.pop(path, None)
            case unknown:
                raise ValueError(unknown)

    def _file(self, path: str) -> _File:
        found = self._names.get(path)
        if found is None:  # it was there before the record began
            found = self._names[path] = _File()
        return found

    def _write(self, file: _File, content: bytes, offset: int | None) -> None:
        before = bytes(file.content)
        start = file.end_of_last_write if offset is None else offset
        if len(file.content) < start:
            file.content.extend(bytes(start - len(file.content)))
        file.content[start:start + len(content)] = content
        file.end_of_last_write = start + len(content)
        half = bytearray(before.ljust(start, b"\0"))
        half[start:start + len(content) // 2] = content[:len(content) // 2]
        self._torn = file, bytes(half)

    def _sync_folder(self, path: str) -> None:
        def inside(name: str) -> bool:
            return str(PurePosixPath(name).parent) == path

        for name in [name for name in self._safe if inside(name) and name not in self._names]:
            del self._safe[name]
        self._safe.update({name: found for name, found in self._names.items() if inside(name)})

    def after_power_loss(self) -> Iterator[tuple[str, dict[str, bytes | None]]]:
        """What may be left if the power goes now, each end with its name: path → content, or None for a folder."""
        yield "everything", self._left(self._names, lambda file: bytes(file.content))
        yield "only what was synced", self._left(self._safe, lambda file: file.synced)
        yield "names without contents", self._left(self._names, lambda file: file.synced)
        yield "contents without names", self._left(self._safe, lambda file: bytes(file.content))
        if self._torn is not None:
            torn, half = self._torn
            yield "half of the last write", self._left(self._names, lambda file: half if file is torn else bytes(file.content))

    @staticmethod
    def _left(names: "Mapping[str, _File | None]", content: "Callable[[_File], bytes]") -> dict[str, bytes | None]:
        left: dict[str, bytes | None] = {}
        for path in sorted(names, key=lambda path: path.count("/")):
            parent = str(PurePosixPath(path).parent)
            if parent == "." or parent in left:  # what lies in a lost folder is lost
                found = names[path]
                left[path] = None if found is None else content(found)
        return left


_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)")
_UNFINISHED = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_DESCRIPTOR = re.compile(r"^(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")


def operations(lines: Iterable[str], root: str) -> Iterator[Operation]:
    """What a record of strace (see :data:`STRACE`) says was done below ``root``; paths are relative to it, it itself is ``.``.

    Raises:
        ValueError: a call below the root that the model does not know.
    """
    for name, arguments, result in _calls(lines):
        if result.startswith("-"):
            continue
        found = _DESCRIPTOR.match(arguments)
        about = _text(found.group(1)).removesuffix(" (deleted)") if found else ""
        strings = [_bytes(text) for text, _ in _STRING.findall(arguments)]
        if name in ("write", "pwrite64", "writev", "fsync", "fdatasync", "ftruncate"):
            path = _below(about, root)
            if path is None:
                continue
            numbers = [int(number) for number in re.findall(r", (\d+)(?=,|$)", arguments)]
            if name in ("fsync", "fdatasync"):
                yield Operation("sync", path)
            elif name == "ftruncate":
                yield Operation("truncate", path, size=numbers[0])
            else:
                written = b"".join(strings)[:int(result)]
                yield Operation("write", path, written, numbers[-1] if name == "pwrite64" else None)
            continue
        paths = [_below(_full(text.decode(), about), root) for text in strings]
        if all(path is None for path in paths):
            continue
        path = paths[0] or ""
        if name == "openat":
            if "O_CREAT" in arguments:
                yield Operation("create", path)
            if "O_TRUNC" in arguments:
                yield Operation("empty", path)
        elif name.startswith("mkdir"):
            yield Operation("folder", path)
        elif name.startswith("rename"):
            yield Operation("rename", path, target=paths[1] or "")
        elif name in ("unlink", "unlinkat", "rmdir"):
            yield Operation("remove", path)
        else:
            raise ValueError(f"{name} below {root} is not understood")


def _calls(lines: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Name, arguments and result of every call, at the moment it returned."""
    begun: dict[tuple[str, str], str] = {}
    for raw in lines:
        line = raw.rstrip("\n")
        if unfinished := _UNFINISHED.match(line):
            begun[unfinished.group(1), unfinished.group(2)] = unfinished.group(3)
            continue
        if resumed := _RESUMED.match(line):
            start = begun.pop((resumed.group(1), resumed.group(2)), None)
            if start is None:
                continue
            line = f"{resumed.group(1)} {resumed.group(2)}({start}{resumed.group(3)}"
        if call := _CALL.match(line):
            yield call.group(1), call.group(2), call.group(3)


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def _text(escaped: str) -> str:
    return _bytes(escaped).decode()


def _full(path: str, folder: str) -> str:
    return path if path.startswith("/") else f"{folder}/{path}"


def _below(path: str, root: str) -> str | None:
    if path == root:
        return "."
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else None
