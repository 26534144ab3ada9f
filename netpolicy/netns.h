/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces: make one, go there and come back, keep one in the file system.
 *
 * A thread is in one network namespace, and so is what it sees below /proc/sys/net: all of it is for processes with one thread.
 */
#ifndef NETPOLICY_NETNS_H
#define NETPOLICY_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* What tells namespaces apart while they live. */
struct netns_id {
	dev_t device;
	ino_t inode;
};

/* The caller's own, or a descriptor of its own for one that is borrowed (fd >= 0).  0 with *ns (close-on-exec), or a negative errno. */
int netns_open(int fd, int *ns, struct error *err);
int netns_identify(int ns, struct netns_id *id, struct error *err);
bool netns_same(const struct netns_id *a, const struct netns_id *b);

/* A new one.  The caller stays where it is.  0 with *ns, or a negative errno with err set (EPERM). */
int netns_make(int *ns, struct error *err);

/*
 * Call work(context) within ns, and come back.  It is only called when the caller has arrived for certain: what it writes
 * below /proc/sys/net would be another's.  Its result, or a negative errno with err set.
 */
typedef int netns_work(void *context, struct error *err);
int netns_inside(int ns, netns_work *work, void *context, struct error *err);

/*
 * Keep ns at name in the directory: a bind mount, as ip-netns(8) does it.  0 or a negative errno with err set, and nothing there.
 */
int netns_keep(int directory, const char *name, int ns, struct error *err);

/* Open what is kept there.  0 with *ns, -ENOENT when nothing is (also where only a file is), or another negative errno with err set. */
int netns_find(int directory, const char *name, int *ns, struct error *err);

/* Keep it no longer: unmount whatever is there, and remove the file.  0 also when nothing is there, or a negative errno with err set. */
int netns_drop(int directory, const char *name, struct error *err);

/* Values below /proc/sys/net. */
struct sysctl {
	const char *path, *value;
	bool may_lack; /* a kernel without that part has none */
};

/* Write them for the caller's namespace: within netns_inside.  0 or a negative errno with err naming the first that failed. */
int sysctl_write(const struct sysctl *rows, size_t count, struct error *err);

/* The value of a file below /proc/sys/net that is one digit.  It, or a negative errno. */
int sysctl_read_digit(const char *path);

#endif
