/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/faults.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "netpolicy/rules.h"

#define HOLD_MS 3000

void fault_double(struct limits *limits)
{
	if (!fault_wished("break", FAULT_LIMITS_DOUBLED))
		return;
	for (int i = 0; i < LIMIT_COUNT; i++)
		limits->value[i] *= 2;
}

void fault_network(struct rules_sandbox *rules)
{
	if (fault_wished("break", FAULT_FULL) || fault_wished("break", FAULT_NONE_FULL))
		rules->mode = NETWORK_FULL;
	if (fault_wished("break", FAULT_REQUESTS_DOUBLED) && rules->requests != RULES_UNLIMITED)
		rules->requests *= 2;
}

#define ADDED_HOSTS 64

const struct host_list *fault_hosts(const struct host_list *hosts)
{
	static struct host_rule rules[ADDED_HOSTS];
	static struct host_list all = {rules, 0};

	if (!fault_wished("break", FAULT_ANSWERS_ALL) || hosts->count >= ADDED_HOSTS)
		return hosts;
	memcpy(rules, hosts->rules, hosts->count * sizeof(rules[0]));
	rules[hosts->count] = (struct host_rule){.kind = HOST_NETWORK};
	all.count = hosts->count + 1;
	return &all;
}

#define LATER_MS 300

bool fault_later(void)
{
	if (fork() != 0)
		return false;
	(void)poll(NULL, 0, LATER_MS);
	return true;
}

void fault_hold(char *arguments, size_t size)
{
	if (!fault_wished("break", FAULT_STORAGE_HELD) || fork() != 0)
		return;
	explicit_bzero(arguments, size);
	(void)poll(NULL, 0, HOLD_MS);
	_exit(0);
}
