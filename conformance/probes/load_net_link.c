/* SPDX-License-Identifier: Apache-2.0 */
/* The load `net`: what the sandbox sees of its own network, by ioctl and /proc, since netlink may well be denied. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probes/load_net.h"

#define TEXT_MAX  400
#define LINKS_MAX 16

struct text {
	char text[TEXT_MAX];
	size_t used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	char word[128];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(word, sizeof(word), format, args);
	va_end(args);
	if (length < 0 || length >= (int)sizeof(word) || text->used + (size_t)length + 2 > sizeof(text->text))
		return;
	text->used += (size_t)snprintf(text->text + text->used, sizeof(text->text) - text->used, "%s%s",
				       text->used ? " " : "", word);
}

static unsigned prefix_length(uint32_t mask)
{
	return (unsigned)__builtin_popcount(mask);
}

/* --- Links ----------------------------------------------------------------------------------------- */

static void read_links(int fd, struct text *links, struct text *mtus)
{
	char line[512];
	struct ifreq request = {0};
	FILE *file = fopen("/proc/net/dev", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %15[^:| ]:", request.ifr_name) != 1 || !strchr(line, ':'))
			continue;
		add(links, "%s", request.ifr_name);
		if (ioctl(fd, SIOCGIFMTU, &request) == 0)
			add(mtus, "%s=%d", request.ifr_name, request.ifr_mtu);
	}
	if (file)
		(void)fclose(file);
}

static void read_addresses(int fd, struct text *addresses)
{
	struct ifreq requests[LINKS_MAX], mask;
	struct ifconf config = {.ifc_len = sizeof(requests), .ifc_req = requests};
	if (ioctl(fd, SIOCGIFCONF, &config) < 0)
		return;
	for (int i = 0; i < config.ifc_len / (int)sizeof(requests[0]); i++) {
		char text[INET_ADDRSTRLEN] = "";
		struct sockaddr_in address;
		memcpy(&address, &requests[i].ifr_addr, sizeof(address));
		mask = requests[i];
		uint32_t bits = 0;
		if (ioctl(fd, SIOCGIFNETMASK, &mask) == 0)
			memcpy(&bits, &((struct sockaddr_in *)(void *)&mask.ifr_netmask)->sin_addr, sizeof(bits));
		(void)inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
		add(addresses, "%s=%s/%u", requests[i].ifr_name, text, prefix_length(bits));
	}
}

static void read_addresses_six(struct text *addresses)
{
	char line[256], digits[33], name[IFNAMSIZ], text[INET6_ADDRSTRLEN];
	unsigned length;
	FILE *file = fopen("/proc/net/if_inet6", "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct in6_addr address;
		if (sscanf(line, "%32[0-9a-f] %*x %x %*x %*x %15s", digits, &length, name) != 3)
			continue;
		for (size_t i = 0; i < sizeof(address.s6_addr); i++) {
			unsigned byte = 0;
			(void)sscanf(digits + 2 * i, "%2x", &byte);
			address.s6_addr[i] = (unsigned char)byte;
		}
		(void)inet_ntop(AF_INET6, &address, text, sizeof(text));
		add(addresses, "%s=%s/%u", name, text, length);
	}
	if (file)
		(void)fclose(file);
}

/* --- Routes ---------------------------------------------------------------------------------------- */

static void read_routes(const struct net_step *step, struct text *routes)
{
	char line[256], name[IFNAMSIZ], target[INET_ADDRSTRLEN], via[INET_ADDRSTRLEN];
	uint32_t destination, gateway, mask;
	FILE *file = fopen("/proc/net/route", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%15s %x %x %*x %*d %*d %*d %x", name, &destination, &gateway, &mask) != 4)
			continue;
		(void)inet_ntop(AF_INET, &destination, target, sizeof(target));
		(void)inet_ntop(AF_INET, &gateway, via, sizeof(via));
		add(routes, "%s=%s/%u via %s;", name, target, prefix_length(mask), via);
		if (mask == 0 && gateway)
			net_text(step, "gateway", via);
	}
	if (file)
		(void)fclose(file);
}

static int run_link(struct net_run *run, struct net_step *step)
{
	struct text links = {0}, mtus = {0}, addresses = {0}, routes = {0};
	(void)run;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Where there is no network the filter may allow none of its sockets: interfaces are told by any, addresses are not. */
	if (fd < 0)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	read_links(fd, &links, &mtus);
	read_addresses(fd, &addresses);
	read_addresses_six(&addresses);
	read_routes(step, &routes);
	net_text(step, "links", links.text);
	net_text(step, "mtu", mtus.text);
	net_text(step, "addresses", addresses.text);
	net_text(step, "routes", routes.text);
	(void)close(fd);
	return links.used ? 0 : ENODEV;
}

static const struct net_kind own[] = {{"link", 0, 0, run_link, 0, false}};
NET_KINDS(own);
