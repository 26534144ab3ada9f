/* SPDX-License-Identifier: Apache-2.0 */
/* A question's way from the sandbox through servers and the monitor, and back. */
#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>

#include "resolver/service.h"

static void send_reply(struct service *service, const struct client *client, const struct question *question,
		       const struct bytes *reply)
{
	if (client->connection < 0)
		client_udp_send(client, question, reply);
	else
		client_tcp_send(service, client, reply);
}

static void query_end(struct service *service, struct query *query)
{
	const struct client client = query->client;

	stream_close(query);
	bytes_clear(&query->wire);
	bytes_clear(&query->reply);
	query->state = QUERY_FREE;
	client_tcp_wait(service, &client, -1);
}

void query_finish(struct service *service, struct query *query)
{
	send_reply(service, &query->client, &query->question, &query->reply);
	query_end(service, query);
}

void query_fail(struct service *service, struct query *query)
{
	bytes_clear(&query->reply);
	if (reply_make(&query->question, LDNS_RCODE_SERVFAIL, false, &query->reply) == 0)
		query_finish(service, query);
	else
		query_end(service, query);
}

struct query *query_of_serial(struct service *service, uint32_t serial, enum query_state state)
{
	for (int i = 0; i < QUERIES_MAX; i++)
		if (service->queries[i].state == state && service->queries[i].serial == serial)
			return &service->queries[i];
	return NULL;
}

/* A free place, or the oldest query's: its asker has long asked again, or floods. */
static struct query *take_place(struct service *service)
{
	struct query *oldest = &service->queries[0];

	for (int i = 0; i < QUERIES_MAX; i++) {
		struct query *query = &service->queries[i];
		if (query->state == QUERY_FREE)
			return query;
		if ((int32_t)(query->serial - oldest->serial) < 0)
			oldest = query;
	}
	query_end(service, oldest);
	return oldest;
}

static void forward(struct service *service, const struct client *client, const struct question *question)
{
	struct query *query = take_place(service);

	query->client = *client;
	query->question = *question;
	query->serial = ++service->serial;
	query->end = service->now + QUERY_MS;
	query->server = 0;
	query->strangers = 0;
	client_tcp_wait(service, client, 1);
	upstream_ask(service, query);
}

void query_take(struct service *service, const struct client *client, const uint8_t *data, size_t length)
{
	struct question question;
	struct bytes reply = {0};
	unsigned rcode = LDNS_RCODE_SERVFAIL;

	switch (question_judge(&service->policy, data, length, &question, &rcode)) {
	case QUESTION_DROPPED:
		return;
	case QUESTION_FORWARDED:
		forward(service, client, &question);
		return;
	case QUESTION_UNLISTED:
		control_refused(service, &question);
		break;
	case QUESTION_ANSWERED:
		break;
	}
	if (reply_make(&question, rcode, false, &reply) == 0)
		send_reply(service, client, &question, &reply);
	bytes_clear(&reply);
}

/* The addresses are opened before the answer leaves: who connects at once must not be refused. */
static void answered(struct service *service, struct query *query, const struct answer *answer)
{
	stream_close(query);
	if (service->policy.mode != NETWORK_RESTRICTED || answer->count == 0) {
		query_finish(service, query);
		return;
	}
	query->state = QUERY_PINNING;
	query->attempt_end = query->end = service->now + QUERY_MS;
	if (control_pin(query, answer) < 0)
		query_fail(service, query);
}

void query_judge(struct service *service, struct query *query, bool stream, const uint8_t *data, size_t length)
{
	struct answer answer;

	switch (answer_judge(&service->policy, &query->question, &query->asked, stream, data, length, &answer)) {
	case ANSWER_FOREIGN:
		/* A connection has one question only; datagrams anyone can send. */
		if (stream)
			upstream_next(service, query);
		else if (++query->strangers == STRANGERS_MAX)
			stream_ask(service, query);
		break;
	case ANSWER_DOUBTFUL:
	case ANSWER_TRUNCATED:
		stream_ask(service, query);
		break;
	case ANSWER_USELESS:
		upstream_next(service, query);
		break;
	case ANSWER_TAKEN:
		query->reply = answer.reply;
		answer.reply = (struct bytes){0};
		answered(service, query, &answer);
		break;
	}
	answer_clear(&answer);
}

void query_expire(struct service *service)
{
	for (int i = 0; i < QUERIES_MAX; i++) {
		struct query *query = &service->queries[i];
		if (query->state == QUERY_FREE)
			continue;
		if (query->end <= service->now) {
			query_fail(service, query);
		} else if (query->attempt_end <= service->now) {
			/* Nobody answered: around the servers, until the time is up. */
			query->server = (query->server + 1) % service->server_count;
			upstream_ask(service, query);
		}
	}
}
