/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup attributes with explicit transfer: a variable declared with one of these releases what
 * it holds when it goes out of scope; TAKE_* hands the value on and disarms it.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(const int *fd)
{
	int saved = errno;
	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_file(FILE *const *file)
{
	if (*file)
		(void)fclose(*file);
}

static inline void cleanup_dir(DIR *const *dir)
{
	if (*dir)
		(void)closedir(*dir);
}

#define _cleanup_fd_   __attribute__((cleanup(cleanup_fd)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_file_ __attribute__((cleanup(cleanup_file)))
#define _cleanup_dir_  __attribute__((cleanup(cleanup_dir)))

#define TAKE_FD(fd)                                                                                                    \
	__extension__({                                                                                                \
		int take_ = (fd);                                                                                      \
		(fd) = -1;                                                                                             \
		take_;                                                                                                 \
	})
#define TAKE_PTR(p)                                                                                                    \
	__extension__({                                                                                                \
		__typeof__(p) take_ = (p);                                                                             \
		(p) = NULL;                                                                                            \
		take_;                                                                                                 \
	})

#endif
