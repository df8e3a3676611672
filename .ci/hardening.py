#!/usr/bin/env python3
"""
Check that extension modules are hardened as setup.py says: in wheels, or as files of their own.

    hardening.py FILE...        one line for each thing that lacks; fails if there is one

It reads ELF files of 64 bits, the byte order of which is this machine's.
"""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PT_LOAD, PT_DYNAMIC = 1, 2
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X = 1
DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_TEXTREL, DT_FLAGS = 5, 6, 10, 22, 30
DT_FLAGS_1 = 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_TEXTREL = 8, 1, 4
EM_X86_64 = 62
#: Where an indirect jump may end, on x86-64.
ENDBR64 = b"\xf3\x0f\x1e\xfa"
SYMBOL = struct.Struct("=IBBHQQ")


@dataclass
class Elf:
    """What of a shared library this looks at."""

    data: bytes
    machine: int = 0
    #: Type, flags, offset, address, size in the file: of each segment.
    segments: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    dynamic: dict[int, int] = field(default_factory=dict)
    #: The address of each dynamic symbol, 0 where it comes from another library.
    symbols: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data[:5] != b"\x7fELF\x02":
            raise ValueError("no ELF file of 64 bits")
        (self.machine,) = struct.unpack_from("=H", self.data, 18)
        (table,) = struct.unpack_from("=Q", self.data, 32)
        size, count = struct.unpack_from("=HH", self.data, 54)
        for at in range(table, table + count * size, size):
            kind, flags, offset, address, _, in_file = struct.unpack_from("=IIQQQQ", self.data, at)
            self.segments.append((kind, flags, offset, address, in_file))
        self._read_dynamic()
        self._read_symbols()

    def _read_dynamic(self) -> None:
        for kind, _, offset, _, size in self.segments:
            if kind == PT_DYNAMIC:
                content = self.data[offset : offset + size]
                self.dynamic.update(struct.iter_unpack("=QQ", content))

    def _read_symbols(self) -> None:
        names = self.offset(self.dynamic[DT_STRTAB])
        end = names + self.dynamic[DT_STRSZ]
        # The linker puts the names right behind the symbols, or somewhere else: an entry that
        # does not have its name there ends them.
        at = self.offset(self.dynamic[DT_SYMTAB]) + SYMBOL.size
        while at + SYMBOL.size <= len(self.data):
            name, info, other, _, value, _ = SYMBOL.unpack_from(self.data, at)
            if not 0 < name < end - names or info >> 4 > 2 or other > 3:
                break
            first = names + name
            text = self.data[first : self.data.index(b"\0", first)]
            self.symbols[text.decode("ascii", "replace")] = value
            at += SYMBOL.size

    def offset(self, address: int) -> int:
        """Where in the file that is which is at an address when it is loaded."""
        for kind, _, offset, first, size in self.segments:
            if kind == PT_LOAD and first <= address < first + size:
                return offset + address - first
        raise ValueError(f"nothing is loaded at {address:#x}")

    def starts_with(self, symbol: str, code: bytes) -> bool:
        """Whether a function begins with these bytes."""
        at = self.offset(self.symbols[symbol])
        return self.data[at : at + len(code)] == code


def lacks_of_linking(elf: Elf) -> Iterator[str]:
    """What every build should have and this one does not."""
    flags = {kind: flags for kind, flags, *_ in elf.segments}
    if flags.get(PT_GNU_STACK, PF_X) & PF_X:
        yield "its stack can be executed"
    if PT_GNU_RELRO not in flags:
        yield "its tables of functions can be written to (no RELRO)"
    now = elf.dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW
    if not now:
        yield "names are bound when they are used first (no BIND_NOW)"
    if DT_TEXTREL in elf.dynamic or elf.dynamic.get(DT_FLAGS, 0) & DF_TEXTREL:
        yield "its code is changed when it is loaded (TEXTREL)"


def lacks_of_compiling(elf: Elf) -> Iterator[str]:
    """What an optimized build should have and this one does not."""
    if "__stack_chk_fail" not in elf.symbols:
        yield "no function looks at a canary on the stack"
    if not any(name.endswith("_chk") for name in elf.symbols):
        yield "no copy is checked (_FORTIFY_SOURCE)"
    if elf.machine == EM_X86_64 and not elf.starts_with("PyInit__core", ENDBR64):
        yield "indirect jumps may end anywhere (no -fcf-protection)"


def modules(path: Path) -> Iterator[tuple[str, bytes]]:
    """The extension modules of a wheel, or the one that the file is."""
    content = path.read_bytes()
    if path.suffix != ".whl":
        yield str(path), content
        return
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        for name in wheel.namelist():
            if "/_core." in name and name.endswith(".so"):
                yield f"{path.name}: {name}", wheel.read(name)


def main(paths: list[str]) -> int:
    found = 0
    lacking = False
    for path in paths:
        for name, content in modules(Path(path)):
            found += 1
            elf = Elf(content)
            for lack in [*lacks_of_linking(elf), *lacks_of_compiling(elf)]:
                print(f"{name}: {lack}")
                lacking = True
    if found < len(paths):
        print("there is a wheel without an extension module")
    return int(lacking or found < len(paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
