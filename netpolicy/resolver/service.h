/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program at work: one epoll loop over the sandbox's sockets, the servers' and the monitor's.  Everything has a fixed number of places, so that
 * neither the sandbox nor a server can make it grow.
 */
#ifndef RESOLVER_SERVICE_H
#define RESOLVER_SERVICE_H

#include <netinet/in.h>

#include "resolver/answer.h"

#define QUERIES_MAX        64 /* in flight; the oldest gives way */
#define CONNECTIONS_MAX    16 /* of the sandbox, over TCP; the one idle for longest gives way */
#define UPSTREAM_SOCKETS   32 /* for each server: a forged answer has to guess the port as well */
#define CONNECTION_IDLE_MS 10000
#define CONNECTION_ROOM    32768 /* bytes of answers that a client has not taken yet */
#define ATTEMPT_MS         1500 /* one server, over UDP */
#define ATTEMPT_STREAM_MS  2500
#define QUERY_MS           5000 /* all servers */
#define STRANGERS_MAX      32 /* wrong answers to one question, after which it is asked over TCP */

/* Who asked. */
struct client {
	int connection; /* index, or -1: UDP */
	uint32_t generation; /* of the connection: its place may have another one by now */
	struct sockaddr_in peer; /* UDP */
};

enum query_state {
	QUERY_FREE,
	QUERY_ASKED, /* over UDP */
	QUERY_DIALING, /* the monitor opens a connection */
	QUERY_STREAM, /* over TCP */
	QUERY_PINNING, /* the monitor pins what reply holds */
};

/* An exchange with a server over TCP. */
struct stream {
	int fd;
	size_t sent, got;
	uint8_t prefix[2];
	struct bytes in; /* length: what the prefix says */
};

struct query {
	enum query_state state;
	uint32_t serial; /* towards the monitor; the smallest is the oldest */
	struct client client;
	struct question question;
	struct asked asked;
	struct bytes wire; /* what the server is asked */
	unsigned server, socket, strangers;
	int64_t attempt_end, end; /* milliseconds, monotonic */
	struct stream stream;
	struct bytes reply;
};

struct connection {
	int fd; /* -1: free */
	uint32_t generation;
	unsigned waiting; /* queries of it in flight */
	bool ended; /* the client sends no more */
	int64_t active;
	size_t in_used, out_used;
	uint8_t in[2 + DNS_QUERY_MAX];
	uint8_t out[CONNECTION_ROOM];
};

struct service {
	struct answer_policy policy;
	struct host_list hosts;
	struct resolver_server servers[RESOLVER_SERVERS_MAX];
	unsigned server_count;
	int32_t parent;
	int epoll;
	int upstream[RESOLVER_SERVERS_MAX][UPSTREAM_SOCKETS];
	struct query queries[QUERIES_MAX];
	struct connection connections[CONNECTIONS_MAX];
	uint32_t serial, generation;
	struct resolver_rate refused;
	int64_t now;
};

/* What an event is about: the kind in the upper half of its data, an index in the lower one. */
enum source { SOURCE_CONTROL, SOURCE_UDP, SOURCE_LISTENER, SOURCE_CONNECTION, SOURCE_UPSTREAM, SOURCE_STREAM };

/* --- config.c, service.c --- */
int config_read(int fd, struct service *service, struct error *err); /* closes fd */
int service_open(struct service *service, struct error *err);
int service_run(struct service *service); /* until the monitor is gone: 0; or a negative errno */
int service_watch(const struct service *service, int fd, enum source source, unsigned index, uint32_t events);
int service_rewatch(const struct service *service, int fd, enum source source, unsigned index, uint32_t events);

/* --- queries.c: a question's way --- */
/* A message of the sandbox: answered at once, or a query in flight. */
void query_take(struct service *service, const struct client *client, const uint8_t *data, size_t length);
/* A server's message for it. */
void query_judge(struct service *service, struct query *query, bool stream, const uint8_t *data, size_t length);
void query_fail(struct service *service, struct query *query); /* SERVFAIL */
void query_finish(struct service *service, struct query *query); /* its reply goes out */
struct query *query_of_serial(struct service *service, uint32_t serial, enum query_state state);
void query_expire(struct service *service);

/* --- upstream.c, upstream_stream.c: asking servers --- */
int upstream_open(struct service *service, struct error *err);
void upstream_ask(struct service *service, struct query *query); /* query->server, over UDP */
void upstream_next(struct service *service,
		   struct query *query); /* the server was of no use: the next one, or SERVFAIL */
void upstream_read(struct service *service, unsigned index);
void stream_ask(struct service *service, struct query *query); /* over TCP, beginning with the monitor */
void stream_connected(struct service *service, struct query *query, int fd);
void stream_event(struct service *service, struct query *query);
void stream_close(struct query *query);

/* --- client_udp.c, client_tcp.c: the sandbox's side --- */
void client_udp_read(struct service *service);
void client_udp_send(const struct client *client, const struct question *question, const struct bytes *reply);
void client_accept(struct service *service);
void client_tcp_event(struct service *service, unsigned index, uint32_t events);
/* Queue an answer; the last one for a client that has ended closes it. */
void client_tcp_send(struct service *service, const struct client *client, const struct bytes *reply);
/* A query of it goes in flight, or comes back without having been answered. */
void client_tcp_wait(struct service *service, const struct client *client, int by);
void client_tcp_expire(struct service *service);

/* --- control.c: the monitor --- */
int control_read(struct service *service); /* 0, or -EPIPE when it is gone */
int control_pin(struct query *query, const struct answer *answer);
int control_dial(const struct query *query);
void control_refused(struct service *service, const struct question *question);

#endif
