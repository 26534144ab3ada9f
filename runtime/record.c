/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe/record.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit_log.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "recipe/commands.h"
#include "recipe/layers.h"

/* What an event is called in the audit log and on the status descriptor. */
struct event_names {
	const char *audit, *status;
};

static const struct breach_row {
	const char *resource, *result, *reason, *unit;
	enum limit limit;
} breach_rows[BREACH_COUNT] = {
	[BREACH_MEMORY] = {"memory", "killed", "memory limit reached: the whole sandbox was killed", " MiB",
			   LIMIT_MEMORY_MB},
	[BREACH_PROCESSES] = {"processes", "denied", "process limit reached: fork was refused", "", LIMIT_PROCESSES},
	[BREACH_WALL_TIME] = {"wall_time", "killed", "wall time over: the whole sandbox was killed", " s",
			      LIMIT_WALL_SECONDS},
	[BREACH_STORAGE] = {"storage", "denied", "storage quota reached: writes were refused", " MiB",
			    LIMIT_STORAGE_MB},
	[BREACH_REQUESTS] = {"network_requests", "denied", "request limit reached: a connection was refused", "",
			     LIMIT_NETWORK_REQUESTS},
	[BREACH_CPU] = {"cpu", "throttled", "cpu limit reached: the sandbox was throttled", "", LIMIT_CPU_CORES},
};

/* A full disk would say it with every event. */
void record_complain(struct sandbox *sandbox, const struct error *err)
{
	if (!sandbox->record_failed)
		error_print(err, "agentcore", STDERR_FILENO);
	sandbox->record_failed = true;
}

static void write_status(struct sandbox *sandbox, json_t *line)
{
	_cleanup_free_ char *text = json_dumps(line, JSON_COMPACT);
	struct error err = {0};
	size_t length = text ? strlen(text) : 0;
	int r = -ENOMEM;

	if (text) {
		/* One write for a line; the terminating NUL's place is the newline's. */
		text[length] = '\n';
		r = io_write_all(sandbox->options->status_fd, text, length + 1);
	}
	if (r < 0) {
		(void)error_set(&err, -r, "--json-status %d", sandbox->options->status_fd);
		record_complain(sandbox, &err);
	}
}

static void put_text(json_t *line, const char *key, const char *text)
{
	if (text)
		(void)json_object_set_new(line, key, json_string(text));
}

/* metadata: a reference that is taken over. */
static void put(struct sandbox *sandbox, struct event_names names, struct audit_event *event, json_t *metadata)
{
	struct error err = {0};

	event->event_type = names.audit;
	event->sandbox_id = sandbox->options->id;
	event->agent_id = sandbox->policy->agent_id;
	event->operation = "run";
	event->metadata = metadata;
	if (sandbox->audit && audit_log_write(sandbox->audit, event, &err) < 0)
		record_complain(sandbox, &err);
	if (sandbox->options->status_fd >= 0) {
		json_t *line = json_object();
		put_text(line, "type", names.status);
		put_text(line, "sandbox_id", event->sandbox_id);
		put_text(line, "resource", event->resource);
		put_text(line, "result", event->result);
		put_text(line, "reason", event->reason);
		(void)json_object_update(line, metadata);
		write_status(sandbox, line);
		json_decref(line);
	}
	json_decref(metadata);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *limits_object(const struct limits *limits)
{
	static const struct {
		enum limit limit;
		const char *key;
	} names[] = {
		{LIMIT_MEMORY_MB, "memory_mb"},
		{LIMIT_CPU_CORES, "cpu_cores"},
		{LIMIT_WALL_SECONDS, "wall_seconds"},
		{LIMIT_FILE_DESCRIPTORS, "file_descriptors"},
		{LIMIT_PROCESSES, "processes"},
		{LIMIT_STORAGE_MB, "storage_mb"},
		{LIMIT_NETWORK_REQUESTS, "network_requests"},
	};
	json_t *object = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (limits->set[names[i].limit])
			(void)json_object_set_new(object, names[i].key, json_real(limits->value[names[i].limit]));
	return object;
}

int record_intent(struct sandbox *sandbox, struct error *err)
{
	const struct audit_event event = {
		.event_type = "sandbox_requested",
		.sandbox_id = sandbox->options->id,
		.agent_id = sandbox->policy->agent_id,
		.operation = "run",
		.resource = sandbox->options->command[0],
		.result = "allowed",
	};

	return audit_log_write(sandbox->audit, &event, err);
}

void record_start(struct sandbox *sandbox)
{
	json_t *command = json_array();

	for (char **word = sandbox->options->command; *word; word++)
		(void)json_array_append_new(command, json_string(*word));
	struct audit_event event = {.resource = sandbox->options->command[0], .result = "allowed"};
	put(sandbox, (struct event_names){"sandbox_start", "start"}, &event,
	    json_pack("{s:i, s:s, s:o, s:o, s:s}", "pid", (int)sandbox->init, "profile",
		      profile_name(sandbox->policy->profile), "command", command, "limits",
		      limits_object(&sandbox->limits), "cgroup", cgroup_layout_name(&sandbox->layout)));
}

void record_layers(struct sandbox *sandbox)
{
	struct mac_grant grants[BINDS_MAX];
	struct mandatory mandatory = run_options_mandatory(sandbox->options, grants);
	json_t *layers = json_array();

	mandatory.checked = true;
	for (size_t i = LAYER_ALWAYS + 1; i < LAYER_COUNT; i++) {
		struct layer_state state;
		layer_state((enum layer)i, sandbox->policy, &sandbox->limits, &sandbox->layout, &mandatory, &state);
		enum layer only = sandbox->options->only_layer;
		bool on = state.in_force && (only == LAYER_ALWAYS || only == (enum layer)i);
		(void)json_array_append_new(layers, json_pack("{s:s, s:b, s:s}", "layer", layer_rows[i].name,
							      "in_force", (int)on, "detail", state.detail));
	}
	struct audit_event event = {.result = "allowed"};
	put(sandbox, (struct event_names){"layers", "layers"}, &event, json_pack("{s:o}", "layers", layers));
}

static void put_usage(json_t *object, const struct record_usage *usage)
{
	(void)json_object_set_new(object, "duration_us", number(usage->duration_us));
	if (usage->cgroup_known) {
		(void)json_object_set_new(object, "memory_peak_bytes", number(usage->cgroup.memory_peak_bytes));
		(void)json_object_set_new(object, "swap_peak_bytes", number(usage->cgroup.swap_peak_bytes));
		if (usage->cgroup.cpu_known)
			(void)json_object_set_new(object, "cpu_us", number(usage->cgroup.cpu_us));
		if (usage->cgroup.processes_peak_known)
			(void)json_object_set_new(object, "processes_peak", number(usage->cgroup.processes_peak));
		(void)json_object_set_new(object, "memory_kills", number(usage->events.memory_kills));
		(void)json_object_set_new(object, "process_refusals", number(usage->events.process_refusals));
		(void)json_object_set_new(object, "throttled_periods", number(usage->events.throttled_periods));
		(void)json_object_set_new(object, "throttled_us", number(usage->events.throttled_us));
	}
	if (usage->storage_known) {
		(void)json_object_set_new(object, "storage_bytes", number(usage->storage.bytes));
		(void)json_object_set_new(object, "storage_inodes", number(usage->storage.inodes));
	}
}

void record_breach(struct sandbox *sandbox, enum breach breach, const struct record_usage *usage)
{
	const struct breach_row *row = &breach_rows[breach];
	json_t *metadata = json_object();

	(void)json_object_set_new(metadata, "limit", json_real(sandbox->limits.value[row->limit]));
	put_usage(metadata, usage);
	struct audit_event event = {.resource = row->resource, .result = row->result, .reason = row->reason};
	put(sandbox, (struct event_names){"breach", "breach"}, &event, metadata);
	/* The workload saw the other breaches itself. */
	if (strcmp(row->result, "killed") == 0)
		(void)dprintf(STDERR_FILENO, "agentcore: %s (%g%s)\n", row->reason, sandbox->limits.value[row->limit],
			      row->unit);
}

static const char *protocol_name(uint8_t protocol, char text[16])
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		(void)snprintf(text, 16, "protocol %u", protocol);
		return text;
	}
}

void record_denied_flow(struct sandbox *sandbox, const struct denied_flow *flow)
{
	char resource[96], number_text[16], source[ADDRESS_TEXT_MAX], target[ADDRESS_TEXT_MAX];
	json_t *metadata = json_object();

	address_text(flow->source, source);
	address_text(flow->target, target);
	if (flow->frame && !flow->target)
		(void)snprintf(resource, sizeof(resource), "ethertype 0x%04x", flow->ethertype);
	else
		(void)snprintf(resource, sizeof(resource), flow->target_port ? "%s %s:%u" : "%s %s",
			       protocol_name(flow->protocol, number_text), target, flow->target_port);
	put_text(metadata, "source", source);
	(void)json_object_set_new(metadata, "source_port", json_integer(flow->source_port));
	struct audit_event event = {.resource = resource,
				    .permission = flow->refusal == REFUSAL_REQUESTS ? "max_network_requests"
										    : "allowed_hosts",
				    .result = "denied",
				    .reason = refusal_name(flow->refusal)};
	put(sandbox, (struct event_names){"network_denied", "denied"}, &event, metadata);
}

void record_denied_name(struct sandbox *sandbox, const char *name, uint16_t type)
{
	struct audit_event event = {
		.resource = name, .permission = "allowed_hosts", .result = "denied", .reason = "name not allowed"};

	put(sandbox, (struct event_names){"name_denied", "denied"}, &event, json_pack("{s:i}", "type", (int)type));
}

void record_resolver_lost(struct sandbox *sandbox)
{
	struct audit_event event = {.resource = "resolver",
				    .result = "failed",
				    .reason = "the resolver has ended: names are not answered any more"};

	put(sandbox, (struct event_names){"resolver_lost", "resolver"}, &event, json_object());
	(void)dprintf(STDERR_FILENO, "agentcore: %s\n", event.reason);
}

static void put_network(json_t *object, const struct sandbox_network *network)
{
	if (!network->counted)
		return;
	(void)json_object_set_new(object, "network_admitted", number(network->counts.admitted));
	(void)json_object_set_new(object, "network_refused", number(network->counts.refused));
	(void)json_object_set_new(object, "network_refused_frames", number(network->counts.refused_frames));
	(void)json_object_set_new(object, "names_refused", number(network->names_refused));
	/* How often the kernel dropped refused packets from the record; the sums above have them all. */
	if (network->lost > 0)
		(void)json_object_set_new(object, "network_record_gaps", number(network->lost));
}

void record_exit(struct sandbox *sandbox, int status, const struct record_usage *usage)
{
	json_t *metadata = json_object();

	(void)json_object_set_new(metadata, "exit_status", json_integer(status));
	put_usage(metadata, usage);
	put_network(metadata, &sandbox->network);
	struct audit_event event = {.resource = sandbox->options->command[0], .result = "exited"};
	put(sandbox, (struct event_names){"sandbox_exit", "exit"}, &event, metadata);
}

void record_refusal(struct sandbox *sandbox, const struct error *why)
{
	/* The first stages come before the log is open, and their refusals go on record too. */
	if (!sandbox->audit && geteuid() == 0)
		(void)audit_log_open(&sandbox->audit, sandbox->options->audit_dir, &(struct error){0});
	json_t *metadata = json_object();

	put_text(metadata, "stage", why->stage);
	put_text(metadata, "hint", why->hint[0] ? why->hint : NULL);
	struct audit_event event = {.resource = sandbox->options->command[0], .result = "failed", .reason = why->text};
	put(sandbox, (struct event_names){"start_refused", "refused"}, &event, metadata);
}
