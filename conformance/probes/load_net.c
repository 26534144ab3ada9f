/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/load_net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLEEP_MAX_MS 10000
#define WAIT_MAX_MS  30000

extern const struct net_kinds *const __start_net_kinds[];
extern const struct net_kinds *const __stop_net_kinds[];

/* --- Telling --------------------------------------------------------------------------------------- */

void net_number(const struct net_step *step, const char *key, int64_t value)
{
	load_say("\"s%u_%s\":%lld", step->number, key, (long long)value);
}

void net_text(const struct net_step *step, const char *key, const char *text)
{
	load_say("\"s%u_%s\":\"%s\"", step->number, key, text);
}

/* --- Addresses and waiting ------------------------------------------------------------------------- */

int net_port(const char *text)
{
	return (int)load_argument(text, 65535);
}

/* Of the default route; 0: there is none. */
static uint32_t gateway(void)
{
	char line[256];
	uint32_t destination, via, mask, found = 0;
	FILE *file = fopen("/proc/net/route", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %x %x %*x %*d %*d %*d %x", &destination, &via, &mask) == 3 && mask == 0)
			found = via;
	if (file)
		(void)fclose(file);
	return found;
}

int net_address(const struct net_run *run, const char *address, const char *port, struct sockaddr_in *to)
{
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((in_port_t)net_port(port))};
	if (strcmp(address, "gateway") == 0) {
		to->sin_addr.s_addr = gateway();
		return to->sin_addr.s_addr ? 0 : NET_SKIPPED;
	}
	if (address[0] != '@')
		return inet_pton(AF_INET, address, &to->sin_addr) == 1 ? 0 : NET_SKIPPED;
	unsigned place = (unsigned)load_argument(address + 1, NET_ANSWERS_MAX);
	if (place == 0 || place > run->answer_count)
		return NET_SKIPPED;
	to->sin_addr = run->answers[place - 1];
	return 0;
}

int net_wait(int fd, short events, int64_t deadline)
{
	for (;;) {
		struct pollfd poll_fd = {fd, events, 0};
		int64_t left = deadline - load_now_ms();
		int r = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
		if (r > 0)
			return 0;
		if (r == 0)
			return ETIMEDOUT;
		if (errno != EINTR)
			return errno;
	}
}

/* --- Steps that are no traffic --------------------------------------------------------------------- */

static int run_sleep(struct net_run *run, struct net_step *step)
{
	(void)run;
	load_sleep_ms(load_argument(step->words[0], SLEEP_MAX_MS));
	return 0;
}

static void be_ready(struct net_run *run)
{
	if (!run->ready)
		load_ready();
	run->ready = true;
}

static int run_ready(struct net_run *run, struct net_step *step)
{
	(void)step;
	be_ready(run);
	return 0;
}

static int run_wait(struct net_run *run, struct net_step *step)
{
	char bytes[64];
	int64_t deadline = load_now_ms() + load_argument(step->words[0], WAIT_MAX_MS);
	be_ready(run);
	for (int r = 0;;) {
		r = net_wait(STDIN_FILENO, POLLIN, deadline);
		if (r != 0)
			return r;
		ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return errno;
	}
}

static const struct net_kind idle[] = {
	{.name = "sleep", .least = 1, .most = 1, .run = run_sleep},
	{.name = "ready", .run = run_ready},
	{.name = "wait", .least = 1, .most = 1, .run = run_wait},
};
NET_KINDS(idle);

/* --- The load -------------------------------------------------------------------------------------- */

static const struct net_kind *find_kind(const char *name)
{
	for (const struct net_kinds *const *kinds = __start_net_kinds; kinds < __stop_net_kinds; kinds++)
		for (size_t i = 0; i < (*kinds)->count; i++)
			if (strcmp((*kinds)->rows[i].name, name) == 0)
				return &(*kinds)->rows[i];
	return NULL;
}

static bool parse(struct net_step *step, char *text)
{
	char *name = strsep(&text, ":");
	step->fd = -1;
	step->kind = find_kind(name);
	for (; text && step->count < NET_WORDS_MAX; step->count++)
		step->words[step->count] = strsep(&text, ":");
	return step->kind && !text && step->count >= step->kind->least && step->count <= step->kind->most;
}

static bool says_ready(const struct net_run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->steps[i].kind->run == run_ready || run->steps[i].kind->run == run_wait)
			return true;
	return false;
}

static void take(struct net_run *run, struct net_step *step)
{
	int64_t since = load_now_ms();
	int result = step->kind->run(run, step);
	if (result == NET_SKIPPED)
		net_number(step, "skipped", 1);
	load_say("\"s%u_result\":%d,\"s%u_ms\":%lld", step->number, result, step->number,
		 (long long)(load_now_ms() - since));
}

static int run_net(int argc, char **argv)
{
	static struct net_run run; /* too large for a small stack */
	for (int i = 1; i < argc; i++) {
		struct net_step *step = &run.steps[run.count++];
		step->number = (unsigned)i;
		if (!parse(step, argv[i])) {
			(void)fprintf(stderr, "net: step %d is none that PROTOCOL.md knows\n", i);
			return LOAD_USAGE;
		}
	}
	if (!says_ready(&run))
		be_ready(&run);
	for (size_t i = 0; i < run.count; i++)
		take(&run, &run.steps[i]);
	load_say("\"steps\":%zu", run.count);
	return load_through();
}

static const struct load net = {"net", "STEP...",     "takes steps on the network (PROTOCOL.md)",
				1,     NET_STEPS_MAX, run_net};
LOAD(net);
