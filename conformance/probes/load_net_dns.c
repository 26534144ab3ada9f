/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: questions by hand.  A resolver library would ask what it likes, and when. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load_net.h"

#define MESSAGE_MAX  4096
#define HEADER_SIZE  12
#define FLAG_TC      0x02
#define TYPE_A       1
#define TYPE_AAAA    28
#define DNS_PORT     "53"
#define CONFIG       "/etc/resolv.conf"
#define TEXT_MAX     400
#define LOOKUP_TRIES 2

struct answer {
	unsigned rcode, answers;
	bool truncated;
	int64_t ttl; /* the smallest; -1: no answer */
	char addresses[TEXT_MAX];
};

/* --- The question ---------------------------------------------------------------------------------- */

static unsigned type_number(const char *name)
{
	static const struct {
		const char *name;
		unsigned number;
	} types[] = {{"A", TYPE_A}, {"CNAME", 5}, {"NULL", 10},  {"MX", 15},
		     {"TXT", 16},   {"AAAA", 28}, {"HTTPS", 65}, {"ANY", 255}};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return types[i].number;
	return (unsigned)load_argument(name, 65535);
}

static size_t put_short(unsigned char *at, unsigned value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
	return 2;
}

static unsigned get_short(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* A name as it is on the wire; 0: not one.  A dot at its end is no label. */
static size_t put_name(unsigned char *at, const char *name)
{
	size_t used = 0;
	while (*name) {
		size_t length = strcspn(name, ".");
		if (length == 0 || length > 63 || used + length + 2 > 255)
			return 0;
		at[used++] = (unsigned char)length;
		memcpy(at + used, name, length);
		used += length;
		name += length + (name[length] == '.');
	}
	at[used++] = 0;
	return used;
}

static size_t write_question(unsigned char *message, unsigned id, const char *name, unsigned type)
{
	memset(message, 0, HEADER_SIZE);
	(void)put_short(message, id);
	message[2] = 1; /* recursion desired */
	message[5] = 1; /* one question */
	size_t used = put_name(message + HEADER_SIZE, name);
	if (used == 0)
		return 0;
	used += HEADER_SIZE;
	used += put_short(message + used, type);
	return used + put_short(message + used, 1);
}

/* --- The answer ------------------------------------------------------------------------------------ */

/* Behind the name at the place; 0: it goes beyond the end. */
static size_t skip_name(const unsigned char *message, size_t length, size_t at)
{
	while (at < length) {
		if (message[at] >= 0xc0)
			return at + 2 <= length ? at + 2 : 0;
		if (message[at] == 0)
			return at + 1;
		at += message[at] + 1U;
	}
	return 0;
}

static void take_address(struct net_run *run, struct answer *answer, unsigned type, const unsigned char *data)
{
	char text[INET6_ADDRSTRLEN];
	size_t used = strlen(answer->addresses);
	if (!inet_ntop(type == TYPE_A ? AF_INET : AF_INET6, data, text, sizeof(text)))
		return;
	if (used + strlen(text) + 2 <= sizeof(answer->addresses))
		(void)snprintf(answer->addresses + used, sizeof(answer->addresses) - used, "%s%s", used ? " " : "",
			       text);
	if (type == TYPE_A && run->answer_count < NET_ANSWERS_MAX)
		memcpy(&run->answers[run->answer_count++], data, sizeof(struct in_addr));
}

/* One record; the place behind it, or 0. */
static size_t take_record(struct net_run *run, struct answer *answer, const unsigned char *message, size_t length,
			  size_t at)
{
	at = skip_name(message, length, at);
	if (at == 0 || at + 10 > length)
		return 0;
	unsigned type = get_short(message + at), size = get_short(message + at + 8);
	int64_t ttl = (int64_t)get_short(message + at + 4) << 16 | get_short(message + at + 6);
	at += 10;
	if (at + size > length)
		return 0;
	answer->ttl = answer->ttl < 0 || ttl < answer->ttl ? ttl : answer->ttl;
	if ((type == TYPE_A && size == 4) || (type == TYPE_AAAA && size == 16))
		take_address(run, answer, type, message + at);
	return at + size;
}

static int read_answer(struct net_run *run, struct answer *answer, const unsigned char *message, size_t length)
{
	answer->rcode = message[3] & 0x0f;
	answer->truncated = message[2] & FLAG_TC;
	answer->answers = get_short(message + 6);
	size_t at = HEADER_SIZE;
	for (unsigned i = get_short(message + 4); i > 0; i--) {
		at = skip_name(message, length, at);
		if (at == 0 || at + 4 > length)
			return EBADMSG;
		at += 4;
	}
	for (unsigned i = 0; i < answer->answers; i++)
		if ((at = take_record(run, answer, message, length, at)) == 0)
			return EBADMSG;
	return 0;
}

/* --- Asking ---------------------------------------------------------------------------------------- */

static int receive_datagram(int fd, const unsigned char *question, unsigned char *message, ssize_t *length,
			    int64_t deadline)
{
	for (;;) {
		int r = net_wait(fd, POLLIN, deadline);
		if (r)
			return r;
		*length = recv(fd, message, MESSAGE_MAX, 0);
		if (*length < 0)
			return errno;
		/* Another's answer is not waited for in vain: a forged one must not end the wait. */
		if (*length >= HEADER_SIZE && memcmp(message, question, 2) == 0 && message[2] & 0x80)
			return 0;
	}
}

static int receive_all(int fd, unsigned char *at, size_t length, int64_t deadline)
{
	while (length > 0) {
		int r = net_wait(fd, POLLIN, deadline);
		ssize_t n = r ? 0 : recv(fd, at, length, 0);
		if (r || n <= 0)
			return r ? r : n < 0 ? errno : ECONNRESET;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static int receive_stream(int fd, unsigned char *message, ssize_t *length, int64_t deadline)
{
	unsigned char size[2];
	int r = receive_all(fd, size, sizeof(size), deadline);
	if (r)
		return r;
	*length = (ssize_t)get_short(size);
	if (*length < HEADER_SIZE || *length > MESSAGE_MAX)
		return EBADMSG;
	return receive_all(fd, message, (size_t)*length, deadline);
}

static int ask(struct net_run *run, struct answer *answer, int type, const struct sockaddr_in *server, const char *name,
	       unsigned question_type, int wait_ms)
{
	static unsigned serial;
	unsigned char question[2 + 512], message[MESSAGE_MAX];
	ssize_t length = 0;
	int64_t deadline = load_now_ms() + wait_ms;
	size_t size = write_question(question + 2, ((unsigned)getpid() * 251 + ++serial * 7919) & 0xffff, name,
				     question_type);
	if (size == 0)
		return NET_SKIPPED;
	int fd = net_connect(type, (const struct sockaddr *)server, sizeof(*server), deadline);
	if (fd < 0)
		return errno;
	bool stream = type == SOCK_STREAM;
	(void)put_short(question, (unsigned)size);
	const unsigned char *from = stream ? question : question + 2;
	size += stream ? 2 : 0;
	int r = send(fd, from, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : errno;
	if (r == 0)
		r = stream ? receive_stream(fd, message, &length, deadline)
			   : receive_datagram(fd, question + 2, message, &length, deadline);
	(void)close(fd);
	run->answer_count = 0;
	*answer = (struct answer){.ttl = -1};
	return r ? r : read_answer(run, answer, message, (size_t)length);
}

static void tell(const struct net_step *step, const struct answer *answer)
{
	net_number(step, "rcode", answer->rcode);
	net_number(step, "answers", answer->answers);
	net_number(step, "truncated", answer->truncated);
	net_text(step, "addresses", answer->addresses);
	if (answer->ttl >= 0)
		net_number(step, "ttl", answer->ttl);
}

/* The first name server that /etc/resolv.conf names. */
static bool find_server(char address[INET_ADDRSTRLEN])
{
	char line[256];
	bool found = false;
	FILE *file = fopen(CONFIG, "re");
	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "nameserver %15[0-9.]", address) == 1;
	if (file)
		(void)fclose(file);
	return found;
}

static int server_of(const struct net_run *run, const struct net_step *step, const char *server, const char *port,
		     struct sockaddr_in *to)
{
	char address[INET_ADDRSTRLEN] = "";
	if (!server && !find_server(address)) {
		net_text(step, "step", "resolv.conf");
		return NET_SKIPPED;
	}
	return net_address(run, server ? server : address, port ? port : DNS_PORT, to);
}

static int run_dns(struct net_run *run, struct net_step *step)
{
	struct answer answer = {0};
	struct sockaddr_in server;
	int r = server_of(run, step, step->words[2], step->words[3], &server);
	r = r ? r
	      : ask(run, &answer, step->kind->type, &server, step->words[0], type_number(step->words[1]), NET_STEP_MS);
	if (r == 0)
		tell(step, &answer);
	return r;
}

static int run_lookup(struct net_run *run, struct net_step *step)
{
	struct answer answer = {0};
	struct sockaddr_in server;
	int r = server_of(run, step, NULL, NULL, &server);
	if (r)
		return r;
	r = ETIMEDOUT;
	for (int i = 0; i < LOOKUP_TRIES && r == ETIMEDOUT; i++)
		r = ask(run, &answer, SOCK_DGRAM, &server, step->words[0], TYPE_A, NET_STEP_MS / LOOKUP_TRIES);
	if (r == 0 && answer.truncated)
		r = ask(run, &answer, SOCK_STREAM, &server, step->words[0], TYPE_A, NET_STEP_MS);
	if (r == 0)
		tell(step, &answer);
	return r;
}

static const struct net_kind questions[] = {
	{"dns", 2, 4, run_dns, SOCK_DGRAM, false},
	{"dns-tcp", 2, 4, run_dns, SOCK_STREAM, false},
	{"lookup", 1, 1, run_lookup, 0, false},
};
NET_KINDS(questions);
