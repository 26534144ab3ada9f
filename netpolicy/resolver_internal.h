/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's hold on a resolver. */
#ifndef NETPOLICY_RESOLVER_INTERNAL_H
#define NETPOLICY_RESOLVER_INTERNAL_H

#include <sys/types.h>

#include "netpolicy/resolver_wire.h"

struct resolver {
	pid_t pid; /* until it is reaped, no other process can have the number */
	int control; /* SOCK_SEQPACKET, non-blocking */
	char *program; /* its path, for messages */
	int far_end; /* own descriptor, or -1 */
	enum network_mode mode;
	size_t server_count;
	struct resolver_server servers[RESOLVER_SERVERS_MAX];
	struct host_list hosts; /* own copy */
	struct resolver_rate refused;
};

/*
 * One message of the program, without blocking.  1 with a request of the right size; 0 where there is none; -EPIPE when it is gone; -EBADMSG for
 * a message of another size.
 */
int resolver_receive(const struct resolver *resolver, struct resolver_request *request);

/* Make a text of the program's printable, within its buffer: it goes into messages and logs. */
void resolver_clean_text(char text[RESOLVER_NAME_SIZE]);

#endif
