"""Run a command, and write the most memory that it and all it started took together at a time.

python .ci/memory.py FILE COMMAND...
"""

import subprocess
import sys
import threading
from pathlib import Path


def group(pid: int) -> set[int]:
    """The process and its descendants."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1])
        except (OSError, IndexError):  # it has ended
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def proportional(pid: int) -> int:
    """Bytes of a process; memory that processes share is divided among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


def main() -> int:
    """The status of the command."""
    file, *command = sys.argv[1:]
    process, most, done = subprocess.Popen(command), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.5):
            most = max(most, sum(map(proportional, group(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        return process.wait()
    finally:
        done.set()
        watcher.join()
        Path(file).write_text(f"at most {most / 1e9:.1f} GB at a time\n")


if __name__ == "__main__":
    sys.exit(main())
