# SPDX-License-Identifier: Apache-2.0
"""Starting commands in turns and timing them: what the comparisons share.

Every round starts each contender once, in random order, so that noise falls on all alike.  A start is timed from
posix_spawn to the exit of the launcher.
"""

import os
import random
import statistics
import sys
import tempfile
import time

# What agentcore-faults leaves out (runtime/faults.h).
WITHOUT_CGROUPS = "skip:cgroup,skip:join-cgroup"
WITHOUT_QUOTA = "break:no-quota"


def work_directory():
    """Not in /tmp, which may lie in memory: there is no storage quota there."""
    return tempfile.TemporaryDirectory(prefix="agentcore-bench.", dir="/var/tmp")


def agentcore_run(program, work):
    """A start of /bin/true that leaves nothing in the host's own audit log and state."""
    return [program, "run", "--network", "none", "--root", os.path.join(work, "state"), "--audit-dir",
            os.path.join(work, "audit"), "--storage-dir", os.path.join(work, "storage"), "--", "/bin/true"]


class Contender:
    def __init__(self, command, clock=False, **environment):
        """None in the command stands for a container id of its own.  clock: it prints when it took its first step."""
        self.command = command
        self.clock = clock
        self.environment = environment


class Starter:
    def __init__(self):
        self.count = 0
        self.null = os.open(os.devnull, os.O_RDWR)
        self.clock, self.clock_inside = os.pipe2(os.O_CLOEXEC)

    def start(self, contender):
        """Milliseconds from spawn to exit, of the processors' time that it and its children took, and to the first step."""
        self.count += 1
        command = [f"bench-{os.getpid()}-{self.count}" if word is None else word for word in contender.command]
        environment = {**os.environ, **contender.environment}
        actions = [(os.POSIX_SPAWN_DUP2, self.null, 0),
                   (os.POSIX_SPAWN_DUP2, self.clock_inside if contender.clock else self.null, 1)]
        begin, wall = time.perf_counter_ns(), time.time_ns()
        pid = os.posix_spawn(command[0], command, environment, file_actions=actions)
        _, status, used = os.wait4(pid, 0)
        elapsed = time.perf_counter_ns() - begin
        if status:
            raise RuntimeError(f"exit status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
        first = (int(os.read(self.clock, 64)) - wall) / 1e6 if contender.clock else None
        return elapsed / 1e6, (used.ru_utime + used.ru_stime) * 1e3, first


class Samples(dict):
    """Of each contender, by name: a list of milliseconds; in the same order, `cpu` has the processors' time and `first` that to the first step."""

    def __init__(self):
        super().__init__()
        self.cpu, self.first = {}, {}


def measure(contenders, rounds, gap_ms=0):
    """gap_ms: pause before each start, which is how starts come in practice."""
    starter = Starter()
    usable, samples = {}, Samples()
    for name, contender in contenders.items():
        try:
            for _ in range(3):
                starter.start(contender)
            usable[name], samples[name], samples.cpu[name], samples.first[name] = contender, [], [], []
        except (RuntimeError, OSError) as error:
            print(f"{os.path.basename(sys.argv[0])}: {name} left out: {error}", file=sys.stderr)
    for _ in range(rounds):
        order = list(usable)
        random.shuffle(order)
        for name in order:
            time.sleep(gap_ms / 1e3)
            elapsed, used, first = starter.start(usable[name])
            samples[name].append(elapsed)
            samples.cpu[name].append(used)
            samples.first[name].append(first)
    return samples


def summarise(samples):
    result = {}
    for name, values in samples.items():
        low, median, high = statistics.quantiles(values, n=4)
        result[name] = {"median_ms": round(median, 3), "q1_ms": round(low, 3), "q3_ms": round(high, 3),
                        "min_ms": round(min(values), 3), "cpu_ms": round(statistics.median(samples.cpu[name]), 3)}
    return result


def print_summary(summary, title):
    print(title)
    print(f"{'':18}{'median':>9}{'q1':>9}{'q3':>9}{'min':>9}{'cpu':>9}")
    for name, row in sorted(summary.items(), key=lambda item: item[1]["median_ms"]):
        print(f"{name:18}{row['median_ms']:9.2f}{row['q1_ms']:9.2f}{row['q3_ms']:9.2f}{row['min_ms']:9.2f}"
              f"{row['cpu_ms']:9.2f}")
    print()
