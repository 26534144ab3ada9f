/* SPDX-License-Identifier: Apache-2.0 */
/* The test internet refuses to run where something leads out of it. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "testnet/internet.h"
#include "testnet/netns.h"
#include "testnet/program.h"

static struct internet internet;

/* "The machine's own" namespace is a fresh one: no link of this test can reach the machine's. */
static int leave(void **state)
{
	(void)state;
	return unshare(CLONE_NEWNET);
}

/* A fresh one for each test: a namespace remembers for good whom it had a link to. */
static void open_internet(void)
{
	struct error err = {0};
	if (internet_open(&internet, &err) < 0)
		fail_msg("internet_open: %s", err.text);
}

/* What is laid in a place, "%d" being this process. */
static const struct leak_row {
	const char *what;
	enum place place;
	const char *lay;
	const char *complaint;
} leaks[] = {
	{"a link to the machine", PLACE_LAN, "link add leak type veth peer name leak1 netns %d\n",
	 "link leak of lan leads out"},
	/* The other side of the one before is gone only when the kernel has cleaned up. */
	{"a link to the machine, from the host", PLACE_HOST, "link add leak type veth peer name leak2 netns %d\n",
	 "link leak of host leads out"},
	{"a link that is no veth", PLACE_WORLD, "link add leak type ifb\n", "link leak of world leads out"},
	{"a way on from the world", PLACE_WORLD, "route add default via 203.0.113.2\n",
	 "world has 1 default routes, not 0"},
};

static int lay(enum place place, const char *format)
{
	static const char *const ip[] = {"ip", "-batch", "-", NULL};
	char batch[256];
	struct error err = {0};
	const char *number = strstr(format, "%d");
	int length = number ? (int)(number - format) : (int)strlen(format);
	if (number)
		(void)snprintf(batch, sizeof(batch), "%.*s%d%s", length, format, (int)getpid(), number + 2);
	else
		(void)snprintf(batch, sizeof(batch), "%s", format);
	int r = program_run(internet.nodes[place].ns, ip, batch, &err);
	if (r < 0)
		print_message("%s: %s\n", batch, err.text);
	return r;
}

static void test_as_it_is_built(void **state)
{
	struct error err = {0};
	(void)state;
	open_internet();
	assert_int_equal(isolation_check(&internet, &err), 0);
	internet_close(&internet);
}

static void test_what_leads_out_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(leaks); i++) {
		struct error err = {0};
		open_internet();
		assert_int_equal(lay(leaks[i].place, leaks[i].lay), 0);
		assert_int_equal(isolation_check(&internet, &err), -EXDEV);
		if (!strstr(err.text, leaks[i].complaint))
			fail_msg("%s: %s", leaks[i].what, err.text);
		internet_close(&internet);
	}
}

static void test_the_callers_own_namespace_is_no_place(void **state)
{
	struct error err = {0};
	(void)state;
	open_internet();
	struct internet wrong = internet;
	wrong.nodes[PLACE_HOST].ns = internet.home;
	assert_int_equal(isolation_check(&wrong, &err), -EXDEV);
	assert_non_null(strstr(err.text, "machine's own"));
	internet_close(&internet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_is_built),
		cmocka_unit_test(test_what_leads_out_is_found),
		cmocka_unit_test(test_the_callers_own_namespace_is_no_place),
	};
	return cmocka_run_group_tests(tests, leave, NULL);
}
