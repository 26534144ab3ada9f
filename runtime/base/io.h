/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes on descriptors and small files. */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <sys/types.h>

/* Write all of data (length bytes) to fd; retries on EINTR.  0, or a negative errno (write(2)). */
int io_write_all(int fd, const void *data, size_t length);

/* Read until end of file or length bytes; retries on EINTR.  The count read, or a negative errno (read(2)). */
ssize_t io_read_all(int fd, void *data, size_t length);

/*
 * Read a whole file relative to dirfd (AT_FDCWD for none) into a fresh, NUL-terminated buffer that
 * the caller frees.  length may be NULL.  At most limit bytes (-EFBIG beyond).  0, or a negative errno.
 */
int io_read_file(int dirfd, const char *path, size_t limit, char **data, size_t *length);

/* Send count (at most IO_DESCRIPTORS_MAX) descriptors with one byte over a Unix socket (SCM_RIGHTS; unix(7)).  0, or a negative errno. */
#define IO_DESCRIPTORS_MAX 4
int io_send_descriptors(int socket, const int *fds, size_t count);

/*
 * Receive exactly count, close-on-exec.  0; -EPIPE at the end of the stream, -EPROTO when the message is another one (what it carried is
 * closed), or another negative errno.
 */
int io_receive_descriptors(int socket, int *fds, size_t count);

/* Open path relative to dirfd for writing (no O_CREAT) and write text in one write(2), as procfs and sysctl files want it. */
int io_write_file(int dirfd, const char *path, const char *text);

#endif
