/* SPDX-License-Identifier: Apache-2.0 */
/* The host in small pieces, for residue.c (what is there) and residue_learn.c (what the sandbox holds). */
#ifndef HARNESS_RESIDUE_PRIVATE_H
#define HARNESS_RESIDUE_PRIVATE_H

#include "harness/residue.h"

#define HOST_FILE_MAX ((size_t)4 << 20)

/* Sets of texts are JSON objects; the value says more ("held by 123"). */
void set_add(json_t *set, const char *key, const char *detail);
bool set_has(const json_t *set, const char *key);

/* Each line of a text file relative to dirfd, without its newline; the visitor may change it. */
typedef void line_function(char *line, void *data);
void for_lines(int dirfd, const char *path, line_function *function, void *data);

/* The words of one line of mountinfo (proc(5)); they point into the line.  False when it is none. */
struct mount_line {
	char *device, *root, *point, *type, *options; /* options: of the super block */
};
bool mount_parse(char *line, struct mount_line *mount);

/* Call the function with the mount point of every cgroup hierarchy. */
void for_cgroup_mounts(void (*function)(const char *point, void *data), void *data);

/* Every directory below a cgroup's mount point. */
void cgroup_directories(json_t *set);

/* "loop3", and "loop3 57" while it is bound, where 57 is the number of this binding (diskseq). */
void loop_devices(json_t *set);
void loop_device(json_t *set, unsigned number);

#endif
