/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trial_policy.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

#define EXECUTION "execution."

static const char *const names[LIMIT_COUNT] = {
	[LIMIT_MEMORY_MB] = "memory",
	[LIMIT_CPU_CORES] = "processor time",
	[LIMIT_WALL_SECONDS] = "wall time",
	[LIMIT_FILE_DESCRIPTORS] = "descriptors",
	[LIMIT_PROCESSES] = "processes",
	[LIMIT_STORAGE_MB] = "storage",
	[LIMIT_NETWORK_REQUESTS] = "network requests",
};

const char *limit_name(enum limit limit)
{
	return names[limit];
}

static json_t *section(json_t *document, const char *name)
{
	json_t *object = json_object_get(document, name);
	if (json_is_object(object))
		return object;
	object = json_object();
	return json_object_set_new(document, name, object) < 0 ? NULL : object;
}

/* A number, true, ...; any other word is a text. */
static json_t *value_of(const char *word)
{
	json_t *value = json_loads(word, JSON_DECODE_ANY, NULL);
	return value ? value : json_string(word);
}

static int lay_one(json_t *document, char *word, struct error *err)
{
	bool execution = strncmp(word, EXECUTION, strlen(EXECUTION)) == 0;
	char *key = execution ? word + strlen(EXECUTION) : word, *equals = strchr(key, '=');
	if (!equals)
		return error_say(err, EINVAL, "%s: a trial's limit is KEY=VALUE", word);
	*equals = '\0';
	json_t *object = section(document, execution ? "execution_limits" : "resource_limits");
	return json_object_set_new(object, key, value_of(equals + 1)) < 0 ? error_set(err, ENOMEM, "limits") : 0;
}

static int lay(json_t *document, const char *limits, struct error *err)
{
	_cleanup_free_ char *copy = strdup(limits);
	char *rest = NULL;
	int r = copy ? 0 : error_set(err, ENOMEM, "limits");
	for (char *word = copy ? strtok_r(copy, " ", &rest) : NULL; word && r == 0; word = strtok_r(NULL, " ", &rest))
		r = lay_one(document, word, err);
	return r;
}

int trial_policy_network(const struct trial_network *network, bool *asked, enum network_mode *mode, struct error *err)
{
	char name[32];
	*asked = network->policy != NULL;
	if (!*asked)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(network->policy, " "), network->policy);
	int r = network_mode_from_name(mode, name, err);
	/* Whoever can say none can say a list that opens nothing. */
	if (r == 0 && *mode == NETWORK_RESTRICTED && strcmp(network->policy, name) == 0)
		*mode = NETWORK_NONE;
	return r;
}

/* Mode and allowed hosts take the place of the document's, also where those say that there is no network at all. */
static int lay_network(json_t *document, const char *policy, struct error *err)
{
	_cleanup_free_ char *copy = policy ? strdup(policy) : NULL;
	char *rest = NULL;
	if (!policy)
		return 0;
	const char *mode = copy ? strtok_r(copy, " ", &rest) : NULL;
	if (!mode)
		return copy ? error_say(err, EINVAL, "a trial's network is MODE HOST...")
			    : error_set(err, ENOMEM, "network");
	json_t *hosts = json_array(), *sandbox = section(document, "sandbox");
	for (char *host = strtok_r(NULL, " ", &rest); host; host = strtok_r(NULL, " ", &rest))
		(void)json_array_append_new(hosts, json_string(host));
	(void)json_object_del(sandbox, "allow_network");
	int r = json_object_set_new(sandbox, "allowed_hosts", hosts);
	r = r < 0 ? r : json_object_set_new(section(document, "resource_limits"), "network_access", json_string(mode));
	return r < 0 ? error_set(err, ENOMEM, "network") : 0;
}

static int write_document(const char *path, const json_t *document, struct error *err)
{
	_cleanup_free_ char *text = json_dumps(document, JSON_INDENT(2));
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : io_write_all(fd, text ? text : "", text ? strlen(text) : 0);
	return r < 0 || !text ? error_set(err, text ? -r : ENOMEM, "%s", path) : 0;
}

int trial_policy_write(const char *path, const char *document, const struct trial *trial, struct policy *policy,
		       struct error *err)
{
	json_error_t why;
	json_t *json = json_load_file(document, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return error_say(err, EINVAL, "%s: %s", document, why.text);
	int r = lay(json, trial->limits, err);
	r = r < 0 ? r : lay_network(json, trial->network.policy, err);
	r = r < 0 ? r : write_document(path, json, err);
	json_decref(json);
	if (r < 0)
		return r;
	r = policy_load(policy, path, err);
	if (r < 0)
		(void)unlink(path);
	return r;
}

int trial_policy_asked(const char *limits, unsigned *asked, struct error *err)
{
	struct policy policy;
	json_t *json = json_object();
	int r = lay(json, limits, err);
	_cleanup_free_ char *text = r == 0 ? json_dumps(json, 0) : NULL;
	json_decref(json);
	if (r == 0)
		r = text ? policy_parse(&policy, "the trial's limits", text, strlen(text), err)
			 : error_set(err, ENOMEM, "limits");
	if (r < 0)
		return r;
	*asked = 0;
	for (int limit = 0; limit < LIMIT_COUNT; limit++)
		if (policy.container.explicit_[limit] || policy.execution.explicit_[limit])
			*asked |= 1U << limit;
	policy_clear(&policy);
	return 0;
}
