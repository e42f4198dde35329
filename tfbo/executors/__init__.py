"""Executors of trials: in this thread, in others, in processes of their own, or in a pool of the user's.

`Study.optimize(executor=)` takes any `concurrent.futures.Executor`: a pool of the standard library, loky's
`get_reusable_executor()`, Dask's `client.get_executor()`, mpi4py's `MPIPoolExecutor` and
`tfbo.integrations.ray.RayExecutor` are used as they are, and never shut down. What most of them cannot do
is done by `ProcessExecutor`, which executor="process" makes: end a trial whose time is up, outlive any
crash of a trial, keep each on a GPU of its own, and give all memory back after each.

**Repeatable?** With one worker all is, as without an executor. With several, the initial trials are, whose
configurations are a matter of their numbers. A suggestion of a model knows the results that are there when
it is made, which depends on the order in which they come. Trials are told in the order in which they end.

**Time that is up** (`trial_timeout`, from when a trial is given to its worker). Other executors, but for
Ray's, cannot stop a function: its trial fails, and its worker counts as taken until it returns. That is
never at all for one that hangs, and Python waits for it when it ends.

**Crashes.** A pool of the standard library breaks as a whole when one process does: all trials that run in
it fail, of kind "killed", and another pool takes its place. Dask tries a task that kills its worker on
three others before it says so. Processes that are forked, the standard library's default on Linux before
Python 3.14, must not use TensorFlow after this one has: pass `multiprocessing.get_context("spawn")`.
"""

from tfbo.executors.gpu import limit_gpu_memory
from tfbo.executors.process import ProcessExecutor
from tfbo.executors.run import Run

__all__ = ["ProcessExecutor", "Run", "limit_gpu_memory"]
