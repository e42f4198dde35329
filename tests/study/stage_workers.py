"""Workers that train the stages of one study, forked after the imports so that one starts in milliseconds.

    stage_workers.py FILE SIDE WORKERS KILLS SEED   workers are killed at random moments, so often

A worker writes number, start and until of a stage to SIDE, synced to the disk, once tell has returned.
"""

import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path

from tfbo.study.ask import ask


def work(path, side_path):
    import stages  # beside this script: pytest, which looks for doctests here, has no such path

    side = os.open(side_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    study = stages.study(storage=path, retries=10**6)
    while True:
        advisor = study.advisor  # as a search does
        (trial,) = ask(study.stored_trials, advisor.suggest, 1, first=advisor.first_stage)
        for step in range(trial.start + 1, trial.until + 1):
            if not study.report(trial, step, stages.value(trial.params, step)):
                break
        stopped = step < trial.until
        value = stages.value(trial.params, step)
        study.tell(trial, value, state="stopped" if stopped else None)
        os.write(side, f"{trial.number} {trial.start} {step}\n".encode())
        os.fsync(side)


def fork(*arguments):
    pid = os.fork()
    if pid:
        return pid
    try:
        work(*arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def main(path, side, workers, kills, seed):
    import stages  # noqa: F401 (before any fork)

    Path(side).touch()
    draw = random.Random(int(seed))
    running = [fork(path, side) for _ in range(int(workers))]
    for _ in range(int(kills)):
        time.sleep(draw.uniform(0.0, 0.2))
        victim = running.pop(draw.randrange(len(running)))
        os.kill(victim, signal.SIGKILL)
        if os.waitpid(victim, 0)[1] != signal.SIGKILL:
            return 1  # it had ended by itself
        running.append(fork(path, side))
    # A slow machine tells fewer stages between kills: some are waited for.
    end = time.monotonic() + 120.0
    while time.monotonic() < end and len(Path(side).read_text().splitlines()) <= 40:
        time.sleep(0.05)
    for pid in running:
        os.kill(pid, signal.SIGKILL)
        if os.waitpid(pid, 0)[1] != signal.SIGKILL:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
