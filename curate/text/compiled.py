"""How kernels are compiled: one decorator, one cache that never serves stale machine code.

Knows nothing of text. numba's on-disk cache checks the file of a function but not the files of the functions that it
calls and of the constants that it was compiled with, so the cache folder's name carries a hash of all of these and of the
numba version.
"""

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from curate.text.caching import cache_folder

_PACKAGE = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(rb"^\s*from (curate\.[\w.]+) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_KERNEL = re.compile(rb"^@(?:kernel|entry)$", re.MULTILINE)
_CONSTANT = re.compile(rb"\b_?[A-Z][A-Z0-9_]+\b")


def _sources_hash(package: Path = _PACKAGE) -> str:
    """A hash of the modules with kernels, and of those whose constants they were compiled with.

    Of their bytes: a comment compiles kernels again, but every start of a process takes hundredths of a second for it,
    where reading their syntax would take one whole second.
    """
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    sources = {path: path.read_bytes() for path in package.rglob("*.py")}
    waiting = [path for path, source in sources.items() if _KERNEL.search(source) or path.name == Path(__file__).name]
    decisive: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in decisive:
            decisive.add(path)
            waiting += [module for module in _constants_of(sources[path], package) if module in sources]
    for path in sorted(decisive):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + sources[path])
    return digest.hexdigest()


def _constants_of(source: bytes, package: Path) -> list[Path]:
    """The modules of the project from which a module imports a name in capitals: numba compiles its value in."""
    return [
        package.joinpath(*module.decode().split(".")[1:]).with_suffix(".py")
        for module, names in _IMPORT.findall(source)
        if _CONSTANT.search(names)
    ]


if "NUMBA_CACHE_DIR" not in os.environ:
    numba.config.CACHE_DIR = str(cache_folder(f"numba-{_sources_hash()}"))


def machine_of_kernels() -> str:
    """The kind of CPU that kernels are compiled for: NUMBA_CPU_NAME, or what LLVM takes this machine's for.

    >>> bool(machine_of_kernels())
    True
    """
    from llvmlite import binding

    return str(numba.config.CPU_NAME or binding.get_host_cpu_name())


Scalar: TypeAlias = Any
"""A number inside a kernel: NumPy's int64, uint64 or float64 as numba types it; Python's int to a caller."""

kernel = numba.njit(cache=True, nogil=True)


def lean_kernel(function: Callable[..., Any]) -> Any:
    """A kernel for other kernels that makes no arrays and calls others of its kind: numba's run-time does not count who
    holds those that are handed on.

    Counting is an atomic addition and subtraction an array and call; a parse that hands over a dozen at every tag spent
    half of its time in them. numba refuses an allocation in such a kernel when it compiles it.

    It is compiled once for all integers that other kernels hand it, as int64, and not once for each constant and each size:
    Markdown's kernels took 39 s of CPU to compile then, and take 21 s. It has no wrapper for Python and no file in the
    cache: what calls it is a `lean_entry`, whose machine code holds it.
    """
    made = numba.njit(nogil=True, _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    resolve = made.get_call_template

    def get_call_template(args: Sequence[types.Type], kws: Mapping[str, types.Type]) -> Any:
        return resolve([_widened(each) for each in args], kws)

    made.get_call_template = get_call_template
    return made


lean_entry = numba.njit(cache=True, nogil=True, _nrt=False)
"""A lean kernel that Python calls."""


def _widened(kind: types.Type) -> types.Type:
    """The type that a lean kernel takes an argument as."""
    plain = types.unliteral(kind)
    return types.int64 if isinstance(plain, types.Integer) and plain.signed else plain


def fields_of_arrays(arrays: Mapping[str, Any]) -> list[tuple[str, type[np.int64]]]:
    """The fields of a record that say of each array where it lies and how long it is; `array_in` makes it of them."""
    return [(f"{name}_{what}", np.int64) for name in arrays for what in ("at", "size")]


def array_in(name: str, dtype: Any) -> Any:
    """A function for kernels, from a record to the array that its fields of this name describe. Whoever fills the record
    keeps the array alive."""
    item = np.dtype(dtype)
    kind = types.Array(numba.from_dtype(item.base), 1 + len(item.shape), "C")

    @intrinsic
    def found(_: Any, record: types.Record) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            def word(value: int) -> Any:
                return context.get_constant(types.intp, value)

            def field(ending: str) -> Any:
                place = builder.gep(
                    builder.bitcast(given[0], cgutils.voidptr_t), [word(record.offset(f"{name}_{ending}"))]
                )
                return builder.load(builder.bitcast(place, context.get_value_type(types.intp).as_pointer()))

            steps = [item.base.itemsize]
            for length in reversed(item.shape):
                steps.insert(0, steps[0] * length)
            made = make_array(kind)(context, builder)
            start = builder.inttoptr(field("at"), made.data.type)
            shape = [field("size"), *map(word, item.shape)]
            populate_array(made, start, shape, [*map(word, steps)], word(item.base.itemsize), None)
            return made._getvalue()

        return kind(record), generate

    return found
