/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "probes/facts.h"
#include "probes/probe.h"
#include "probes/syscall_raw.h"

/* A new pseudo-terminal that controls the probe's child, in a session of its own; the slave's descriptor, or -1. */
static int own_terminal(int *master)
{
	int unlock = 0, index = -1;
	char path[32];
	struct termios settings;
	*master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*master < 0 || setsid() < 0 || ioctl(*master, TIOCSPTLCK, &unlock) || ioctl(*master, TIOCGPTN, &index))
		return -1;
	(void)snprintf(path, sizeof(path), "/dev/pts/%d", index);
	int slave = open(path, O_RDWR | O_CLOEXEC);
	if (slave < 0)
		return -1;
	(void)ioctl(slave, TIOCSCTTY, 0);
	/* Byte by byte, so that what was typed can be read without a newline. */
	if (tcgetattr(slave, &settings))
		return -1;
	settings.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	return tcsetattr(slave, TCSANOW, &settings) ? -1 : slave;
}

static int run_tiocsti(int argc, char **argv, struct facts *facts)
{
	uint64_t request;
	int master;
	char byte = 'x';
	if (argc != 2 || !syscall_parse_number(argv[1], &request))
		return 1;
	int slave = own_terminal(&master);
	fact_flag(facts, "terminal", slave >= 0);
	/* Without a terminal the call is made all the same: the filter comes before EBADF. */
	const uint64_t args[6] = {(uint64_t)(int64_t)slave, request, (uint64_t)(uintptr_t)&byte};
	fact_result(facts, syscall_libc_style(syscall_raw(SYS_ioctl, args)));
	struct pollfd ready = {.fd = slave, .events = POLLIN};
	fact_flag(facts, "typed", slave >= 0 && poll(&ready, 1, 0) == 1 && (ready.revents & POLLIN));
	return 0;
}

static const struct probe tiocsti = {"tiocsti", "REQUEST",
				     "type a byte into a pseudo-terminal of its own with ioctl(2), raw", run_tiocsti};
PROBE(tiocsti);
