/* SPDX-License-Identifier: Apache-2.0 */
/* Which servers are asked: the host's resolv.conf(5), or --dns. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "netpolicy/hosts.h"
#include "netpolicy/resolver.h"

#define DNS_PORT        53
#define RESOLV_CONF_MAX (64 * 1024)
#define SPACES          " \t\r"

/* The address of a "nameserver" line.  False for other lines, and for IPv6 servers: no socket of ours could ask them. */
static bool server_of_line(char *line, struct resolver_server *server)
{
	char *rest = NULL;
	const char *word = strtok_r(line, SPACES, &rest);
	if (!word || strcmp(word, "nameserver") != 0)
		return false;

	const char *address = strtok_r(NULL, SPACES "#;", &rest);
	if (!address || address_parse(address, &server->address) < 0)
		return false;
	server->port = DNS_PORT;
	return true;
}

int resolver_read_servers(const char *path, struct resolver_server *servers, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	int count = 0;
	int r = io_read_file(AT_FDCWD, path, RESOLV_CONF_MAX, &text, NULL);
	if (r < 0) {
		(void)error_set(err, -r, "name servers: %s", path);
		(void)error_hint(err, "name a server with --dns ADDRESS");
		return r;
	}

	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line && count < RESOLVER_SERVERS_MAX;
	     line = strtok_r(NULL, "\n", &rest)) {
		struct resolver_server server;
		if (server_of_line(line, &server))
			servers[count++] = server;
	}
	return count;
}

/* One to five digits, 1 to 65535. */
static int parse_port(const char *text, uint16_t *port)
{
	unsigned long value = 0;

	if (!*text || strlen(text) > 5 || *text == '0')
		return -EINVAL;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		value = value * 10 + (unsigned long)(*text - '0');
	}
	if (value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int resolver_parse_server(const char *text, struct resolver_server *server, struct error *err)
{
	struct resolver_server parsed = {.port = DNS_PORT};
	char address[ADDRESS_TEXT_MAX];
	size_t length = strcspn(text, ":");
	int r = length < sizeof(address) ? 0 : -EINVAL;

	if (r == 0) {
		memcpy(address, text, length);
		address[length] = '\0';
		r = address_parse(address, &parsed.address);
	}
	if (r == 0 && text[length] == ':')
		r = parse_port(text + length + 1, &parsed.port);
	if (r == 0 && parsed.address == 0)
		r = -EINVAL;
	if (r < 0) {
		(void)error_say(err, EINVAL, "name server \"%s\" is not an IPv4 address", text);
		(void)error_hint(err, "ADDRESS or ADDRESS:PORT, as in 192.0.2.53:53");
		return -EINVAL;
	}
	*server = parsed;
	return 0;
}
