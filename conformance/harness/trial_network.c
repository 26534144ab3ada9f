/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trial_network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "harness/hostpid.h"

#define ASK_MS      10000
#define REQUEST_MAX 512
#define TABLE_MAX   65536
#define DETAIL_MAX  600
#define PLACE_MAX   16
#define PEER        "peer"

static bool is_off(const struct trial_network_run *run)
{
	return !run->network || run->network->ground == GROUND_NONE;
}

int trial_network_init(struct trial_network_run *run, struct testnet *testnet, const struct trial_network *network,
		       const char *token, const char *companion_token, struct error *err)
{
	*run = (struct trial_network_run){
		.testnet = testnet, .network = network, .sides = {{.token = token}, {.token = companion_token}}};
	if (is_off(run))
		return 0;
	if (!testnet)
		return error_say(err, ENOTCONN, "there is no test internet");
	run->facts = json_pack("{s:i}", "testnet", 1);
	return run->facts ? 0 : error_set(err, ENOMEM, "facts");
}

pid_t trial_network_of(const struct trial_network_run *run, size_t side)
{
	if (is_off(run))
		return 0;
	if (run->network->ground == GROUND_RUNTIME)
		return testnet_pid(run->testnet, "host");
	return testnet_pid(run->testnet, side == 0 ? "bare" : "bare2");
}

static int request(struct trial_network_run *run, const char *text, json_t **answer, struct error *err)
{
	json_t *taken = NULL;
	int r = testnet_ask(run->testnet, text, ASK_MS, &taken, err);
	if (r == 0 && answer)
		*answer = taken;
	else
		json_decref(taken);
	return r;
}

int trial_network_begin(struct trial_network_run *run, struct error *err)
{
	char text[REQUEST_MAX];
	if (is_off(run))
		return 0;
	(void)snprintf(text, sizeof(text), "window %s", run->sides[0].token);
	return request(run, text, NULL, err);
}

/* --- Who is where ---------------------------------------------------------------------------------- */

/*
 * /proc/PID/net/fib_trie, "|-- ADDRESS" and beneath it "/32 host LOCAL": what is local in that namespace, without entering it.
 */
static void find_address(pid_t pid, char address[16])
{
	char path[48], candidate[16] = "", *rest = NULL;
	_cleanup_free_ char *table = NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/net/fib_trie", (int)pid);
	if (io_read_file(AT_FDCWD, path, TABLE_MAX, &table, NULL) < 0)
		return;
	for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *at = strstr(line, "|-- ");
		if (at)
			(void)snprintf(candidate, sizeof(candidate), "%s", at + 4);
		else if (strstr(line, "/32 host LOCAL") && strncmp(candidate, "127.", 4) != 0) {
			memcpy(address, candidate, sizeof(candidate));
			return;
		}
	}
}

static int find_side(struct trial_network_side *side, struct error *err)
{
	if (!side->token || side->pid)
		return 0;
	side->pid = hostpid_find_load(side->token);
	if (side->pid == 0)
		return error_say(err, ESRCH, "%s: the load's process was not found on the host", side->token);
	find_address(side->pid, side->address);
	return 0;
}

/* In the control it is a place of the test internet's own, which is watched anyway. */
int trial_network_peer(struct trial_network_run *run, struct error *err)
{
	char text[REQUEST_MAX];
	if (is_off(run) || run->peer_watched || !run->sides[1].token)
		return 0;
	run->peer_watched = true;
	int r = find_side(&run->sides[1], err);
	if (r < 0 || run->network->ground == GROUND_BARE)
		return r;
	(void)snprintf(text, sizeof(text), "sniff %d " PEER, (int)run->sides[1].pid);
	return request(run, text, NULL, err);
}

/* --- From outside ---------------------------------------------------------------------------------- */

/* The value of a placeholder; NULL: there is none such, or nothing that it could stand for. */
static const char *value_of(const struct trial_network_run *run, const char *name, size_t length, char number[16])
{
	static const struct {
		const char *name;
		size_t side;
		bool pid;
	} rows[] = {{"pid", 0, true}, {"companion", 1, true}, {"address", 0, false}, {"companion-address", 1, false}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct trial_network_side *side = &run->sides[rows[i].side];
		if (strlen(rows[i].name) != length || strncmp(rows[i].name, name, length) != 0)
			continue;
		(void)snprintf(number, 16, "%d", (int)side->pid);
		if (rows[i].pid)
			return side->pid ? number : NULL;
		return side->address[0] ? side->address : NULL;
	}
	return NULL;
}

/* 0; -ENXIO with the word in err where a placeholder has no value. */
static int fill_in(const struct trial_network_run *run, const char *format, char text[REQUEST_MAX], struct error *err)
{
	size_t used = 0;
	for (const char *c = format; *c; c++) {
		char number[16], one[2] = {*c, '\0'};
		const char *add = one, *end = *c == '{' ? strchr(c, '}') : NULL;
		if (end) {
			add = value_of(run, c + 1, (size_t)(end - c) - 1, number);
			if (!add)
				return error_say(err, ENXIO, "%.*s has no value", (int)(end - c) + 1, c);
			c = end;
		}
		if (used + strlen(add) + 1 > REQUEST_MAX)
			return error_say(err, E2BIG, "%s: too long", format);
		used += strlen(strcpy(text + used, add));
	}
	text[used] = '\0';
	return 0;
}

int trial_network_words(struct trial_network_run *run, char **words, struct error *err)
{
	char text[REQUEST_MAX];
	for (size_t i = 0; words[i] && !is_off(run); i++) {
		if (!strchr(words[i], '{'))
			continue;
		int r = fill_in(run, words[i], text, err);
		if (r < 0)
			return r;
		char *filled = run->filled_count < TRIAL_NETWORK_WORDS_MAX ? strdup(text) : NULL;
		if (!filled)
			return error_set(err, ENOMEM, "words");
		words[i] = run->filled[run->filled_count++] = filled;
	}
	return 0;
}

/* A sandbox without an address cannot be sent anything: a fact, no failure. */
static int do_one(struct trial_network_run *run, const char *format, int64_t *sent, struct error *err)
{
	char text[REQUEST_MAX] = "";
	struct error missing = {0};
	json_t *answer = NULL;
	int r = fill_in(run, format + strspn(format, " "), text, &missing);
	if (r == -ENXIO) {
		(void)json_object_set_new(run->facts, "outside_skipped", json_string(missing.text));
		return 0;
	}
	r = r < 0 ? error_say(err, -r, "%s", missing.text) : request(run, text, &answer, err);
	*sent += json_integer_value(json_object_get(answer, "sent"));
	json_decref(answer);
	return r;
}

int trial_network_outside(struct trial_network_run *run, struct error *err)
{
	int64_t sent = 0;
	char *rest = NULL;
	if (is_off(run) || run->outside_done)
		return 0;
	run->outside_done = true;
	if (!run->network->outside)
		return 0;
	int r = find_side(&run->sides[0], err);
	_cleanup_free_ char *copy = strdup(run->network->outside);
	if (r == 0 && !copy)
		r = error_set(err, ENOMEM, "outside");
	for (char *one = r == 0 ? strtok_r(copy, ";", &rest) : NULL; one && r == 0; one = strtok_r(NULL, ";", &rest))
		r = do_one(run, one, &sent, err);
	if (r == 0)
		(void)json_object_set_new(run->facts, "outside_sent", json_integer((json_int_t)sent));
	return r;
}

/* --- What arrived ---------------------------------------------------------------------------------- */

struct victim {
	char place[PLACE_MAX], address[16];
	int port; /* -1: any */
};

/* "PLACE", "PLACE:ADDRESS" or "PLACE:ADDRESS:PORT". */
static int read_victim(const char *word, struct victim *victim, struct error *err)
{
	*victim = (struct victim){.port = -1};
	const char *place = word, *address = strchr(word, ':'), *port = address ? strchr(address + 1, ':') : NULL;
	size_t place_length = address ? (size_t)(address - place) : strlen(place);
	size_t length = !address ? 0 : port ? (size_t)(port - address) - 1 : strlen(address + 1);
	if (place_length == 0 || place_length >= sizeof(victim->place) || length >= sizeof(victim->address))
		return error_say(err, EINVAL, "%s: a victim is PLACE[:ADDRESS[:PORT]]", word);
	memcpy(victim->place, place, place_length);
	if (length)
		memcpy(victim->address, address + 1, length);
	victim->port = port ? atoi(port + 1) : -1;
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* The control's neighbour is the peer there. */
static const char *place_of(const struct trial_network_run *run, const char *place)
{
	return run->network->ground == GROUND_BARE && strcmp(place, PEER) == 0 ? "bare2" : place;
}

static bool matches(const struct trial_network_run *run, const struct victim *victim, const json_t *frame)
{
	const json_t *port = json_object_get(frame, "port");
	return strcmp(text_of(frame, "place"), place_of(run, victim->place)) == 0 &&
	       (!victim->address[0] || strcmp(text_of(frame, "target"), victim->address) == 0) &&
	       (victim->port < 0 || json_integer_value(port) == victim->port);
}

static void add_to(json_t *facts, const char *key, json_int_t more)
{
	(void)json_object_set_new(facts, key, json_integer(json_integer_value(json_object_get(facts, key)) + more));
}

/* For people: which frames they were. */
static void add_detail(char detail[DETAIL_MAX], const struct victim *victim, const json_t *frame)
{
	size_t used = strlen(detail);
	(void)snprintf(detail + used, DETAIL_MAX - used, "%s%s: %04x/%d %s>%s:%d x%d%s", used ? "; " : "",
		       victim->place, (unsigned)json_integer_value(json_object_get(frame, "ethertype")),
		       (int)json_integer_value(json_object_get(frame, "protocol")), text_of(frame, "source"),
		       text_of(frame, "target"), (int)json_integer_value(json_object_get(frame, "port")),
		       (int)json_integer_value(json_object_get(frame, "count")),
		       json_is_true(json_object_get(frame, "token")) ? " token" : "");
}

static void count_victim(struct trial_network_run *run, const struct victim *victim, const json_t *frames,
			 char detail[DETAIL_MAX])
{
	char all[PLACE_MAX + 16], with_token[PLACE_MAX + 16];
	size_t i;
	json_t *frame;
	(void)snprintf(all, sizeof(all), "seen_%s", victim->place);
	(void)snprintf(with_token, sizeof(with_token), "seen_%s_token", victim->place);
	add_to(run->facts, all, 0);
	add_to(run->facts, with_token, 0);
	json_array_foreach(frames, i, frame)
	{
		json_int_t count = json_integer_value(json_object_get(frame, "count"));
		if (!matches(run, victim, frame))
			continue;
		add_to(run->facts, all, count);
		add_to(run->facts, with_token, json_is_true(json_object_get(frame, "token")) ? count : 0);
		add_detail(detail, victim, frame);
	}
}

static int count_victims(struct trial_network_run *run, const json_t *frames, struct error *err)
{
	char detail[DETAIL_MAX] = "", *rest = NULL;
	_cleanup_free_ char *copy = strdup(run->network->victims ? run->network->victims : "");
	if (!copy)
		return error_set(err, ENOMEM, "victims");
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		struct victim victim;
		int r = read_victim(word, &victim, err);
		if (r < 0)
			return r;
		/* Nobody looked where there was no companion that came up. */
		if (strcmp(victim.place, PEER) != 0 || run->sides[1].pid)
			count_victim(run, &victim, frames, detail);
	}
	(void)json_object_set_new(run->facts, "seen", json_string(detail));
	return 0;
}

static int list_questions(struct trial_network_run *run, const json_t *questions, struct error *err)
{
	char *text = NULL;
	size_t size, i;
	json_t *question;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return error_set(err, errno, "questions");
	json_array_foreach(questions, i, question)(void)
		fprintf(out, "%s%s", i ? " " : "", json_string_value(question) ? json_string_value(question) : "?");
	int r = fclose(out) == 0 ? json_object_set_new(run->facts, "questions", json_string(text)) : -1;
	free(text);
	return r < 0 ? error_set(err, ENOMEM, "questions") : 0;
}

int trial_network_seen(struct trial_network_run *run, struct error *err)
{
	json_t *answer = NULL;
	if (is_off(run))
		return 0;
	int r = request(run, "seen", &answer, err);
	const json_t *frames = json_object_get(answer, "frames"), *questions = json_object_get(answer, "questions");
	if (r == 0 && (!json_is_array(frames) || !json_is_array(questions)))
		r = error_say(err, EBADMSG, "the test internet did not tell what it saw");
	r = r < 0 ? r : count_victims(run, frames, err);
	r = r < 0 ? r : list_questions(run, questions, err);
	json_decref(answer);
	return r;
}

void trial_network_clear(struct trial_network_run *run)
{
	for (size_t i = 0; i < run->filled_count; i++)
		free(run->filled[i]);
	run->filled_count = 0;
	json_decref(run->facts);
	run->facts = NULL;
}
