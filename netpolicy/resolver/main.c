/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agentcore-resolver: names of a sandbox, answered by a process that can do nothing else.  Started by the monitor alone (resolver_start);
 * its descriptors are RESOLVER_FD_*.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/lockdown.h"
#include "resolver/service.h"

/* Tell the monitor: 0, or the negative errno that it is told of. */
static int report(int r, const struct error *err)
{
	struct resolver_request request = {.kind = r < 0 ? RESOLVER_FAILED : RESOLVER_READY, .id = (uint32_t)-r};

	(void)snprintf(request.name, sizeof(request.name), "%.200s", err->text);
	if (send(RESOLVER_FD_CONTROL, &request, sizeof(request), MSG_NOSIGNAL) < 0 && r == 0)
		return -EPIPE;
	return r;
}

int main(void)
{
	struct error err = {0};
	struct service *service = calloc(1, sizeof(*service));
	int r = service ? config_read(RESOLVER_FD_CONFIG, service, &err) : -ENOMEM;

	if (r == 0)
		r = service_open(service, &err);
	if (r == 0)
		r = lockdown(service->parent, &err);
	r = report(r, &err);
	if (r == 0)
		r = service_run(service);
	/* Not exit: its handlers are for a process that may still open files. */
	_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}
