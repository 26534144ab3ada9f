/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's side of the resolver: a program of its own (agentcore-resolver) that reads DNS messages of the sandbox and of the world's servers
 * as nobody, without capabilities, files or new sockets, and asks the monitor for the only thing that it needs privilege for: a pin.
 *
 * Semantics (design, section 5): a name that the list does not allow is REFUSED and never forwarded; A is answered, AAAA, HTTPS and SVCB get NODATA,
 * other types of an allowed name too; an address is pinned in the kernel before the answer leaves, for max(TTL, 30 s); CNAME targets do not become
 * names; addresses of the never-set are stripped, and private ones unless a network of the list covers them.  In mode full every name is
 * allowed and nothing is pinned.
 */
#ifndef NETPOLICY_RESOLVER_H
#define NETPOLICY_RESOLVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "netpolicy/rules.h"

#define RESOLVER_ADDRESS     0x7f000035u /* 127.0.0.53, inside the sandbox's network namespace */
#define RESOLVER_PORT        53
#define RESOLVER_SERVERS_MAX 3
#define RESOLVER_PIN_SECONDS 30 /* at least, whatever the TTL */

struct resolver; /* opaque */

/* The world's server: IPv4, host byte order. */
struct resolver_server {
	uint32_t address;
	uint16_t port; /* 53 */
};

struct resolver_options {
	const char *program; /* path of agentcore-resolver */
	int udp, tcp; /* the sandbox's ends, bound and listening: resolver_open_sockets; borrowed */
	int far_end; /* network namespace to ask the servers from; -1: the caller's own */
	const struct resolver_server *servers; /* asked in this order */
	size_t server_count; /* 1 to RESOLVER_SERVERS_MAX */
	enum network_mode mode;
	const struct host_list *hosts;
};

/* Servers of a resolv.conf(5) file ("nameserver" lines with IPv4 addresses).  How many, at most RESOLVER_SERVERS_MAX; or a negative errno. */
int resolver_read_servers(const char *path, struct resolver_server *servers, struct error *err);

/* "ADDRESS[:PORT]" as --dns takes it.  0 or -EINVAL with err set. */
int resolver_parse_server(const char *text, struct resolver_server *server, struct error *err);

/*
 * PID 1, inside the sandbox's network namespace and before there is a workload: open and bind both sockets.  0 with *udp and *tcp, or a negative errno with
 * err set.
 */
int resolver_open_sockets(int *udp, int *tcp, struct error *err);

/*
 * Start the program and wait (bounded) until it has locked itself down and says that it is ready.  It dies with the monitor.  0 or a negative errno with err set
 * (ENOENT: where the program is looked for).
 */
int resolver_start(struct resolver **resolver, const struct resolver_options *options, struct error *err);

/*
 * The two halves of resolver_start, for other work between them: loading the program takes longer than the rest of a start.  Nothing of the options is needed
 * after the first.  When the second fails, resolver_stop follows.
 */
int resolver_launch(struct resolver **resolver, const struct resolver_options *options, struct error *err);
int resolver_wait_ready(const struct resolver *resolver, struct error *err);

/* Readable when the resolver asks for something, or has died (resolver_serve then returns -EPIPE: names fail from then on, nothing opens). */
int resolver_fd(const struct resolver *resolver);

struct resolver_calls {
	/* Pin for the sandbox; 0 or a negative errno (the answer is then SERVFAIL). */
	int (*pin)(void *context, const struct rules_pin *pins, size_t count);
	/* A name was refused; the resolver limits the rate. */
	void (*refused)(void *context, const char *name, uint16_t type);
	void *context;
};

/* Take what it asks for, without blocking.  0; -EPIPE when it is gone; or another negative errno. */
int resolver_serve(struct resolver *resolver, const struct resolver_calls *calls);

/* End and reap it.  Accepts NULL. */
void resolver_stop(struct resolver *resolver);

#endif
