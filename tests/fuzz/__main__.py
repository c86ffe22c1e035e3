"""Coverage-guided fuzzing (atheris, which is libFuzzer) of each target in a process of its own. ``make fuzz`` runs it.

    PYTHONPATH=tests python -m fuzz [TARGET...] [--runs N] [--seed N]

An input for which something does not hold is kept in tests/fuzz/seeds, where the tests run it from then on. Libraries of native code read
in the process that fuzzes; where one of them crashes, hangs or wants too much memory, the input is read once more as the function reads it,
by a process of its own: that has to end in an ObjectError, then the fuzzing goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import atheris

INPUT_BYTES_MAX = 4_096
INPUT_SECONDS_MAX = 30
"""It is read some ten times: what takes more takes time that grows faster than its length."""
MEMORY_BYTES_MAX = 256 << 20
"""Beyond what the process has when all is imported."""
NATIVE = ("ion", "parquet", "avro", "orc", "xlsx")
CRASHES_MAX = 50
"""Of a library of native code, in one target."""
TOKENS = [b'"', b'""', b"||", b"\\N", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b'"a":', b"null", b"NaN", b"\\ud800", b"[[", b"$ion_1_0", b'{"S":"', b"\0\0"]


class Ended(NamedTuple):
    """How a process of libFuzzer ended: its runs, what it found, if it did, and what it said last."""

    runs: int
    found: bytes | None
    features: str
    megabytes: str
    said: str


def main() -> int:
    """The number of targets in which something did not hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="fuzz one target in this process, with the inputs in this folder")
    parser.add_argument("--input", type=Path, help="read this one input of the target as the function reads it")
    given = parser.parse_args()
    if given.folder:
        fuzz(given.targets[0], given.runs, given.seed, given.folder)
    from fuzz.targets import TARGETS, run  # noqa: PLC0415 - atheris instruments what is imported while it fuzzes

    if unknown := sorted(set(given.targets) - set(TARGETS)):
        parser.error(f"found {', '.join(unknown)}, expected some of {', '.join(TARGETS)}")
    if given.input:
        run(given.targets[0], given.input.read_bytes(), in_child=True)
        return 0
    return sum(not holds(name, given.runs or TARGETS[name].runs, given.seed) for name in given.targets or TARGETS)


def fuzz(name: str, runs: int, seed: int, folder: Path) -> None:
    """Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(include=["headrace", "openpyxl", "amazon.ion"]):
        from fuzz.targets import inputs, run  # noqa: PLC0415 - likewise

        first = inputs(name)
        for data in first:
            run(name, data)  # which imports the rest

    def noted(data: bytes) -> None:
        try:
            run(name, data)
        except BaseException:
            (folder / "found-exception").write_bytes(data)  # libFuzzer's alarm may end the process before it writes its own
            raise

    (folder / "inputs").mkdir()
    for number, data in enumerate(first):
        (folder / "inputs" / str(number)).write_bytes(data)
    (folder / "tokens").write_text("".join('"' + "".join(map("\\x{:02x}".format, token)) + '"\n' for token in TOKENS))
    now = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (now + MEMORY_BYTES_MAX, now + MEMORY_BYTES_MAX))
    options: dict[str, object] = {
        "runs": runs,
        "seed": seed,
        "timeout": INPUT_SECONDS_MAX,
        "max_len": max(INPUT_BYTES_MAX, *map(len, first)),
        "print_final_stats": 1,
    }
    options |= {"dict": folder / "tokens", "artifact_prefix": f"{folder}/found-"}
    atheris.Setup([name, *(f"-{option}={value}" for option, value in options.items()), str(folder / "inputs")], noted)
    atheris.Fuzz()


def holds(name: str, runs: int, seed: int) -> bool:
    """Fuzz a target as often; whether everything held."""
    began, done, crashes = time.monotonic(), 0, 0
    while done < runs and crashes < CRASHES_MAX:
        ended = _ended(name, runs - done, seed + crashes)
        done += ended.runs
        if ended.found is None:
            break
        if name not in NATIVE or not _is_read_by_a_process(name, ended.found):
            kept = Path(__file__).parent / "seeds" / name / hashlib.sha256(ended.found).hexdigest()[:12]
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(ended.found)
            print(f"{name}: after {done:,} runs, kept as {kept}: {ended.found!r}\n{ended.said}", flush=True)  # noqa: T201 - the finding
            return False
        crashes += 1
    about = f"{ended.features} features, peak memory {ended.megabytes} MB, {crashes} crashes of a library"
    print(f"{name}: {done:,} runs in {time.monotonic() - began:.0f} s, {about}", flush=True)  # noqa: T201 - the result
    return crashes < CRASHES_MAX


def _ended(name: str, runs: int, seed: int) -> Ended:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fuzz", name, "--runs", str(runs), "--seed", str(seed), "--folder", folder]
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        said = ended.stdout.decode("utf-8", "replace")
        found = next((path.read_bytes() for path in Path(folder).glob("found-*")), None)
    if ended.returncode and found is None:
        sys.exit(f"{name}: it ended with {ended.returncode}\n{said[-3000:]}")
    executed, megabytes = (re.findall(rf"stat::{stat}: +(\d+)", said) for stat in ("number_of_executed_units", "peak_rss_mb"))
    features = re.findall(r" ft: (\d+)", said) or ["?"]
    at = max(said.find("=== Uncaught"), said.find("==ERROR"), 0)
    return Ended(int(executed[-1]) if executed else 0, found, features[-1], megabytes[-1] if megabytes else "?", said[at:][:6000])


def _is_read_by_a_process(name: str, data: bytes) -> bool:
    """Whether ``data`` ends as it has to when it is read as the function reads it."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return not subprocess.run(
            [sys.executable, "-m", "fuzz", name, "--input", file.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(bool(main()))
