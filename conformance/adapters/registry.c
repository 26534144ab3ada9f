/* SPDX-License-Identifier: Apache-2.0 */
/* The announced adapters, and the choice among them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/adapter.h"

#define ADAPTERS_MAX 32

extern const struct adapter_class *const __start_adapters[];
extern const struct adapter_class *const __stop_adapters[];

static int compare_names(const void *a, const void *b)
{
	const struct adapter_class *const *left = a;
	const struct adapter_class *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

size_t adapters_all(const struct adapter_class ***classes)
{
	static const struct adapter_class *sorted[ADAPTERS_MAX];
	static size_t count;
	if (!count) {
		for (const struct adapter_class *const *class = __start_adapters; class < __stop_adapters; class ++) {
			if (count < ADAPTERS_MAX)
				sorted[count++] = *class;
		}
		qsort(sorted, count, sizeof(sorted[0]), compare_names);
	}
	*classes = sorted;
	return count;
}

/* Is word one of the space-separated words of list? */
static bool has_word(const char *list, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = list; at && length && (at = strstr(at, word)); at += length) {
		bool begins = at == list || at[-1] == ' ';
		if (begins && (at[length] == ' ' || at[length] == '\0'))
			return true;
	}
	return false;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static const struct adapter_class *class_named(const char *name)
{
	const struct adapter_class **classes;
	size_t count = adapters_all(&classes);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(classes[i]->name, name) == 0)
			return classes[i];
	}
	return NULL;
}

static const struct adapter_class *choose(const char *kind, const struct adapter_options *options)
{
	if (kind)
		return class_named(kind);
	if (options->command_prefix)
		return class_named("command");
	if (!options->runtime)
		return NULL;
	const struct adapter_class **classes;
	size_t count = adapters_all(&classes);
	for (size_t i = 0; i < count; i++) {
		if (has_word(classes[i]->runtimes, base_name(options->runtime)))
			return classes[i];
	}
	return strchr(options->runtime, '/') ? class_named("oci") : NULL;
}

static int no_adapter(const char *kind, const struct adapter_options *options, struct error *err)
{
	char known[512] = "";
	const struct adapter_class **classes;
	size_t count = adapters_all(&classes);
	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(known);
		(void)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", classes[i]->name);
	}
	const char *wanted = kind ? kind : options->runtime;
	return error_say(err, ENOENT, "no adapter for %s; known: %s", wanted ? wanted : "(nothing)", known);
}

int adapter_open(struct adapter *adapter, const char *kind, const struct adapter_options *options, struct error *err)
{
	const struct adapter_class *class = choose(kind, options);
	if (!class)
		return no_adapter(kind, options, err);
	struct adapter opened = {.class = class, .options = *options};
	int r = class->open ? class->open(&opened, err) : 0;
	if (r < 0)
		return r;
	*adapter = opened;
	return 0;
}

void adapter_close(struct adapter *adapter)
{
	if (adapter->class && adapter->class->close)
		adapter->class->close(adapter);
	*adapter = (struct adapter){0};
}
