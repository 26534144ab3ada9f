/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor and agentcore-resolver say to each other: fixed-size messages over a SOCK_SEQPACKET pair.
 *
 * The program reads what strangers send, so the monitor believes it nothing: it names the ports of a pin itself, from the name, and looks at
 * every address again.  The worst that a program in an attacker's hands can do is what the list's names allow anyway: pin addresses, for
 * an allowed name, on the ports of that name.
 */
#ifndef NETPOLICY_RESOLVER_WIRE_H
#define NETPOLICY_RESOLVER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "netpolicy/hosts.h"
#include "netpolicy/resolver.h"

/* The program's descriptors, in this order; there are no others. */
enum {
	RESOLVER_FD_CONTROL = 3,
	RESOLVER_FD_UDP,
	RESOLVER_FD_TCP,
	RESOLVER_FD_CONFIG, /* a memfd: struct resolver_config, then its rules */
	RESOLVER_FD_NEXT,
};

#define RESOLVER_MAGIC         0x61637231u
#define RESOLVER_ADDRESSES_MAX 32 /* of one answer; further ones are left out of it */
#define RESOLVER_NAME_SIZE     256
#define RESOLVER_PORTS_MAX     16 /* of one name */

struct resolver_config {
	uint32_t magic;
	uint32_t rule_size; /* both sides were built from one header */
	int32_t parent; /* the monitor's pid */
	uint32_t mode;
	uint32_t server_count;
	uint32_t rule_count;
	struct resolver_server servers[RESOLVER_SERVERS_MAX];
};

enum resolver_request_kind {
	RESOLVER_READY = 1,
	RESOLVER_FAILED, /* before it was ready: id is the errno, name the sentence */
	RESOLVER_PIN, /* id, name, addresses: answered */
	RESOLVER_REFUSED, /* name, type */
	RESOLVER_DIAL, /* id, server: answered with a TCP socket that connects to it */
};

struct resolver_pinned {
	uint32_t address; /* host byte order */
	uint32_t ttl; /* seconds */
};

struct resolver_request {
	uint32_t kind;
	uint32_t id;
	uint16_t type;
	uint16_t server;
	uint32_t count; /* of addresses */
	char name[RESOLVER_NAME_SIZE]; /* NUL-terminated */
	struct resolver_pinned addresses[RESOLVER_ADDRESSES_MAX];
};

struct resolver_reply {
	uint32_t kind; /* RESOLVER_PIN or RESOLVER_DIAL */
	uint32_t id;
	int32_t result; /* 0 or a negative errno */
};

/* At most so many refused names a second are told of, on each side: a sandbox that asks in a loop wakes nobody. */
#define RESOLVER_REFUSED_PER_SECOND 10

struct resolver_rate {
	int64_t window; /* milliseconds, monotonic */
	unsigned used;
};

bool resolver_rate_admits(struct resolver_rate *rate, int64_t now);
int64_t resolver_now(void); /* milliseconds, monotonic */

/* Whether an answer may carry the address: not in the never-set, and a private one only where a network of the list covers it. */
bool resolver_address_passes(const struct host_list *hosts, uint32_t address);

#endif
