/* SPDX-License-Identifier: Apache-2.0 */
#include "enforce/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "enforce/mount_tree.h"

/* Documentation/admin-guide/devices.txt */
static const struct node_row {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct link_row {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"}, /* the sandbox's own devpts, never the host's terminals */
};

static const struct mount_option dev_options[] = {{"mode", "0755"}, {"size", "64k"}, {NULL, NULL}};
static const struct mount_option pts_options[] = {
	{"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}, {NULL, NULL}};
static const struct mount_option shm_options[] = {{"mode", "1777"}, {"size", "64m"}, {NULL, NULL}};

static const struct mount_row {
	const char *path, *type;
	const struct mount_option *options;
	unsigned attributes;
} mounts[] = {
	{"pts", "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC},
	{"shm", "tmpfs", shm_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
	{"mqueue", "mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC},
};

static int populate(int dev, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		dev_t device = makedev(nodes[i].major, nodes[i].minor);
		if (mknodat(dev, nodes[i].name, S_IFCHR | 0666, device) < 0 ||
		    fchmodat(dev, nodes[i].name, 0666, 0) < 0)
			return error_set(err, errno, "device node /dev/%s", nodes[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return error_set(err, errno, "link /dev/%s", links[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++)
		if (mkdirat(dev, mounts[i].path, 0755) < 0)
			return error_set(err, errno, "directory /dev/%s", mounts[i].path);
	return 0;
}

int devices_new(int *tree, struct error *err)
{
	_cleanup_fd_ int dev = -1;
	int r = mount_new("tmpfs", dev_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &dev, err);
	if (r == 0)
		r = populate(dev, err);
	if (r == 0)
		*tree = TAKE_FD(dev);
	return r;
}

int devices_attach(int tree, int root, struct error *err)
{
	int r = mount_attach_inside(tree, root, "dev", true, false, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(mounts); i++) {
		_cleanup_fd_ int fs = -1;
		r = mount_new(mounts[i].type, mounts[i].options, mounts[i].attributes, &fs, err);
		if (r == 0)
			r = mount_attach_inside(fs, tree, mounts[i].path, true, false, err);
	}
	return r < 0 ? r : mount_attributes(tree, MOUNT_ATTR_RDONLY, "/dev", err);
}
