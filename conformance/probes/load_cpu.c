/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CPU time by threads and by processes, as a share of the time on the wall.
 *
 * A throttled group runs at the start of each period and rests for the remainder, so that a window with ragged ends counts up to a
 * quota too much or too little.  Every worker keeps its own CPU time in memory that all see; the first one also records
 * (wall, sum) while it spins.  Pairs of records that lie a whole number of periods apart have the same place in the
 * rhythm, and give the share exactly.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "probes/load.h"

#define WORKERS_MAX   64
#define PERIOD_NS     100000000LL /* of every runtime's cpu quota: the kernel's default */
#define SAMPLE_NS     500000LL
#define SAMPLES_MAX   ((size_t)(LOAD_TIME_MAX_MS * 2))
#define WARM_UP_MS    300
#define STACK_BYTES   ((size_t)64 << 10)
#define BURST_IDLE_MS 600

struct worker {
	_Alignas(64) int64_t cpu_ns; /* a cache line for each */
};

struct sample {
	int64_t wall_ns, cpu_ns;
};

static struct board {
	int64_t until_ns; /* when everybody stops */
	struct worker workers[WORKERS_MAX];
} * board;

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Some tens of microseconds of work that the compiler cannot leave out. */
static void burn(void)
{
	volatile unsigned sink = 0;
	for (unsigned i = 0; i < 20000; i++)
		sink += i;
}

static void note_cpu(int worker)
{
	__atomic_store_n(&board->workers[worker].cpu_ns, clock_ns(CLOCK_THREAD_CPUTIME_ID), __ATOMIC_RELAXED);
}

static int64_t cpu_of_all(int count)
{
	int64_t sum = 0;
	for (int i = 0; i < count; i++)
		sum += __atomic_load_n(&board->workers[i].cpu_ns, __ATOMIC_RELAXED);
	return sum;
}

static void work(int worker)
{
	while (clock_ns(CLOCK_MONOTONIC) < board->until_ns) {
		burn();
		note_cpu(worker);
	}
}

static void *work_as_thread(void *argument)
{
	work((int)(intptr_t)argument);
	return NULL;
}

/* --- The machine's idle time: was there anything to be had that the limit did not give? -------------- */

/* Seconds that the machine's processors rested, all together, from /proc/uptime; false where it does not say. */
static bool machine_idle(double *seconds)
{
	double up;
	FILE *file = fopen("/proc/uptime", "re");
	bool known = file && fscanf(file, "%lf %lf", &up, seconds) == 2;
	if (file)
		(void)fclose(file);
	return known;
}

/* --- Measuring ------------------------------------------------------------------------------------- */

static size_t record(struct sample *samples, int workers)
{
	size_t count = 0;
	int64_t next = 0, now;
	while ((now = clock_ns(CLOCK_MONOTONIC)) < board->until_ns) {
		burn();
		note_cpu(0);
		if (now < next || count == SAMPLES_MAX)
			continue;
		samples[count++] = (struct sample){clock_ns(CLOCK_MONOTONIC), cpu_of_all(workers)};
		next = now + SAMPLE_NS;
	}
	return count;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The sample nearest to that time. */
static const struct sample *nearest(const struct sample *samples, size_t count, int64_t wall_ns)
{
	size_t low = 0, high = count - 1;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (samples[middle].wall_ns < wall_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && distance(samples[low - 1].wall_ns, wall_ns) < distance(samples[low].wall_ns, wall_ns))
		low--;
	return &samples[low];
}

/* The mean over all pairs that begin in the first period and lie periods apart; in thousandths of a core. */
static int64_t share_of(const struct sample *samples, size_t count)
{
	int64_t periods = (samples[count - 1].wall_ns - samples[0].wall_ns) / PERIOD_NS - 1;
	double sum = 0;
	size_t pairs = 0;
	if (periods < 1)
		return -1;
	for (size_t i = 0; i < count && samples[i].wall_ns < samples[0].wall_ns + PERIOD_NS; i++) {
		const struct sample *end = nearest(samples, count, samples[i].wall_ns + periods * PERIOD_NS);
		int64_t wall = end->wall_ns - samples[i].wall_ns;
		/* A gap of the rhythm lies there: the nearest is from another place in it. */
		if (distance(wall, periods * PERIOD_NS) > 4 * SAMPLE_NS)
			continue;
		sum += (double)(end->cpu_ns - samples[i].cpu_ns) / (double)wall;
		pairs++;
	}
	if (pairs == 0) {
		const struct sample *end = &samples[count - 1];
		sum = (double)(end->cpu_ns - samples[0].cpu_ns) / (double)(end->wall_ns - samples[0].wall_ns);
		pairs = 1;
	}
	return (int64_t)(sum / (double)pairs * 1000 + 0.5);
}

static int measure(int workers)
{
	static struct sample samples[SAMPLES_MAX];
	double idle_before = 0, idle_after = 0;
	int64_t begin = clock_ns(CLOCK_MONOTONIC);
	bool known = machine_idle(&idle_before);
	size_t count = record(samples, workers);
	known = known && machine_idle(&idle_after);
	double wall = (double)(clock_ns(CLOCK_MONOTONIC) - begin) / 1e9;
	int64_t share = count > 1 ? share_of(samples, count) : -1;
	if (share < 0) {
		errno = ETIME;
		return load_broken("measure");
	}
	load_say("\"share_permille\":%lld,\"window_ms\":%lld,\"samples\":%zu", (long long)share,
		 (long long)(wall * 1000), count);
	if (known)
		load_say("\"idle_permille\":%lld", (long long)((idle_after - idle_before) / wall * 1000));
	return load_through();
}

static void warm_up(int64_t ms)
{
	int64_t until = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	while (clock_ns(CLOCK_MONOTONIC) < until) {
		burn();
		note_cpu(0);
	}
}

static bool make_board(int64_t ms)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return false;
	board->until_ns = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	return true;
}

static int workers_of(const char *text)
{
	int workers = (int)load_argument(text, WORKERS_MAX);
	return workers < 1 ? 1 : workers;
}

/* The first worker is the caller itself. */
static pthread_t threads[WORKERS_MAX];

static bool start_threads(int workers)
{
	pthread_attr_t attributes;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	errno = 0;
	for (int i = 1; i < workers && errno == 0; i++)
		errno = pthread_create(&threads[i], &attributes, work_as_thread, (void *)(intptr_t)i);
	return errno == 0;
}

static int measure_threads(int workers)
{
	int end = measure(workers);
	for (int i = 1; i < workers; i++)
		(void)pthread_join(threads[i], NULL);
	return end;
}

static int run_spin(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	if (!make_board(load_argument(argv[2], LOAD_TIME_MAX_MS - WARM_UP_MS) + WARM_UP_MS))
		return load_broken("mmap");
	load_ready();
	if (!start_threads(workers))
		return load_broken("pthread_create");
	warm_up(WARM_UP_MS);
	return measure_threads(workers);
}

static const struct load spin = {"spin", "THREADS MS", "spins, and tells its share of a core", 2, 2, run_spin};
LOAD(spin);

static int run_spin_processes(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	if (!make_board(load_argument(argv[2], LOAD_TIME_MAX_MS - WARM_UP_MS) + WARM_UP_MS))
		return load_broken("mmap");
	load_ready();
	for (int i = 1; i < workers; i++) {
		pid_t child = fork();
		if (child < 0)
			return load_broken("fork");
		if (child == 0) {
			(void)setsid();
			work(i);
			_exit(0);
		}
	}
	warm_up(WARM_UP_MS);
	int end = measure(workers);
	while (wait(NULL) > 0)
		;
	return end;
}

static const struct load spin_processes = {"spin-processes",  "PROCESSES MS", "the same with processes", 2, 2,
					   run_spin_processes};
LOAD(spin_processes);

/* Time that was left unused must not be saved up: rest first, and then take all that there is. */
static int run_burst(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	load_ready();
	load_sleep_ms(BURST_IDLE_MS);
	if (!make_board(load_argument(argv[2], LOAD_TIME_MAX_MS - BURST_IDLE_MS)))
		return load_broken("mmap");
	if (!start_threads(workers))
		return load_broken("pthread_create");
	return measure_threads(workers);
}

static const struct load burst = {"burst", "THREADS MS", "rests, and then spins", 2, 2, run_burst};
LOAD(burst);
