/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* Room for the descriptors of one message, as cmsg(3) wants it aligned. */
union descriptors {
	char space[CMSG_SPACE(IO_DESCRIPTORS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int io_send_descriptors(int socket, const int *fds, size_t count)
{
	union descriptors room = {0};
	struct iovec data = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr message = {.msg_iov = &data,
				 .msg_iovlen = 1,
				 .msg_control = room.space,
				 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int io_receive_descriptors(int socket, int *fds, size_t count)
{
	union descriptors room;
	char byte;
	int got[IO_DESCRIPTORS_MAX];
	size_t number = 0;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = room.space, .msg_controllen = sizeof(room.space)};
	ssize_t n;

	while ((n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(got, CMSG_DATA(header), number * sizeof(int));
	}
	if (number != count) {
		for (size_t i = 0; i < number; i++)
			(void)close(got[i]);
		return -EPROTO;
	}
	memcpy(fds, got, count * sizeof(int));
	return 0;
}
