/* SPDX-License-Identifier: Apache-2.0 */
#include "netpolicy/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

#define LABEL_MAX 63

const struct network never_networks[] = {
	{0x00000000, 8, "\"this\" network"},
	{0x7f000000, 8, "loopback"},
	{0xa9fe0000, 16, "link-local: metadata services"},
	{0xe0000000, 3, "multicast, reserved and broadcast"},
};
const size_t never_network_count = ARRAY_SIZE(never_networks);

const struct network private_networks[] = {
	{0x0a000000, 8, "private (RFC 1918)"},
	{0xac100000, 12, "private (RFC 1918)"},
	{0xc0a80000, 16, "private (RFC 1918)"},
	{0x64400000, 10, "shared by carriers (RFC 6598)"},
};
const size_t private_network_count = ARRAY_SIZE(private_networks);

static uint32_t mask_of(unsigned prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

const struct network *network_of(const struct network *networks, size_t count, uint32_t address)
{
	for (size_t i = 0; i < count; i++)
		if ((address & mask_of(networks[i].prefix)) == networks[i].address)
			return &networks[i];
	return NULL;
}

/* --- Characters: the C library's own depend on the locale ---------------------------------------------------------- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A decimal number of at most `digits` digits, none of them a leading zero.  What follows it, or NULL. */
static const char *read_number(const char *at, unsigned digits, unsigned *value)
{
	unsigned read = 0;

	*value = 0;
	for (; read < digits && is_digit(at[read]); read++)
		*value = *value * 10 + (unsigned)(at[read] - '0');
	if (read == 0 || is_digit(at[read]) || (read > 1 && at[0] == '0'))
		return NULL;
	return at + read;
}

/* --- Addresses ----------------------------------------------------------------------------------------------------- */

static const char *read_address(const char *at, uint32_t *address)
{
	*address = 0;
	for (int part = 0; part < 4; part++) {
		unsigned value;
		at = read_number(at, 3, &value);
		if (!at || value > 255 || (part < 3 && *at++ != '.'))
			return NULL;
		*address = *address << 8 | value;
	}
	return at;
}

int address_parse(const char *text, uint32_t *address)
{
	uint32_t value;
	const char *end = read_address(text, &value);

	if (!end || *end)
		return -EINVAL;
	*address = value;
	return 0;
}

void address_text(uint32_t address, char text[ADDRESS_TEXT_MAX])
{
	(void)snprintf(text, ADDRESS_TEXT_MAX, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		       address & 255);
}

/* --- Entries ------------------------------------------------------------------------------------------------------- */

static int refuse(struct error *err, const char *what, const char *hint)
{
	(void)error_say(err, EINVAL, "%s", what);
	(void)error_hint(err, "%s", hint);
	return -EINVAL;
}

#define A_LABEL "write the name's A-label form, \"xn--...\""
#define FORMS   "write a name, *.NAME, an address a.b.c.d or a network a.b.c.d/BITS, each with an optional :PORT"

/* ":PORT" or nothing.  Both colons of an IPv6 address end here too. */
static int read_port(const char *at, uint16_t *port, struct error *err)
{
	unsigned value = 0;
	const char *end = at;

	if (*at == ':') {
		end = read_number(at + 1, 5, &value);
		if (!end || *end || value == 0 || value > UINT16_MAX)
			return refuse(err, "its port is not a number from 1 to 65535", FORMS);
	}
	if ((unsigned char)*end >= 0x80)
		return refuse(err, "characters beyond ASCII", A_LABEL);
	if (*end)
		return refuse(err, "something stands behind it", FORMS);
	*port = (uint16_t)value;
	return 0;
}

/* An entry that the never-set holds whole can never be reached; a wider one leaves the set closed. */
static int check_never(const struct host_rule *rule, struct error *err)
{
	const struct network *never = network_of(never_networks, never_network_count, rule->address);

	if (!never || rule->prefix < never->prefix)
		return 0;
	(void)error_say(err, EINVAL, "no entry can allow it: %s", never->why);
	return error_hint(err, "leave it out");
}

/* at: behind the address. */
static int read_network(const char *at, uint32_t address, struct host_rule *rule, struct error *err)
{
	*rule = (struct host_rule){.kind = HOST_NETWORK, .address = address, .prefix = 32};
	if (*at == '/') {
		at = read_number(at + 1, 2, &rule->prefix);
		if (!at || rule->prefix > 32)
			return refuse(err, "its prefix is not a number from 0 to 32", FORMS);
	}
	if (address & ~mask_of(rule->prefix)) {
		char text[ADDRESS_TEXT_MAX];
		address_text(address & mask_of(rule->prefix), text);
		(void)error_say(err, EINVAL, "bits are set behind the prefix");
		return error_hint(err, "write %s/%u", text, rule->prefix);
	}
	int r = read_port(at, &rule->port, err);
	return r < 0 ? r : check_never(rule, err);
}

/* One label; its length, or 0. */
static size_t label_length(const char *at)
{
	size_t length = 0;

	while (is_letter(at[length]) || is_digit(at[length]) || at[length] == '-' || at[length] == '_')
		length++;
	return length > LABEL_MAX || at[0] == '-' || (length > 0 && at[length - 1] == '-') ? 0 : length;
}

/*
 * "0x7f000001" and "017700000001" are addresses to inet_aton(3) and names to others: what ends in a label that could be a number is
 * nobody's name (RFC 3696, section 2).
 */
static bool is_numeric(const char *label, size_t length)
{
	bool hexadecimal = length > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');

	for (size_t i = hexadecimal ? 2 : 0; i < length; i++)
		if (!is_digit(label[i]) && !(hexadecimal && lower(label[i]) >= 'a' && lower(label[i]) <= 'f'))
			return false;
	return true;
}

static int refuse_name(const char *at, struct error *err)
{
	for (const char *c = at; *c; c++)
		if ((unsigned char)*c >= 0x80)
			return refuse(err, "characters beyond ASCII", A_LABEL);
	if (strchr(at, '*'))
		return refuse(err, "a * that is not the whole first label", "write *.NAME for all subdomains of NAME");
	return refuse(err, "not a host name: labels of letters, digits, - and _, 1 to 63 of them", FORMS);
}

static int read_name(const char *at, struct host_rule *rule, struct error *err)
{
	const char *whole = at;
	size_t used = 0, length;

	*rule = (struct host_rule){.kind = HOST_NAME};
	if (at[0] == '*' && at[1] == '.') {
		rule->kind = HOST_SUBDOMAINS;
		whole = at += 2;
	}
	for (;;) {
		length = label_length(at);
		if (length == 0)
			return refuse_name(whole, err);
		if (used + length + 1 > sizeof(rule->name))
			return refuse(err, "a name of more than 253 characters", FORMS);
		for (size_t i = 0; i < length; i++)
			rule->name[used++] = lower(at[i]);
		at += length;
		/* A dot at the end says that the name is complete, which all names here are. */
		if (*at != '.' || !at[1] || at[1] == ':')
			break;
		rule->name[used++] = *at++;
	}
	rule->name[used] = '\0';
	if ((unsigned char)*at >= 0x80 || *at == '*')
		return refuse_name(whole, err);
	if (is_numeric(at - length, length))
		return refuse(err, "neither an address in four decimal parts nor a name",
			      "write addresses as a.b.c.d, without leading zeros");
	if (rule->kind == HOST_SUBDOMAINS && !strchr(rule->name, '.'))
		return refuse(err, "all names of a top-level domain", "name the domains, or use network_access full");
	/* RFC 6761: it is the sandbox's own loopback, which no rule concerns. */
	if (strcmp(rule->name, "localhost") == 0 || (used > 10 && strcmp(rule->name + used - 10, ".localhost") == 0))
		return refuse(err, "localhost is the sandbox's own", "leave it out: the loopback is always there");
	return read_port(*at == '.' ? at + 1 : at, &rule->port, err);
}

/* For the message alone: none of these is accepted anyway. */
static bool is_six(const char *text)
{
	const char *colon = strchr(text, ':');

	return text[0] == '[' || strstr(text, "::") ||
	       (colon && strchr(colon + 1, ':') && !text[strspn(text, "0123456789abcdefABCDEF:.")]);
}

int host_rule_parse(const char *text, struct host_rule *rule, struct error *err)
{
	struct host_rule read;
	uint32_t address;

	if (is_six(text))
		return refuse(err, "an IPv6 address: IPv6 is off in sandboxes", "allow the IPv4 address or the name");
	const char *behind = read_address(text, &address);
	bool network = behind && (!*behind || *behind == '/' || *behind == ':');

	int r = network ? read_network(behind, address, &read, err) : read_name(text, &read, err);
	if (r == 0)
		*rule = read;
	return r < 0 ? -EINVAL : 0;
}

/* --- Lists --------------------------------------------------------------------------------------------------------- */

int host_list_parse(const struct string_list *texts, struct host_list *list, struct error *err)
{
	struct host_list read = {0};

	*list = read;
	if (texts->count == 0)
		return 0;
	read.rules = calloc(texts->count, sizeof(*read.rules));
	if (!read.rules)
		return error_set(err, ENOMEM, "allowed hosts");
	for (; read.count < texts->count; read.count++) {
		struct error cause = {0};
		if (host_rule_parse(texts->items[read.count], &read.rules[read.count], &cause) == 0)
			continue;
		(void)error_say(err, EINVAL, "allowed_hosts[%zu] \"%.80s\": %s", read.count, texts->items[read.count],
				cause.text);
		(void)error_hint(err, "%s", cause.hint);
		host_list_clear(&read);
		return -EINVAL;
	}
	*list = read;
	return 0;
}

void host_list_clear(struct host_list *list)
{
	free(list->rules);
	*list = (struct host_list){0};
}

bool host_list_has_names(const struct host_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->rules[i].kind != HOST_NETWORK)
			return true;
	return false;
}

static bool allows_name(const struct host_rule *rule, const char *name)
{
	size_t length = strlen(name), own = strlen(rule->name);

	if (rule->kind == HOST_NAME)
		return strcmp(rule->name, name) == 0;
	return rule->kind == HOST_SUBDOMAINS && length > own + 1 && name[length - own - 1] == '.' &&
	       strcmp(name + length - own, rule->name) == 0;
}

size_t host_list_name_ports(const struct host_list *list, const char *name, uint16_t *ports, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct host_rule *rule = &list->rules[i];
		if (!allows_name(rule, name))
			continue;
		if (rule->port == 0 && max > 0) {
			ports[0] = 0;
			return 1;
		}
		bool known = false;
		for (size_t j = 0; j < count; j++)
			known = known || ports[j] == rule->port;
		if (!known && count < max)
			ports[count++] = rule->port;
	}
	return count;
}

bool host_list_covers(const struct host_list *list, uint32_t address)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct host_rule *rule = &list->rules[i];
		if (rule->kind == HOST_NETWORK && (address & mask_of(rule->prefix)) == rule->address)
			return true;
	}
	return false;
}
