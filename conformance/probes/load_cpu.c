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

#define WORKERS_MAX     64
#define PERIOD_NS       100000000LL /* of every runtime's cpu quota: the kernel's default */
#define SAMPLE_NS       500000LL
#define SAMPLES_MAX     ((size_t)WINDOWS * WINDOW_MAX_MS * 2)
#define WINDOWS         8
#define WINDOW_MAX_MS   1000
#define SPAN_PERIODS    5
#define OTHERS_PERMILLE 150 /* of each processor: less is nobody */
#define WARM_UP_MS      300
#define STACK_BYTES     ((size_t)64 << 10)
#define BURST_IDLE_MS   600

struct worker {
	_Alignas(64) int64_t cpu_ns; /* a cache line for each */
};

struct sample {
	int64_t wall_ns, cpu_ns;
};

static struct board {
	int64_t until_ns; /* when everybody stops; 0: now */
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
	while (clock_ns(CLOCK_MONOTONIC) < __atomic_load_n(&board->until_ns, __ATOMIC_RELAXED)) {
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

static struct sample samples[SAMPLES_MAX];
static size_t sample_count;

static void record(int workers, int64_t until_ns)
{
	int64_t next = 0, now;
	while ((now = clock_ns(CLOCK_MONOTONIC)) < until_ns) {
		burn();
		note_cpu(0);
		if (now < next || sample_count == SAMPLES_MAX)
			continue;
		samples[sample_count++] = (struct sample){clock_ns(CLOCK_MONOTONIC), cpu_of_all(workers)};
		next = now + SAMPLE_NS;
	}
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The sample nearest to that time, among those from first on. */
static const struct sample *nearest(size_t first, int64_t wall_ns)
{
	size_t low = first, high = sample_count - 1;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (samples[middle].wall_ns < wall_ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > first && distance(samples[low - 1].wall_ns, wall_ns) < distance(samples[low].wall_ns, wall_ns))
		low--;
	return &samples[low];
}

/* In thousandths of a core; -1: nothing measured. */
struct share {
	int64_t mean, least;
};

/* Of all pairs that begin in one period, from the sample `first` on, and lie `periods` apart. */
static struct share share_of(size_t first, int64_t periods)
{
	double sum = 0, least = 1e9;
	size_t pairs = 0;
	for (size_t i = first; i < sample_count && samples[i].wall_ns < samples[first].wall_ns + PERIOD_NS; i++) {
		const struct sample *end = nearest(first, samples[i].wall_ns + periods * PERIOD_NS);
		int64_t wall = end->wall_ns - samples[i].wall_ns;
		/* Nothing was recorded at that place of the rhythm: the nearest is from another one. */
		if (distance(wall, periods * PERIOD_NS) > 4 * SAMPLE_NS)
			continue;
		double share = (double)(end->cpu_ns - samples[i].cpu_ns) / (double)wall * 1000;
		sum += share;
		least = share < least ? share : least;
		pairs++;
	}
	if (pairs == 0)
		return (struct share){-1, -1};
	return (struct share){(int64_t)(sum / (double)pairs + 0.5), (int64_t)(least + 0.5)};
}

/* Whole periods that the record holds beyond the one in which pairs begin. */
static int64_t periods_recorded(size_t first)
{
	if (sample_count <= first)
		return 0;
	return (samples[sample_count - 1].wall_ns - samples[first].wall_ns) / PERIOD_NS - 1;
}

/* The first sample of the next period; sample_count behind the last. */
static size_t next_period(size_t first)
{
	int64_t next = samples[first].wall_ns + PERIOD_NS;
	while (first < sample_count && samples[first].wall_ns < next)
		first++;
	return first;
}

/*
 * Who is throttled for periods on end records nothing meanwhile, so that no pair fits.  What was had up to the last sample within
 * that time was had in it, and there may have been more.
 */
static int64_t share_at_least(size_t first, int64_t periods)
{
	size_t last = first;
	while (last + 1 < sample_count && samples[last + 1].wall_ns - samples[first].wall_ns <= periods * PERIOD_NS)
		last++;
	return (samples[last].cpu_ns - samples[first].cpu_ns) * 1000 / (periods * PERIOD_NS);
}

/* The largest share over a few periods: what was given when others let it. */
static int64_t best_share(void)
{
	int64_t best = -1, span = periods_recorded(0) < SPAN_PERIODS ? periods_recorded(0) : SPAN_PERIODS;
	for (size_t first = 0; span > 0 && periods_recorded(first) >= span;) {
		int64_t share = share_of(first, span).mean;
		if (share < 0)
			share = share_at_least(first, span);
		best = share > best ? share : best;
		first = next_period(first);
	}
	return best;
}

/*
 * Of the longest stretch that has pairs: where the rhythm was shifted once, none may lie as far apart as the record is long.
 * What is over at ragged ends is no share, so without any pair nothing is told here.
 */
static struct share longest_share(void)
{
	for (int64_t periods = periods_recorded(0); periods > 0; periods--)
		for (size_t first = 0; periods_recorded(first) >= periods; first = next_period(first)) {
			struct share share = share_of(first, periods);
			if (share.mean >= 0)
				return share;
		}
	return (struct share){-1, -1};
}

/* Without the largest run of samples at one go, which the ragged ends may have too much: the share was not less than that. */
static int64_t share_without_one_burst(void)
{
	int64_t wall = samples[sample_count - 1].wall_ns - samples[0].wall_ns, most = 0;
	for (size_t i = 1, begin = 0; i < sample_count; i++) {
		if (samples[i].wall_ns - samples[i - 1].wall_ns > 4 * SAMPLE_NS)
			begin = i;
		int64_t burst = samples[i].cpu_ns - samples[begin].cpu_ns;
		most = burst > most ? burst : most;
	}
	return (samples[sample_count - 1].cpu_ns - samples[0].cpu_ns - most) * 1000 / wall;
}

static int64_t plain_share(void)
{
	const struct sample *end = &samples[sample_count - 1];
	if (sample_count < 2)
		return -1;
	return (end->cpu_ns - samples[0].cpu_ns) * 1000 / (end->wall_ns - samples[0].wall_ns);
}

struct machine {
	int64_t begin_ns, cpus;
	double idle;
	bool known;
};

static struct machine machine_begin(void)
{
	struct machine machine = {.begin_ns = clock_ns(CLOCK_MONOTONIC), .cpus = sysconf(_SC_NPROCESSORS_ONLN)};
	machine.known = machine_idle(&machine.idle);
	return machine;
}

/* Thousandths of a core that nobody used since then; -1: unknown. */
static int64_t machine_rested(const struct machine *machine)
{
	double idle, wall = (double)(clock_ns(CLOCK_MONOTONIC) - machine->begin_ns) / 1e9;
	if (!machine->known || !machine_idle(&idle))
		return -1;
	return (int64_t)((idle - machine->idle) / wall * 1000);
}

static bool others_were_busy(const struct machine *machine, int64_t share)
{
	int64_t idle = machine_rested(machine);
	return idle >= 0 && machine->cpus * 1000 - idle - share > machine->cpus * OTHERS_PERMILLE;
}

static int tell_share(const struct machine *machine)
{
	struct share whole = longest_share();
	int64_t best = best_share(), plain = plain_share(), idle = machine_rested(machine);
	if (plain < 0) {
		errno = ETIME;
		return load_broken("measure");
	}
	load_say("\"share_permille\":%lld,\"least_permille\":%lld,\"best_permille\":%lld,\"cpus\":%lld,\"window_ms\":%"
		 "lld",
		 (long long)(whole.mean < 0 ? plain : whole.mean),
		 (long long)(whole.least < 0 ? share_without_one_burst() : whole.least),
		 (long long)(best < 0 ? plain : best), (long long)machine->cpus,
		 (long long)((clock_ns(CLOCK_MONOTONIC) - machine->begin_ns) / 1000000));
	if (idle >= 0)
		load_say("\"idle_permille\":%lld", (long long)idle);
	return load_through();
}

/*
 * Others make a share smaller than it might be: while they do, the measurement goes on until `enough` was had once.
 * They also shift the rhythm, which makes single windows seem larger: whether too much is given is told by the least over all.
 */
static int measure(int workers, int64_t ms, int64_t enough)
{
	struct machine machine = machine_begin();
	for (int64_t window = 1; window <= WINDOWS; window++) {
		record(workers, machine.begin_ns + window * ms * 1000000);
		int64_t best = best_share();
		if (best >= 0 && (best >= enough || !others_were_busy(&machine, plain_share())))
			break;
	}
	__atomic_store_n(&board->until_ns, 0, __ATOMIC_RELAXED);
	return tell_share(&machine);
}

static int measure_as_told(int workers, char **argv)
{
	int64_t enough = argv[3] ? load_argument(argv[3], INT32_MAX) : INT32_MAX;
	return measure(workers, load_argument(argv[2], WINDOW_MAX_MS), enough);
}

static void warm_up(int64_t ms)
{
	int64_t until = clock_ns(CLOCK_MONOTONIC) + ms * 1000000;
	while (clock_ns(CLOCK_MONOTONIC) < until) {
		burn();
		note_cpu(0);
	}
}

/* The workers stop by themselves also when the first one is gone. */
static bool make_board(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED)
		return false;
	board->until_ns = clock_ns(CLOCK_MONOTONIC) + LOAD_TIME_MAX_MS * 1000000LL;
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

static int measure_threads(int workers, char **argv)
{
	int end = measure_as_told(workers, argv);
	for (int i = 1; i < workers; i++)
		(void)pthread_join(threads[i], NULL);
	return end;
}

static int run_spin(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	if (!make_board())
		return load_broken("mmap");
	load_ready();
	if (!start_threads(workers))
		return load_broken("pthread_create");
	warm_up(WARM_UP_MS);
	return measure_threads(workers, argv);
}

static const struct load spin = {"spin", "THREADS MS [ENOUGH]", "spins, and tells its share of a core", 2, 3, run_spin};
LOAD(spin);

static int run_spin_processes(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	if (!make_board())
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
	int end = measure_as_told(workers, argv);
	while (wait(NULL) > 0)
		;
	return end;
}

static const struct load spin_processes = {"spin-processes",  "PROCESSES MS [ENOUGH]", "the same with processes", 2, 3,
					   run_spin_processes};
LOAD(spin_processes);

/* Time that was left unused must not be saved up: rest first, and then take all that there is. */
static int run_burst(int argc, char **argv)
{
	(void)argc;
	int workers = workers_of(argv[1]);
	load_ready();
	load_sleep_ms(BURST_IDLE_MS);
	if (!make_board())
		return load_broken("mmap");
	if (!start_threads(workers))
		return load_broken("pthread_create");
	return measure_threads(workers, argv);
}

static const struct load burst = {"burst", "THREADS MS [ENOUGH]", "rests, and then spins", 2, 3, run_burst};
LOAD(burst);
