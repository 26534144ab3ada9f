/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "harness/residue_private.h"

void set_add(json_t *set, const char *key, const char *detail)
{
	json_t *value = json_string(detail);
	/* A name that is not UTF-8 is no key: it is left out, and with it something that no runtime of ours would make. */
	(void)json_object_set_new(set, key, value ? value : json_string(""));
}

bool set_has(const json_t *set, const char *key)
{
	return json_object_get(set, key) != NULL;
}

void for_lines(int dirfd, const char *path, line_function *function, void *data)
{
	_cleanup_free_ char *text = NULL;
	if (io_read_file(dirfd, path, HOST_FILE_MAX, &text, NULL) < 0)
		return;
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		function(line, data);
}

bool mount_parse(char *line, struct mount_line *mount)
{
	char *fields[5], *rest = NULL, *word = strtok_r(line, " ", &rest);
	for (size_t i = 0; i < 5; i++, word = strtok_r(NULL, " ", &rest)) {
		if (!word)
			return false;
		fields[i] = word;
	}
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " ", &rest);
	*mount = (struct mount_line){.device = fields[2], .root = fields[3], .point = fields[4]};
	mount->type = strtok_r(NULL, " ", &rest);
	(void)strtok_r(NULL, " ", &rest);
	mount->options = strtok_r(NULL, " ", &rest);
	return mount->type && mount->options;
}

/* --- cgroups ---------------------------------------------------------------------------------------- */

struct cgroup_visit {
	void (*function)(const char *point, void *data);
	void *data;
};

static void visit_cgroup_mount(char *line, void *data)
{
	const struct cgroup_visit *visit = data;
	struct mount_line mount;
	if (mount_parse(line, &mount) && strncmp(mount.type, "cgroup", 6) == 0)
		visit->function(mount.point, visit->data);
}

void for_cgroup_mounts(void (*function)(const char *point, void *data), void *data)
{
	struct cgroup_visit visit = {function, data};
	for_lines(AT_FDCWD, "/proc/self/mountinfo", visit_cgroup_mount, &visit);
}

/* nftw(3) has no argument of the caller's. */
static json_t *walked;

static int take_directory(const char *path, const struct stat *status, int type, struct FTW *position)
{
	(void)status;
	if ((type == FTW_D || type == FTW_DNR) && position->level > 0)
		set_add(walked, path, "");
	return 0;
}

static void walk(const char *point, void *data)
{
	walked = data;
	(void)nftw(point, take_directory, 16, FTW_PHYS | FTW_MOUNT);
}

void cgroup_directories(json_t *set)
{
	for_cgroup_mounts(walk, set);
}

/* --- Loop devices ----------------------------------------------------------------------------------- */

/* The first line of /sys/block/loopNUMBER/FILE. */
static bool first_line(char *text, size_t size, unsigned number, const char *file)
{
	char path[96];
	_cleanup_free_ char *content = NULL;
	(void)snprintf(path, sizeof(path), "/sys/block/loop%u/%s", number, file);
	if (io_read_file(AT_FDCWD, path, PATH_MAX, &content, NULL) < 0)
		return false;
	(void)snprintf(text, size, "%.*s", (int)strcspn(content, "\n"), content);
	return true;
}

void loop_device(json_t *set, unsigned number)
{
	char name[32], bound[64], sequence[24] = "", file[256];
	(void)snprintf(name, sizeof(name), "loop%u", number);
	set_add(set, name, "device node");
	if (!first_line(file, sizeof(file), number, "loop/backing_file"))
		return;
	(void)first_line(sequence, sizeof(sequence), number, "diskseq");
	(void)snprintf(bound, sizeof(bound), "%s %s", name, sequence);
	set_add(set, bound, file);
}

void loop_devices(json_t *set)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, "loop", 4) == 0 && isdigit((unsigned char)entry->d_name[4]))
			loop_device(set, (unsigned)strtoul(entry->d_name + 4, NULL, 10));
}
