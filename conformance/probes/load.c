/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 512

extern const struct load *const __start_loads[];
extern const struct load *const __stop_loads[];

static const char *token = "";
static int64_t ready_at;

const struct load *const *loads_all(size_t *count)
{
	*count = (size_t)(__stop_loads - __start_loads);
	return __start_loads;
}

static const struct load *find(const char *name)
{
	for (const struct load *const *l = __start_loads; l < __stop_loads; l++)
		if (strcmp((*l)->name, name) == 0)
			return *l;
	return NULL;
}

int load_main(int argc, char **argv)
{
	/* The last word is the token, which is for whoever looks at the process table. */
	const struct load *load = argc >= 2 ? find(argv[0]) : NULL;
	int arguments = argc - 2;
	if (!load || arguments < load->least || arguments > load->most) {
		(void)fputs("usage: probe load NAME ARG... TOKEN; probe list names the loads\n", stderr);
		return LOAD_USAGE;
	}
	token = argv[argc - 1];
	argv[argc - 1] = NULL;
	ready_at = load_now_ms();
	return load->run(argc - 1, argv);
}

const char *load_token(void)
{
	return token;
}

void load_say(const char *format, ...)
{
	char line[LINE_MAX_BYTES] = "{";
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line + 1, sizeof(line) - 3, format, args);
	va_end(args);
	if (length < 0 || length > (int)sizeof(line) - 4)
		return;
	memcpy(line + 1 + length, "}\n", 2);
	ssize_t written;
	do
		written = write(STDOUT_FILENO, line, (size_t)length + 3);
	while (written < 0 && errno == EINTR);
}

void load_ready(void)
{
	ready_at = load_now_ms();
	load_say("\"ready\":1");
}

void load_reached(const char *key, int64_t value)
{
	load_say("\"%s\":%lld,\"at_ms\":%lld", key, (long long)value, (long long)load_since_ready_ms());
}

static void say_errno(const char *step, int code)
{
	load_say("\"step\":\"%s\",\"errno\":%d,\"at_ms\":%lld", step, code, (long long)load_since_ready_ms());
}

int load_refused(const char *step)
{
	say_errno(step, errno);
	return LOAD_REFUSED;
}

int load_broken(const char *step)
{
	say_errno(step, errno);
	load_say("\"broken\":1");
	return LOAD_BROKEN;
}

int load_through(void)
{
	load_say("\"through\":1,\"at_ms\":%lld", (long long)load_since_ready_ms());
	return LOAD_THROUGH;
}

int64_t load_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t load_since_ready_ms(void)
{
	return load_now_ms() - ready_at;
}

void load_sleep_ms(int64_t ms)
{
	struct timespec left = {ms / 1000, (ms % 1000) * 1000000};
	if (ms <= 0)
		return;
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

int64_t load_argument(const char *text, int64_t most)
{
	int64_t value = text ? strtoll(text, NULL, 10) : 0;
	if (value < 0)
		return 0;
	return value < most ? value : most;
}
