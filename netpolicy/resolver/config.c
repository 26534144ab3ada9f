/* SPDX-License-Identifier: Apache-2.0 */
/* What the monitor wants, read before anything of a stranger is. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "resolver/service.h"

#define RULES_MAX 65536u

static int read_rules(int fd, uint32_t count, struct host_list *hosts)
{
	size_t size = count * sizeof(*hosts->rules);

	hosts->rules = calloc(count ? count : 1, sizeof(*hosts->rules));
	if (!hosts->rules)
		return -ENOMEM;
	ssize_t length = io_read_all(fd, hosts->rules, size);
	if (length != (ssize_t)size)
		return length < 0 ? (int)length : -EBADMSG;
	hosts->count = count;
	return 0;
}

int config_read(int fd, struct service *service, struct error *err)
{
	_cleanup_fd_ int owned = fd;
	struct resolver_config config;
	ssize_t length = io_read_all(owned, &config, sizeof(config));

	if (length != (ssize_t)sizeof(config) || config.magic != RESOLVER_MAGIC ||
	    config.rule_size != sizeof(struct host_rule) || config.server_count < 1 ||
	    config.server_count > RESOLVER_SERVERS_MAX || config.rule_count > RULES_MAX)
		return error_say(err, EBADMSG, "not started by an agentcore of this version");
	int r = read_rules(owned, config.rule_count, &service->hosts);
	if (r < 0)
		return error_set(err, -r, "list of hosts");

	service->parent = config.parent;
	service->policy.mode = (enum network_mode)config.mode;
	service->policy.hosts = &service->hosts;
	service->server_count = config.server_count;
	for (unsigned i = 0; i < config.server_count; i++)
		service->servers[i] = config.servers[i];
	return 0;
}
