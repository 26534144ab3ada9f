/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/network_events.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "recipe/faults.h"
#include "recipe/monitor_private.h"

static void on_flow(void *context, const struct denied_flow *flow)
{
	struct monitor *monitor = context;

	record_denied_flow(monitor->sandbox, flow);
	if (flow->refusal != REFUSAL_REQUESTS || monitor->breached[BREACH_REQUESTS])
		return;
	monitor->breached[BREACH_REQUESTS] = true;
	record_breach(monitor->sandbox, BREACH_REQUESTS, &(struct record_usage){0});
}

static void on_denied(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct sandbox_network *network = &monitor->sandbox->network;
	struct error err = {0};

	(void)events;
	int r = denied_read(network->denied, on_flow, monitor, &network->lost);
	/* The record has a gap, which the sums at the end show; the rules hold all the same. */
	if (r < 0) {
		(void)error_set(&err, -r, "record of refused connections");
		record_complain(monitor->sandbox, &err);
		(void)monitor_forget(monitor, source);
	}
}

static int pin(void *context, const struct rules_pin *pins, size_t count)
{
	const struct monitor *monitor = context;
	const struct sandbox_network *network = &monitor->sandbox->network;
	struct error err = {0};

	if (fault_wished("break", FAULT_PIN_NEVER))
		return 0;
	if (fault_wished("break", FAULT_PIN_LATE)) {
		if (fault_later())
			_exit(rules_pin(router_nft(network->router), &network->rules, pins, count, &err) < 0);
		return 0;
	}
	int r = rules_pin(router_nft(network->router), &network->rules, pins, count, &err);
	/* The sandbox gets no answer, and only here is it known why. */
	if (r < 0)
		record_complain(monitor->sandbox, &err);
	return r;
}

static void on_name(void *context, const char *name, uint16_t type)
{
	struct monitor *monitor = context;

	monitor->sandbox->network.names_refused++;
	record_denied_name(monitor->sandbox, name, type);
}

static void on_resolver(struct monitor *monitor, struct source *source, uint32_t events)
{
	struct sandbox_network *network = &monitor->sandbox->network;
	const struct resolver_calls calls = {.pin = pin, .refused = on_name, .context = monitor};

	(void)events;
	if (resolver_serve(network->resolver, &calls) == 0)
		return;
	/* Names fail from here on and nothing opens: the sandbox goes on with what it has, and the record says so. */
	(void)monitor_forget(monitor, source);
	record_resolver_lost(monitor->sandbox);
}

int network_events_watch(struct monitor *monitor)
{
	const struct sandbox_network *network = &monitor->sandbox->network;
	int r = 0;

	monitor->denied = (struct source){network->denied ? denied_fd(network->denied) : -1, on_denied, NULL};
	monitor->resolver = (struct source){network->resolver ? resolver_fd(network->resolver) : -1, on_resolver, NULL};
	if (monitor->denied.fd >= 0)
		r = monitor_watch(monitor, &monitor->denied, EPOLLIN);
	if (r == 0 && monitor->resolver.fd >= 0)
		r = monitor_watch(monitor, &monitor->resolver, EPOLLIN);
	return r;
}

void network_events_conclude(struct monitor *monitor)
{
	struct sandbox_network *network = &monitor->sandbox->network;
	struct error err = {0};

	if (network->denied && monitor->denied.fd >= 0)
		on_denied(monitor, &monitor->denied, 0);
	if (network->resolver && monitor->resolver.fd >= 0)
		on_resolver(monitor, &monitor->resolver, 0);
	if (!network->admitted)
		return;
	network->counted = rules_read_counts(router_nft(network->router), &network->rules, &network->counts, &err) == 0;
	if (!network->counted)
		record_complain(monitor->sandbox, &err);
}
