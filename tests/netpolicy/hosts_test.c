/* SPDX-License-Identifier: Apache-2.0 */
/* The allowlist's parser: what it takes, how it reads it, what it refuses and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "netpolicy/hosts.h"

#define LABEL_63 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaa"
#define NAME_253                                                                                                       \
	LABEL_63 "." LABEL_63 "." LABEL_63 "."                                                                         \
		 "aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaaba"

static const struct accepted {
	const char *text;
	enum host_kind kind;
	const char *name; /* or the address */
	unsigned prefix, port;
} accepted[] = {
	{"api.example.com", HOST_NAME, "api.example.com", 0, 0},
	{"API.Example.COM", HOST_NAME, "api.example.com", 0, 0},
	{"api.example.com.", HOST_NAME, "api.example.com", 0, 0},
	{"api.example.com.:443", HOST_NAME, "api.example.com", 0, 443},
	{"api.example.com:1", HOST_NAME, "api.example.com", 0, 1},
	{"api.example.com:65535", HOST_NAME, "api.example.com", 0, 65535},
	{"intranet", HOST_NAME, "intranet", 0, 0},
	{"_dmarc.example.com", HOST_NAME, "_dmarc.example.com", 0, 0},
	{"xn--bcher-kva.example", HOST_NAME, "xn--bcher-kva.example", 0, 0},
	{"1.example.com", HOST_NAME, "1.example.com", 0, 0},
	{"1.2.3.4.example.com", HOST_NAME, "1.2.3.4.example.com", 0, 0},
	{"1.2.3.4com", HOST_NAME, "1.2.3.4com", 0, 0},
	{"0x7f.0x1g", HOST_NAME, "0x7f.0x1g", 0, 0},
	{LABEL_63 ".com", HOST_NAME, LABEL_63 ".com", 0, 0},
	{NAME_253, HOST_NAME, NAME_253, 0, 0},
	{NAME_253 ".", HOST_NAME, NAME_253, 0, 0},
	{"*.example.com", HOST_SUBDOMAINS, "example.com", 0, 0},
	{"*.Example.com.:8443", HOST_SUBDOMAINS, "example.com", 0, 8443},
	{"198.51.100.7", HOST_NETWORK, "198.51.100.7", 32, 0},
	{"198.51.100.7:443", HOST_NETWORK, "198.51.100.7", 32, 443},
	{"198.51.100.0/24", HOST_NETWORK, "198.51.100.0", 24, 0},
	{"198.51.100.0/24:53", HOST_NETWORK, "198.51.100.0", 24, 53},
	{"10.0.0.0/8", HOST_NETWORK, "10.0.0.0", 8, 0},
	{"0.0.0.0/0", HOST_NETWORK, "0.0.0.0", 0, 0},
	{"160.0.0.0/3", HOST_NETWORK, "160.0.0.0", 3, 0},
	{"192.0.0.0/2", HOST_NETWORK, "192.0.0.0", 2, 0},
	{"223.255.255.255", HOST_NETWORK, "223.255.255.255", 32, 0},
	{"169.253.255.255/32", HOST_NETWORK, "169.253.255.255", 32, 0},
};

static void reads_what_is_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		const struct accepted *row = &accepted[i];
		struct host_rule rule;
		struct error err = {0};
		if (host_rule_parse(row->text, &rule, &err) != 0)
			fail_msg("%s: %s", row->text, err.text);
		char address[ADDRESS_TEXT_MAX];
		address_text(rule.address, address);
		assert_int_equal(rule.kind, row->kind);
		assert_string_equal(row->kind == HOST_NETWORK ? address : rule.name, row->name);
		assert_int_equal(rule.prefix, row->prefix);
		assert_int_equal(rule.port, row->port);
	}
}

static const struct refused {
	const char *text, *why;
} refused[] = {
	{"", "not a host name"},
	{".", "not a host name"},
	{"..", "not a host name"},
	{"a..b", "not a host name"},
	{".example.com", "not a host name"},
	{"example.com..", "not a host name"},
	{"-a.example", "not a host name"},
	{"a-.example", "not a host name"},
	{"a b.example", "something stands behind"},
	{"a\n", "something stands behind"},
	{"a/24", "something stands behind"},
	{"http://example.com", "its port"},
	{"example.com/path", "something stands behind"},
	{"user@example.com", "something stands behind"},
	{LABEL_63 "a.com", "not a host name"},
	{NAME_253 "a", "more than 253"},
	{"b\xc3\xbc"
	 "cher.example",
	 "beyond ASCII"},
	{"\xc3\xbc.example", "beyond ASCII"},
	{"a*.example", "a * that is not"},
	{"*", "a * that is not"},
	{"*.", "not a host name"},
	{"*.*.example.com", "a * that is not"},
	{"a.*.example.com", "a * that is not"},
	{"*a.example.com", "a * that is not"},
	{"*.com", "top-level"},
	{"*.1.2", "neither an address"},
	{"localhost", "localhost"},
	{"LOCALHOST.", "localhost"},
	{"a.localhost", "localhost"},
	{"example.com:", "its port"},
	{"example.com:0", "its port"},
	{"example.com:65536", "its port"},
	{"example.com:99999", "its port"},
	{"example.com:080", "its port"},
	{"example.com:+1", "its port"},
	{"example.com:1a", "its port"},
	{"example.com:443:443", "its port"},
	{"127.0.0.1", "loopback"},
	{"127.255.255.254:80", "loopback"},
	{"169.254.169.254", "metadata"},
	{"169.254.0.0/16", "metadata"},
	{"169.254.169.0/24", "metadata"},
	{"224.0.0.1", "multicast"},
	{"224.0.0.0/3", "multicast"},
	{"255.255.255.255", "multicast"},
	{"0.0.0.0", "this"},
	{"0.0.0.0/8", "this"},
	{"10.0.0.1/8", "behind the prefix"},
	{"10.0.0.0/33", "its prefix"},
	{"10.0.0.0/", "its prefix"},
	{"10.0.0.0/-1", "its prefix"},
	{"10.0.0.0/08", "its prefix"},
	{"10.0.0.0/8/8", "something stands behind"},
	{"10.0.0.0/255.0.0.0", "its prefix"},
	{"1.2.3", "neither an address"},
	{"1.2.3.4.5", "neither an address"},
	{"1.2.3.256", "neither an address"},
	{"1.2.3.04", "neither an address"},
	{"0177.0.0.1", "neither an address"},
	{"0x7f.0.0.1", "neither an address"},
	{"0x7f000001", "neither an address"},
	{"2130706433", "neither an address"},
	{"017700000001", "neither an address"},
	{"127.1", "neither an address"},
	{"1.2.3.4.", "neither an address"},
	{"a.123", "neither an address"},
	{"a.0x1f", "neither an address"},
	{"1.2.3.4 ", "neither an address"},
	{"::1", "IPv6"},
	{"2001:db8:1:2:3:4:5:6", "IPv6"},
	{"[2001:db8::1]:443", "IPv6"},
	{"[::1]:80", "IPv6"},
	{"fe80::1%eth0", "IPv6"},
	{"::ffff:169.254.169.254", "IPv6"},
};

static void refuses_the_rest_and_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused *row = &refused[i];
		struct host_rule rule = {.port = 12345};
		struct error err = {0};
		assert_int_equal(host_rule_parse(row->text, &rule, &err), -EINVAL);
		if (!strstr(err.text, row->why))
			fail_msg("\"%s\": \"%s\" instead of \"%s\"", row->text, err.text, row->why);
		if (!err.hint[0])
			fail_msg("\"%s\": nothing is suggested", row->text);
		assert_int_equal(rule.port, 12345);
	}
}

/* One entry of a list fills in the place of the failure. */
static void names_the_entry(void **state)
{
	char *items[] = {(char[]){"a.example"}, (char[]){"127.0.0.1"}};
	const struct string_list texts = {items, 2};
	struct host_list list;
	struct error err = {0};

	(void)state;
	assert_int_equal(host_list_parse(&texts, &list, &err), -EINVAL);
	assert_non_null(strstr(err.text, "allowed_hosts[1] \"127.0.0.1\": "));
	assert_null(list.rules);
}

static struct host_list parse(char **items, size_t count)
{
	const struct string_list texts = {items, count};
	struct host_list list;
	struct error err = {0};

	if (host_list_parse(&texts, &list, &err) != 0)
		fail_msg("%s", err.text);
	return list;
}

static void answers_for_names(void **state)
{
	char *items[] = {(char[]){"a.example:443"}, (char[]){"a.example:80"},   (char[]){"a.example:443"},
			 (char[]){"*.example:22"},  (char[]){"deep.b.example"}, (char[]){"10.0.0.0/8:1"}};
	uint16_t ports[8];

	(void)state;
	items[3] = (char[]){"*.b.example:22"};
	struct host_list list = parse(items, ARRAY_SIZE(items));
	assert_true(host_list_has_names(&list));
	assert_int_equal(host_list_name_ports(&list, "a.example", ports, 8), 2);
	assert_int_equal(ports[0], 443);
	assert_int_equal(ports[1], 80);
	assert_int_equal(host_list_name_ports(&list, "a.example", ports, 1), 1);
	assert_int_equal(host_list_name_ports(&list, "x.b.example", ports, 8), 1);
	assert_int_equal(ports[0], 22);
	assert_int_equal(host_list_name_ports(&list, "x.y.b.example", ports, 8), 1);
	/* Without a port it is all ports, whatever the others say. */
	assert_int_equal(host_list_name_ports(&list, "deep.b.example", ports, 8), 1);
	assert_int_equal(ports[0], 0);
	const char *const others[] = {"b.example",  "xb.example", "example", "a.example.org",
				      "xa.example", "",           "a.exampl"};
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(host_list_name_ports(&list, others[i], ports, 8), 0);
	host_list_clear(&list);
}

static void answers_for_addresses(void **state)
{
	char *items[] = {(char[]){"10.9.0.0/24"}, (char[]){"192.0.2.1:80"}};
	uint32_t address;

	(void)state;
	struct host_list list = parse(items, ARRAY_SIZE(items));
	assert_false(host_list_has_names(&list));
	assert_int_equal(address_parse("10.9.0.255", &address), 0);
	assert_true(host_list_covers(&list, address));
	assert_true(host_list_covers(&list, 0xc0000201));
	assert_false(host_list_covers(&list, address + 1));
	host_list_clear(&list);
	assert_string_equal(network_of(never_networks, never_network_count, 0xa9fea9fe)->why,
			    "link-local: metadata services");
	assert_null(network_of(never_networks, never_network_count, 0xa9fda9fe));
	assert_non_null(network_of(private_networks, private_network_count, 0xac1fffff));
	assert_null(network_of(private_networks, private_network_count, 0xac200000));
	assert_int_equal(address_parse("1.2.3.4x", &address), -EINVAL);
	assert_int_equal(address_parse("1.2.3.4", &address), 0);
	assert_int_equal(address, 0x01020304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_meant),   cmocka_unit_test(refuses_the_rest_and_says_why),
		cmocka_unit_test(names_the_entry),       cmocka_unit_test(answers_for_names),
		cmocka_unit_test(answers_for_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
