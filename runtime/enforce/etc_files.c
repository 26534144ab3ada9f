/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/mount_tree.h"
#include "enforce/rootfs.h"

#define WITHOUT_RESOLVER "# no name server: no name may be asked for\n"
#define WITH_RESOLVER    "nameserver 127.0.0.53\noptions attempts:1 timeout:6\n"

/* The least that libc's lookups and common programs ask for; nothing in it comes from the host. */
static const struct etc_row {
	const char *path, *text;
} files[] = {
	{"etc/passwd", "root:x:0:0:root:/workspace:/bin/sh\n"
		       "agent:x:1000:1000:agent:/workspace:/bin/sh\n"
		       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
	{"etc/group", "root:x:0:\ntty:x:5:\nagent:x:1000:\nnogroup:x:65534:\n"},
	{"etc/hosts", "127.0.0.1 localhost sandbox\n"},
	{"etc/hostname", "sandbox\n"},
	{"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
	{"etc/shells", "/bin/sh\n/bin/bash\n"},
};

static int write_new(int root, const char *path, const char *text, struct error *err)
{
	_cleanup_fd_ int fd = openat(root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_set(err, errno, "/%s", path);
	int r = io_write_all(fd, text, strlen(text));
	return r < 0 ? error_set(err, -r, "/%s", path) : 0;
}

int etc_files_write(int root, bool resolver, struct error *err)
{
	int r = write_new(root, "etc/resolv.conf", resolver ? WITH_RESOLVER : WITHOUT_RESOLVER, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = write_new(root, files[i].path, files[i].text, err);
	if (r < 0)
		return r;
	if (symlinkat("/proc/self/mounts", root, "etc/mtab") < 0)
		return error_set(err, errno, "/etc/mtab");
	return 0;
}

int etc_resolver_attach(int root, struct error *err)
{
	static const struct mount_option options[] = {{"mode", "0755"}, {"size", "16k"}, {NULL, NULL}};
	_cleanup_fd_ int target = mount_open_inside(root, "etc/resolv.conf"), tree = -1, file = -1;

	/* A root without one has no libc that would read it; one that is a link leads where the root's maker wanted it to. */
	if (target == -ENOENT || target == -ENOTDIR || target == -ELOOP)
		return 0;
	if (target < 0)
		return error_set(err, -target, "/etc/resolv.conf");
	int r = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &tree, err);
	if (r == 0)
		r = write_new(tree, "resolv.conf", WITH_RESOLVER, err);
	if (r == 0)
		r = mount_clone(tree, "resolv.conf", false,
				MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, &file,
				err);
	return r < 0 ? r : mount_attach(file, target, "/etc/resolv.conf", err);
}
