"""Workers of one study, forked after the imports so that one starts in milliseconds.

    workers.py share FILE SIDE WORKERS TRIALS     each worker runs so many trials
    workers.py total FILE SIDE WORKERS TOTAL      workers run trials until the study has so many
    workers.py kill FILE SIDE WORKERS KILLS SEED  workers are killed at random moments, so often

A worker writes number and value of a trial to SIDE, synced to the disk, once tell has returned.
"""

import os
import random
import signal
import sys
import time
import traceback

import tfbo
from tfbo.strategies import Random
from tfbo.study.ask import ask

SPACE = tfbo.Space({"x": tfbo.Int(0, 9999), "flag": tfbo.Boolean()})


def value_of(trial):
    return float(trial.number) + 0.25


def open_study(path):
    return tfbo.Study(SPACE, storage=path, seed=0, strategy=Random())


def acknowledge(side, trial, value):
    line = f"{trial.number} {value!r}\n".encode()
    os.write(side, line)  # a short write to a file opened to append is not torn by others
    os.fsync(side)


def work(path, side_path, count):
    side = os.open(side_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    study = open_study(path)
    for _ in range(count):
        advisor = study.advisor  # as a search does
        (trial,) = ask(study.stored_trials, advisor.suggest, 1, first=advisor.first_stage)
        study.tell(trial, value_of(trial))
        acknowledge(side, trial, value_of(trial))


def work_to_total(path, side_path, total):
    side = os.open(side_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    study = open_study(path)
    stored = study.stored_trials
    while True:
        stored.sync()
        if stored.counted() >= total:
            return
        number = len(stored.by_number)
        for trial in stored.start(number, study.advisor.suggest(number, 1)):
            if trial.number % 7 == 3:
                study.tell(trial, state="failed", kind="interrupted", reason="Ctrl-C")
            else:
                study.tell(trial, value_of(trial))
            acknowledge(side, trial, value_of(trial))


def fork(function, *arguments):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function(*arguments)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def finish(pids):
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    return 0 if not any(statuses) else 1


def kill(path, side_path, workers, kills, seed):
    draw = random.Random(seed)
    endless = 10**9
    running = [fork(work, path, side_path, endless) for _ in range(workers)]
    for i in range(kills):
        time.sleep(draw.uniform(0.0, 0.12))
        victim = running.pop(draw.randrange(workers))
        os.kill(victim, signal.SIGKILL)
        if os.waitpid(victim, 0)[1] != signal.SIGKILL:
            return 1  # it had ended by itself
        if i < kills - workers:  # the last ones are not replaced
            running.append(fork(work, path, side_path, endless))
        else:
            workers -= 1
    return finish(running)


def main(mode, path, side, workers, number, *seed):
    if mode == "kill":
        return kill(path, side, int(workers), int(number), int(seed[0]))
    function = work if mode == "share" else work_to_total
    return finish([fork(function, path, side, int(number)) for _ in range(int(workers))])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
