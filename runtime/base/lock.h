/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

/*
 * Take an exclusive lock on an open file or directory (flock(2)), and wait at most timeout_ms for it: its holder may be stopped.
 * 0, -ETIMEDOUT, or another negative errno.  It is free again when the last copy of fd is closed.
 */
int lock_exclusive(int fd, int timeout_ms);

#endif
