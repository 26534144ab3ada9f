/* SPDX-License-Identifier: Apache-2.0 */
#include "base/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL_MAX 64

/* The kernel's struct sigaction; all zero is SIG_DFL. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

int signals_reset(void)
{
	const struct kernel_action usual = {0};
	const uint64_t none = 0;

	for (int number = 1; number <= SIGNAL_MAX; number++) {
		if (number == SIGKILL || number == SIGSTOP)
			continue;
		if (syscall(SYS_rt_sigaction, number, &usual, NULL, sizeof(usual.mask)) < 0)
			return -errno;
	}
	return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none)) < 0 ? -errno : 0;
}
