/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Effects on the network and the machine.  Where a successful act would change something, the arguments are such that
 * the kernel refuses them just after it has asked for the capability: the errno tells how far the call came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "probes/capability_effect.h"

/* Not assigned to anything that listens. */
#define LOW_PORT 619
/* Beyond any interface's number. */
#define NO_INTERFACE       0x7ffffff0
#define SYSLOG_SIZE_UNREAD 9

/* An address that no system call can read. */
static void *bad_pointer(void)
{
	return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int open_socket(struct facts *facts, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		effect_setup_failed(facts, "socket", errno);
	return fd;
}

static void do_bind(struct facts *facts, int scratch)
{
	(void)scratch;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(LOW_PORT)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = open_socket(facts, AF_INET, SOCK_STREAM, 0);
	if (fd >= 0)
		fact_result(facts, bind(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static void do_raw_socket(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
}

/* Protocol 0 receives no packet. */
static void do_packet_socket(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

/* Deleting an interface that does not exist: EPERM without the capability, ENODEV with it (rtnetlink(7)). */
static void do_net_admin(struct facts *facts, int scratch)
{
	(void)scratch;
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} request = {{sizeof(request), RTM_DELLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0}, {.ifi_index = NO_INTERFACE}};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} reply = {0};

	int fd = open_socket(facts, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (fd < 0)
		return;
	if (send(fd, &request, sizeof(request), 0) < 0 || recv(fd, &reply, sizeof(reply), 0) < 0) {
		effect_setup_failed(facts, "netlink", errno);
		return;
	}
	errno = -reply.error.error;
	fact_result(facts, errno ? -1 : 0);
}

static void do_audit_read(struct facts *facts, int scratch)
{
	(void)scratch;
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1)};
	int fd = open_socket(facts, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
	if (fd >= 0)
		fact_result(facts, bind(fd, (const struct sockaddr *)&address, sizeof(address)));
}

/* To where the root directory is anyway. */
static void do_chroot(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, chroot("/"));
}

/* A negative length is EINVAL once CAP_SYS_ADMIN was asked for. */
static void do_sethostname(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, syscall(SYS_sethostname, bad_pointer(), -1));
}

/* Wrong magic numbers are EINVAL once CAP_SYS_BOOT was asked for (reboot(2)). */
static void do_reboot(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, syscall(SYS_reboot, 0, 0, 0, bad_pointer()));
}

static void do_acct(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, syscall(SYS_acct, bad_pointer()));
}

/* Neither a time nor a zone to set. */
static void do_settimeofday(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, syscall(SYS_settimeofday, NULL, NULL));
}

static void do_syslog(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, syscall(SYS_syslog, SYSLOG_SIZE_UNREAD, NULL, 0));
}

static void do_wake_alarm(struct facts *facts, int scratch)
{
	(void)scratch;
	fact_result(facts, timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_CLOEXEC));
}

/* No BTF in it: EINVAL once CAP_BPF was asked for. */
static void do_bpf(struct facts *facts, int scratch)
{
	(void)scratch;
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	fact_result(facts, syscall(SYS_bpf, BPF_BTF_LOAD, &attr, sizeof(attr)));
}

const struct effect system_effects[] = {
	{"bind", false, do_bind},
	{"raw_socket", false, do_raw_socket},
	{"packet_socket", false, do_packet_socket},
	{"net_admin", false, do_net_admin},
	{"audit_read", false, do_audit_read},
	{"chroot", false, do_chroot},
	{"sethostname", false, do_sethostname},
	{"reboot", false, do_reboot},
	{"acct", false, do_acct},
	{"settimeofday", false, do_settimeofday},
	{"syslog", false, do_syslog},
	{"wake_alarm", false, do_wake_alarm},
	{"bpf", false, do_bpf},
};
const size_t system_effect_count = sizeof(system_effects) / sizeof(system_effects[0]);
