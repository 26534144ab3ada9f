/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_SIGNALS_H
#define BASE_SIGNALS_H

/*
 * Set every signal to its default action and empty the mask, so that neither comes through exec.
 *
 * By the system call itself, rt_sigaction(2): libc's sigaction refuses the two signals that it keeps to itself, and
 * a caller that was started by posix_spawn may well have been given them ignored.
 * 0, or a negative errno.
 */
int signals_reset(void);

#endif
