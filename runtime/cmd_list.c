/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "policy/policy_json.h"
#include "recipe/commands.h"
#include "recipe/verb.h"

static const char help[] =
	"Usage: agentcore list [--json] [--root STATEDIR]\n"
	"\n"
	"List the sandboxes of a state directory.\n"
	"\n"
	"  --json           a JSON array, with everything that is known of each\n"
	"  --root STATEDIR  state directory (default /run/agentcore)\n"
	"\n"
	"STATUS is starting, running, ending, or stale: the monitor was killed, and only leftovers are\n"
	"there, which agentcore delete removes.  PID is that of PID 1 as the host numbers it.  LIMITS are\n"
	"memory, cores, processes and wall time of the whole sandbox.\n";

static const struct verb verb = {.name = "list", .options = "j", .help = help};

struct listing {
	int state_dir;
	json_t *array; /* NULL: print text */
};

/* In seconds; negative where the record does not say. */
static double age_of(const struct state_record *record)
{
	struct tm utc = {0};
	const char *rest = record->started ? strptime(record->started, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;

	if (!rest)
		return -1;
	double age = difftime(time(NULL), timegm(&utc));
	return age < 0 ? 0 : age;
}

static void say_age(double seconds, char text[16])
{
	static const struct {
		double seconds;
		char letter;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	while (i + 1 < ARRAY_SIZE(units) && seconds < 2 * units[i].seconds)
		i++;
	if (seconds < 0)
		(void)snprintf(text, 16, "-");
	else
		(void)snprintf(text, 16, "%.0f%c", seconds / units[i].seconds, units[i].letter);
}

static void say_limits(const struct state_record *record, const struct policy *policy, char *text, size_t size)
{
	static const struct {
		enum limit limit;
		const char *unit;
	} shown[] = {{LIMIT_MEMORY_MB, "MiB"},
		     {LIMIT_CPU_CORES, "cpu"},
		     {LIMIT_PROCESSES, "proc"},
		     {LIMIT_WALL_SECONDS, "s"}};
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_SIZE(shown) && used < size; i++) {
		double value;
		if (target_limit(record, policy, shown[i].limit, &value))
			used += (size_t)snprintf(text + used, size - used, "%s%.10g%s", used ? " " : "", value,
						 shown[i].unit);
	}
	if (!used)
		(void)snprintf(text, size, "-");
}

static void print_text(const struct state_record *record, const struct policy *policy)
{
	char age[16], limits[128] = "-", pid[16] = "-";

	say_age(age_of(record), age);
	if (policy)
		say_limits(record, policy, limits, sizeof(limits));
	if (record->init_fd >= 0)
		(void)snprintf(pid, sizeof(pid), "%d", (int)record->init);
	(void)printf("%-20s %-8s %7s %-10s %5s %-30s %s\n", record->id, state_status_name(record->status), pid,
		     record->profile ? record->profile : "-", age, limits,
		     record->command && record->command[0] ? record->command[0] : "-");
}

/* The record as it lies there, without what is only for ourselves, and with what can be seen now. */
static json_t *to_json(const struct state_record *record, const struct policy *policy)
{
	static const char *const ours[] = {"monitor_start", "init_start", "takes_executions"};
	json_t *object = record->document ? json_deep_copy(record->document) : json_object();

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		(void)json_object_del(object, ours[i]);
	(void)json_object_set_new(object, "id", json_string(record->id));
	(void)json_object_set_new(object, "status", json_string(state_status_name(record->status)));
	if (age_of(record) >= 0)
		(void)json_object_set_new(object, "age_seconds", json_real(age_of(record)));
	json_t *document = policy ? policy_to_json(policy) : NULL;
	static const char *const tiers[] = {"resource_limits", "execution_limits"};
	for (size_t i = 0; document && i < ARRAY_SIZE(tiers); i++)
		(void)json_object_set(object, tiers[i], json_object_get(document, tiers[i]));
	json_decref(document);
	return object;
}

static int show(const char *id, void *data)
{
	struct listing *listing = data;
	struct state_record record;
	struct policy policy = {0};
	_cleanup_fd_ int directory = -1;
	struct error err = {0};
	int r = state_read(listing->state_dir, id, &record, &err);

	if (r == -ENOENT)
		return 0; /* ended since its name was read */
	if (r < 0) {
		/* Shown all the same: whoever looks for leftovers must see it. */
		record = (struct state_record){.init_fd = -1, .monitor_fd = -1, .status = STATE_STALE};
		(void)snprintf(record.id, sizeof(record.id), "%s", id);
	}
	bool known = state_open(listing->state_dir, id, &directory, NULL) == 0 &&
		     state_read_policy(directory, &policy, NULL) == 0;
	if (listing->array)
		(void)json_array_append_new(listing->array, to_json(&record, known ? &policy : NULL));
	else
		print_text(&record, known ? &policy : NULL);
	policy_clear(&policy);
	state_record_clear(&record);
	return 0;
}

static int act(const struct verb *self, const struct verb_options *options, struct error *err)
{
	struct listing listing = {.state_dir = -1};
	struct error cause = {0};

	if (options->word_count)
		return verb_usage(self, err, "unexpected argument %s", options->words[0]);
	int r = state_open_directory(options->state_dir, false, &listing.state_dir, &cause);
	if (r < 0 && r != -ENOENT) {
		*err = cause;
		return r;
	}
	if (options->json)
		listing.array = json_array();
	else
		(void)printf("%-20s %-8s %7s %-10s %5s %-30s %s\n", "ID", "STATUS", "PID", "PROFILE", "AGE", "LIMITS",
			     "COMMAND");
	/* Without a state directory there has been no sandbox yet. */
	r = r == -ENOENT ? 0 : state_each(listing.state_dir, show, &listing);
	if (listing.array && (json_dumpf(listing.array, stdout, JSON_INDENT(2)) < 0 || puts("") < 0))
		r = -EIO;
	json_decref(listing.array);
	cleanup_fd(&listing.state_dir);
	return r < 0 ? error_set(err, -r, "list of sandboxes") : 0;
}

int command_list(int argc, char **argv)
{
	return verb_main(&verb, argc, argv, act);
}
