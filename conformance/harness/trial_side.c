/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trial_side.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/session_private.h"

#define END_MS 5000

static char program[] = "probe", verb[] = "load";

static int lay_command(struct trial_side *side, const char *load, struct error *err)
{
	size_t count = 0;
	char *rest = NULL;
	side->load = strdup(load);
	if (!side->load)
		return error_set(err, ENOMEM, "load");
	side->command[count++] = program;
	side->command[count++] = verb;
	for (char *word = strtok_r(side->load, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (count + 1 == TRIAL_WORDS_MAX)
			return error_say(err, E2BIG, "%s: too many words", load);
		side->command[count++] = word;
	}
	side->command[count] = side->token;
	return 0;
}

int trial_side_init(struct trial_side *side, struct adapter *adapter, const struct adapter_launch *launch,
		    const char *load, enum trial_tier tier, struct error *err)
{
	static atomic_uint serial;
	*side = (struct trial_side){
		.adapter = adapter, .launch = *launch, .pidfd = -1, .in_fd = -1, .out_fd = -1, .err_fd = -1};
	/* The letter behind the number: no name shall be the beginning of another's. */
	(void)snprintf(side->name, sizeof(side->name), "agentcore-trial-%d-%ut", (int)getpid(),
		       atomic_fetch_add(&serial, 1));
	(void)snprintf(side->token, sizeof(side->token), "%s%s", side->name, tier == TRIAL_EXEC ? "-exec" : "");
	side->facts = json_object();
	if (!side->facts)
		return error_set(err, ENOMEM, "facts");
	side->launch.name = side->name;
	side->launch.tier = tier;
	side->launch.command = side->command;
	return lay_command(side, load, err);
}

static int open_pipe(int ends[2], struct error *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set(err, errno, "pipe");
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return 0;
}

/* What the load reads from: -1 with errno.  Its end is what tells a load of the network to go on. */
static int open_input(struct trial_side *side)
{
	int ends[2];
	if (!side->takes_input)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	side->in_fd = ends[1];
	return ends[0];
}

int trial_side_start(struct trial_side *side, struct error *err)
{
	int out[2] = {-1, -1}, errors[2] = {-1, -1};
	_cleanup_fd_ int input = open_input(side);
	if (input < 0)
		return error_set(err, errno, "standard input");
	int r = open_pipe(out, err);
	side->out_fd = out[0];
	r = r < 0 ? r : open_pipe(errors, err);
	side->err_fd = errors[0];
	side->launch.stdin_fd = input;
	side->launch.stdout_fd = out[1];
	side->launch.stderr_fd = errors[1];
	side->start_us = clock_us();
	r = r < 0 ? r : side->adapter->class->start(side->adapter, &side->launch, &side->pid, err);
	side->started = r == 0;
	close_fd(&out[1]);
	close_fd(&errors[1]);
	if (r < 0)
		return r;
	side->pidfd = pidfd_open(side->pid, 0);
	return side->pidfd < 0 ? error_set(err, errno, "pidfd_open") : 0;
}

size_t trial_side_polls(const struct trial_side *side, struct pollfd *fds)
{
	const int sources[] = {side->out_fd, side->err_fd, side->ended ? -1 : side->pidfd};
	size_t count = 0;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (side->started && sources[i] >= 0)
			fds[count++] = (struct pollfd){sources[i], POLLIN, 0};
	return count;
}

/* --- Output ----------------------------------------------------------------------------------------- */

static void take_line(struct trial_side *side)
{
	json_t *line = json_loadb(side->line, side->line_length, 0, NULL);
	if (json_is_object(line))
		(void)json_object_update(side->facts, line);
	json_decref(line);
	if (!side->ready && json_object_get(side->facts, "ready")) {
		side->ready = true;
		side->ready_us = clock_us();
	}
}

/* A line that is too long is none of a load's; it is dropped, and so is all that comes after the first MiB. */
static void take_output(struct trial_side *side, const char *data, size_t length)
{
	for (size_t i = 0; i < length && side->read < TRIAL_OUTPUT_MAX; i++, side->read++) {
		if (data[i] != '\n') {
			if (side->line_length < sizeof(side->line))
				side->line[side->line_length++] = data[i];
			continue;
		}
		if (side->line_length < sizeof(side->line))
			take_line(side);
		side->line_length = 0;
	}
}

static void take_errors(struct trial_side *side, const char *data, size_t length)
{
	for (size_t i = 0; i < length && side->errors_length + 1 < sizeof(side->errors); i++) {
		unsigned char c = (unsigned char)data[i];
		side->errors[side->errors_length++] = c >= 0x80 ? '?' : (char)(iscntrl(c) ? ' ' : c);
	}
}

static void drain(struct trial_side *side, int *fd, void (*take)(struct trial_side *, const char *, size_t))
{
	char buffer[8192];
	while (*fd >= 0) {
		ssize_t n = read(*fd, buffer, sizeof(buffer));
		if (n > 0)
			take(side, buffer, (size_t)n);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			close_fd(fd);
		else if (errno == EAGAIN)
			return;
	}
}

/* --- The end ---------------------------------------------------------------------------------------- */

static struct members members_of(const struct trial_side *side, const char *words[2], const json_t *namespaces)
{
	words[0] = side->token;
	words[1] = side->name;
	/* Around an execution its sandbox goes on: only who bears the execution's own word is its own. */
	bool alone = side->launch.tier == TRIAL_EXEC;
	return (struct members){words, alone ? 1 : 2, alone ? NULL : namespaces};
}

static void count_survivors(struct trial_side *side, const json_t *namespaces)
{
	const char *words[2];
	const struct members members = members_of(side, words, namespaces);
	unsigned count = members_count(&members);
	int64_t since = (int64_t)(clock_us() - side->end_us) / 1000;
	if (!side->ended) {
		side->survivors = count;
		side->ended = true;
		since = 0;
	}
	side->survivors_gone_ms = count == 0 ? since : -1;
	side->departed = count == 0 || since >= TRIAL_DEPARTED_MS;
}

void trial_side_advance(struct trial_side *side, const json_t *namespaces)
{
	if (!side->started)
		return;
	drain(side, &side->out_fd, take_output);
	drain(side, &side->err_fd, take_errors);
	if (side->pid > 0 && waitpid(side->pid, &side->wait_status, WNOHANG) == side->pid) {
		side->end_us = clock_us();
		side->pid = 0;
		count_survivors(side, namespaces);
		/* What it wrote between the last look and its end. */
		drain(side, &side->out_fd, take_output);
		drain(side, &side->err_fd, take_errors);
	} else if (side->ended && !side->departed) {
		count_survivors(side, namespaces);
	}
}

static void wait_for_runtime(struct trial_side *side)
{
	struct pollfd fd = {side->pidfd, POLLIN, 0};
	(void)kill(side->pid, SIGKILL);
	(void)poll(&fd, 1, END_MS);
	if (waitpid(side->pid, &side->wait_status, WNOHANG) == side->pid)
		side->pid = 0;
}

void trial_side_end(struct trial_side *side, const json_t *namespaces)
{
	const char *words[] = {side->token, side->name};
	const struct members members = {words, 2, namespaces};
	if (!side->started)
		return;
	if (side->pid > 0)
		wait_for_runtime(side);
	(void)members_kill(&members, END_MS);
	if (side->adapter->class->finish)
		side->adapter->class->finish(side->adapter, &side->launch, side->pid);
	side->started = false;
}

void trial_side_clear(struct trial_side *side)
{
	close_fd(&side->pidfd);
	close_fd(&side->in_fd);
	close_fd(&side->out_fd);
	close_fd(&side->err_fd);
	json_decref(side->facts);
	free(side->load);
	side->facts = NULL;
	side->load = NULL;
}

/* --- Facts ------------------------------------------------------------------------------------------ */

static void set(json_t *facts, const char *prefix, const char *key, json_t *value)
{
	char name[96];
	(void)snprintf(name, sizeof(name), "%s%s", prefix, key);
	(void)json_object_set_new(facts, name, value);
}

static void set_number(json_t *facts, const char *prefix, const char *key, int64_t value)
{
	set(facts, prefix, key, json_integer((json_int_t)value));
}

static int64_t elapsed_ms(const struct trial_side *side, uint64_t at_us)
{
	return (int64_t)(at_us - side->start_us) / 1000;
}

static void tell_end(const struct trial_side *side, const char *prefix, json_t *facts)
{
	if (WIFEXITED(side->wait_status))
		set_number(facts, prefix, "exit", WEXITSTATUS(side->wait_status));
	else
		set_number(facts, prefix, "signal", WTERMSIG(side->wait_status));
	set_number(facts, prefix, "end_ms", elapsed_ms(side, side->end_us));
	if (side->ready)
		set_number(facts, prefix, "after_ready_ms",
			   elapsed_ms(side, side->end_us) - elapsed_ms(side, side->ready_us));
	set_number(facts, prefix, "survivors", side->survivors);
	set_number(facts, prefix, "survivors_gone_ms", side->survivors_gone_ms);
}

void trial_side_tell(const struct trial_side *side, const char *prefix, json_t *facts)
{
	const char *key;
	json_t *value;
	json_object_foreach(side->facts, key, value) set(facts, prefix, key, json_incref(value));
	if (side->ready)
		set_number(facts, prefix, "ready_ms", elapsed_ms(side, side->ready_us));
	if (side->ended)
		tell_end(side, prefix, facts);
	set(facts, prefix, "stderr", json_stringn(side->errors, side->errors_length));
}
