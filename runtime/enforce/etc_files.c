/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "enforce/rootfs.h"

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
	{"etc/resolv.conf", "# no name server: the network is loopback only\n"},
	{"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
	{"etc/shells", "/bin/sh\n/bin/bash\n"},
};

int etc_files_write(int root, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_fd_ int fd =
			openat(root, files[i].path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd < 0)
			return error_set(err, errno, "/%s", files[i].path);
		int r = io_write_all(fd, files[i].text, strlen(files[i].text));
		if (r < 0)
			return error_set(err, -r, "/%s", files[i].path);
	}
	if (symlinkat("/proc/self/mounts", root, "etc/mtab") < 0)
		return error_set(err, errno, "/etc/mtab");
	return 0;
}
