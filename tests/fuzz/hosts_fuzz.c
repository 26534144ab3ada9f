/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of the allowlist: what is accepted has one meaning, and opens nothing that must stay closed. */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netpolicy/hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Its own list, so that a hole in the code's table is found. */
static bool forbidden(uint32_t address, unsigned prefix)
{
	uint32_t eight = address >> 24, sixteen = address >> 16;

	return ((eight == 0 || eight == 127) && prefix >= 8) || (sixteen == 0xa9fe && prefix >= 16) ||
	       (eight >= 224 && prefix >= 3);
}

static void check_network(const struct host_rule *rule)
{
	must(rule->prefix <= 32);
	must(rule->prefix == 32 || (rule->address & (UINT32_MAX >> rule->prefix)) == 0);
	must(!forbidden(rule->address, rule->prefix));
}

/* What another program could take for an address must not pass as a name. */
static void check_name(const struct host_rule *rule)
{
	struct host_rule one = *rule;
	const struct host_list list = {.rules = &one, .count = 1};
	char below[sizeof(rule->name) + 2];
	struct in_addr address;
	uint16_t port;

	must(strlen(rule->name) > 0 && strlen(rule->name) <= HOST_NAME_MAX_TEXT);
	must(strspn(rule->name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(rule->name));
	must(inet_aton(rule->name, &address) == 0);
	must(!host_list_covers(&list, 0x08080808));

	(void)snprintf(below, sizeof(below), "x.%s", rule->name);
	must(host_list_name_ports(&list, rule->name, &port, 1) == (rule->kind == HOST_NAME));
	must(host_list_name_ports(&list, below, &port, 1) == (rule->kind == HOST_SUBDOMAINS));
	below[1] = 'x';
	must(host_list_name_ports(&list, below, &port, 1) == 0);
}

static void print(const struct host_rule *rule, char *text, size_t size)
{
	char address[ADDRESS_TEXT_MAX], port[8] = "";

	if (rule->port)
		(void)snprintf(port, sizeof(port), ":%u", rule->port);
	address_text(rule->address, address);
	if (rule->kind == HOST_NETWORK)
		(void)snprintf(text, size, "%s/%u%s", address, rule->prefix, port);
	else
		(void)snprintf(text, size, "%s%s%s", rule->kind == HOST_SUBDOMAINS ? "*." : "", rule->name, port);
}

static void check_prints_back(const struct host_rule *rule)
{
	char text[HOST_NAME_MAX_TEXT + 16];
	struct host_rule again;

	print(rule, text, sizeof(text));
	must(host_rule_parse(text, &again, NULL) == 0);
	must(again.kind == rule->kind && again.port == rule->port && again.address == rule->address &&
	     again.prefix == rule->prefix && strcmp(again.name, rule->name) == 0);
}

static void check_refusal(const char *text)
{
	struct host_rule rule = {.kind = HOST_NETWORK, .name = "before", .address = 1, .prefix = 32, .port = 1};
	struct error err = {0};

	must(host_rule_parse(text, &rule, &err) == -EINVAL);
	must(err.text[0] && err.hint[0]);
	must(rule.kind == HOST_NETWORK && rule.address == 1 && rule.prefix == 32 && rule.port == 1);
	must(strcmp(rule.name, "before") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = calloc(1, size + 1);
	struct host_rule rule;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	if (host_rule_parse(text, &rule, NULL) < 0) {
		check_refusal(text);
	} else {
		(rule.kind == HOST_NETWORK ? check_network : check_name)(&rule);
		check_prints_back(&rule);
	}
	free(text);
	return 0;
}
