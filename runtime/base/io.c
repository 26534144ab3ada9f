/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

int io_write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length > 0) {
		ssize_t n = write(fd, at, length);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

ssize_t io_read_all(int fd, void *data, size_t length)
{
	size_t used = 0;

	while (used < length) {
		ssize_t n = read(fd, (char *)data + used, length - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	return (ssize_t)used;
}

int io_read_file(int dirfd, const char *path, size_t limit, char **data, size_t *length)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;

	_cleanup_free_ char *buffer = NULL;
	size_t size = 4096, used = 0;
	for (;;) {
		char *grown = realloc(buffer, size + 1);
		if (!grown)
			return -ENOMEM;
		buffer = grown;
		ssize_t n = io_read_all(fd, buffer + used, size - used);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
		if (used > limit)
			return -EFBIG;
		if (used < size)
			break;
		size *= 2;
	}
	buffer[used] = '\0';
	*data = TAKE_PTR(buffer);
	if (length)
		*length = used;
	return 0;
}

int io_write_file(int dirfd, const char *path, const char *text)
{
	_cleanup_fd_ int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	if (n < 0)
		return -errno;
	return (size_t)n == strlen(text) ? 0 : -EIO;
}
