/* SPDX-License-Identifier: Apache-2.0 */
/* What can be reached from inside: interfaces, sockets, System V objects, keyrings, cgroups. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probes/probe.h"

#define WAIT_MS 1000
/* TEST-NET-1, RFC 5737: belongs to nobody. */
#define FAR_ADDRESS "192.0.2.1"

/* Names of interfaces as /proc/net/dev lists them, separated by spaces. */
static int run_interfaces(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	char line[512], names[256] = "";
	FILE *file = fopen("/proc/net/dev", "re");
	fact_number(facts, "errno", file ? 0 : errno);
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':'), *name = line + strspn(line, " ");
		if (!colon || strlen(names) + 32 > sizeof(names))
			continue;
		*colon = '\0';
		(void)snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%.20s", names[0] ? " " : "",
			       name);
	}
	if (file)
		(void)fclose(file);
	fact_text(facts, "interfaces", names);
	return 0;
}

static const struct probe interfaces = {"namespace-interfaces", "", "names of the network interfaces", run_interfaces};
PROBE(interfaces);

static int connect_bounded(int fd, const void *address, socklen_t length)
{
	int error = 0;
	socklen_t size = sizeof(error);
	struct pollfd ready = {fd, POLLOUT, 0};
	if (connect(fd, address, length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -1;
	if (poll(&ready, 1, WAIT_MS) != 1) {
		errno = ETIMEDOUT;
		return -1;
	}
	(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	errno = error;
	return error ? -1 : 0;
}

/* A word through a connection to itself: shows that the loopback interface carries something. */
static int run_loopback(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	char word[4];
	int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &size) < 0 ||
	    connect_bounded(client, &address, size) < 0) {
		fact_result(facts, -1);
		return 0;
	}
	int peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	long sent = send(client, "word", sizeof(word), MSG_NOSIGNAL);
	struct pollfd ready = {peer, POLLIN, 0};
	long got = sent == sizeof(word) && poll(&ready, 1, WAIT_MS) == 1 ? recv(peer, word, sizeof(word), 0) : -1;
	fact_result(facts, got);
	return 0;
}

static const struct probe loopback = {"namespace-loopback", "", "sends 4 bytes to itself by TCP over 127.0.0.1",
				      run_loopback};
PROBE(loopback);

/* Connecting a datagram socket sends nothing: it only asks for a route. */
static int run_route(int argc, char **argv, struct facts *facts)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9)};
	if (inet_pton(AF_INET, argc == 2 ? argv[1] : FAR_ADDRESS, &address.sin_addr) != 1)
		return 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	fact_result(facts, fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return 0;
}

static const struct probe route = {"namespace-route", "[ADDRESS]", "asks the kernel for a route, sends nothing",
				   run_route};
PROBE(route);

static int run_tcp(int argc, char **argv, struct facts *facts)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
		return 1;
	address.sin_port = htons((uint16_t)atoi(argv[2]));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fact_result(facts, fd < 0 ? -1 : connect_bounded(fd, &address, sizeof(address)));
	return 0;
}

static const struct probe tcp = {"namespace-tcp", "ADDRESS PORT", "connects by TCP", run_tcp};
PROBE(tcp);

static int run_abstract(int argc, char **argv, struct facts *facts)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 1;
	memcpy(address.sun_path + 1, argv[1], strlen(argv[1]));
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[1]));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	fact_result(facts, fd < 0 ? -1 : connect_bounded(fd, &address, length));
	return 0;
}

static const struct probe abstract = {"namespace-abstract", "NAME", "connects to an abstract socket", run_abstract};
PROBE(abstract);

/* The size lets the suite know its own segment from another with the same number. */
static int run_shm(int argc, char **argv, struct facts *facts)
{
	struct shmid_ds segment;
	if (argc != 2)
		return 1;
	int r = shmctl(atoi(argv[1]), IPC_STAT, &segment);
	fact_result(facts, r);
	fact_number(facts, "size", r < 0 ? 0 : (int64_t)segment.shm_segsz);
	return 0;
}

static const struct probe shm = {"namespace-shm", "ID", "asks for a System V shared memory segment", run_shm};
PROBE(shm);

static int run_keyring(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	long r = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	fact_result(facts, r < 0 ? -1 : 0);
	fact_number(facts, "serial", r < 0 ? 0 : r);
	return 0;
}

static const struct probe keyring = {"namespace-keyring", "", "the serial number of the session keyring", run_keyring};
PROBE(keyring);

/* "/" when every line of /proc/self/cgroup ends in ":/"; else the first path that does not. */
static int run_cgroup(int argc, char **argv, struct facts *facts)
{
	(void)argc;
	(void)argv;
	char line[PATH_MAX + 64];
	FILE *file = fopen("/proc/self/cgroup", "re");
	fact_number(facts, "errno", file ? 0 : errno);
	bool deeper = false;
	int lines = 0;
	while (file && !deeper && fgets(line, sizeof(line), file)) {
		char *path = strchr(line, ':');
		path = path ? strchr(path + 1, ':') : NULL;
		line[strcspn(line, "\n")] = '\0';
		deeper = path && strcmp(path + 1, "/") != 0;
		if (path)
			fact_text(facts, "paths", path + 1);
		lines++;
	}
	fact_number(facts, "lines", lines);
	if (file)
		(void)fclose(file);
	return 0;
}

static const struct probe cgroup = {"namespace-cgroup", "", "the cgroup paths that the probe sees of itself",
				    run_cgroup};
PROBE(cgroup);

/* max_user_namespaces and its kind. */
static int run_sysctl(int argc, char **argv, struct facts *facts)
{
	char path[96], text[32] = "";
	if (argc != 2 || strlen(argv[1]) > 40)
		return 1;
	(void)snprintf(path, sizeof(path), "/proc/sys/user/%s", argv[1]);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	fact_number(facts, "errno", n < 0 ? errno : 0);
	text[strcspn(text, "\n")] = '\0';
	fact_text(facts, "value", text);
	return 0;
}

static const struct probe sysctl = {"namespace-sysctl", "NAME", "a value under /proc/sys/user", run_sysctl};
PROBE(sysctl);
