/* SPDX-License-Identifier: Apache-2.0 */
#include "probes/capability_effect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A memory file system first: nothing of it can stay behind on a disk. */
static const char *const scratch_parents[] = {"/dev/shm", "/tmp", "/workspace", "/var/tmp", "."};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const struct effect *rows;
	const size_t *count;
} tables[] = {
	{file_effects, &file_effect_count},
	{process_effects, &process_effect_count},
	{system_effects, &system_effect_count},
};

void effect_setup_failed(struct facts *facts, const char *step, int code)
{
	fact_text(facts, "setup", step);
	fact_number(facts, "setup_errno", code);
}

static int scratch_make(char *path, size_t size)
{
	int code = ENOENT;
	for (size_t i = 0; i < COUNT(scratch_parents); i++) {
		(void)snprintf(path, size, "%s/capability-XXXXXX", scratch_parents[i]);
		if (mkdtemp(path))
			return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		code = errno;
	}
	errno = code;
	return -1;
}

static void act_in_scratch(const struct effect *effect, struct facts *facts)
{
	char path[64];
	int dir = scratch_make(path, sizeof(path));
	if (dir < 0) {
		effect_setup_failed(facts, "mkdtemp", errno);
		return;
	}
	effect->act(facts, dir);
	(void)unlinkat(dir, "object", 0);
	(void)rmdir(path);
}

static const struct effect *find(const char *name)
{
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 0; i < *tables[t].count; i++)
			if (strcmp(tables[t].rows[i].name, name) == 0)
				return &tables[t].rows[i];
	return NULL;
}

static int run_effect(int argc, char **argv, struct facts *facts)
{
	const struct effect *effect = argc == 2 ? find(argv[1]) : NULL;
	if (!effect)
		return 1;
	if (effect->scratch)
		act_in_scratch(effect, facts);
	else
		effect->act(facts, -1);
	return 0;
}

static const struct probe effect_probe = {"capability-effect", "NAME",
					  "does what a capability is for, on things of its own", run_effect};
PROBE(effect_probe);
