/* SPDX-License-Identifier: Apache-2.0 */
/* The rules with real packets: datagrams and frames through a router. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "netpolicy/rules_internal.h"
#include "router_fixture.h"

static void listed_passes_and_the_rest_is_refused(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, PORT), network(0xa9fe0000, 15, 0), network(0x0a000000, 8, 0)};
	const struct host_list hosts = {rules, ARRAY_SIZE(rules)};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 100, &hosts, RULES_UNLIMITED);

	(void)state;
	assert_false(exchange(SANDBOX_A, A, LISTED, PORT));
	add(&a);
	assert_true(exchange(SANDBOX_A, A, LISTED, PORT));
	assert_true(exchange(SANDBOX_A, A, PRIVATE, PORT));
	assert_int_equal(counts_of(&a).admitted, 2);
	assert_int_equal(counts_of(&a).refused, 0);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	assert_false(exchange(SANDBOX_A, A, B, PORT));
	assert_false(exchange(SANDBOX_A, A, 0x0ad50001, PORT));
	assert_int_equal(counts_of(&a).refused, 4);
	assert_int_equal(counts_of(&a).admitted, 2);
	/* Its elements gone, it is refused. */
	struct error err = {0};
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	assert_false(exchange(SANDBOX_A, A, LISTED, PORT));
	assert_int_equal(rules_verify(nft, &router, &err), 0);
}

static void a_pin_opens_and_ends(void **state)
{
	const struct host_list hosts = {NULL, 0};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 300, &hosts, RULES_UNLIMITED);
	const struct rules_pin one = {OTHER, PORT, 1}, longer = {OTHER, PORT, 100}, never = {META, PORT, 100};
	struct error err = {0};

	(void)state;
	add(&a);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	(void)poll(NULL, 0, 1500); /* the time itself is what is tested */
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	assert_int_equal(rules_pin(nft, &a, &longer, 1, &err), 0);
	(void)poll(NULL, 0, 1500);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_pin(nft, &a, &never, 1, &err), 0);
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	/* The next one with the address has another mark: the pin is not its. */
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	a.mark = 301;
	add(&a);
	assert_false(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_int_equal(rules_forget(nft, a.slot, a.address, &err), 0);
	a.mark = 302;
	add(&a);
}

/* What kernels before 6.12 need. */
static void a_pin_is_replaced_in_one_step(void **state)
{
	const struct host_list hosts = {NULL, 0};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 310, &hosts, RULES_UNLIMITED);
	const struct rules_pin one = {OTHER, PORT, 1000}, two[] = {{OTHER, PORT, 2000}, {LISTED, 0, 3000}};
	struct error err = {0};

	(void)state;
	add(&a);
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	assert_int_equal(rules_replace_pins(nft, &a, two, 2, &err), 0);
	run("nft list set ip agentcore pins-port | grep -Eq 'timeout 33m20s expires 33m(19|20)s'");
	run("nft list set ip agentcore pins | grep -Eq 'timeout 50m expires (50m|49m59s)'");
	/* The shorter time counts too. */
	assert_int_equal(rules_pin(nft, &a, &one, 1, &err), 0);
	run("nft list set ip agentcore pins-port | grep -Eq 'timeout 16m40s expires 16m(39|40)s'");
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
}

static void full_leaves_out_private(void **state)
{
	struct host_rule rules[] = {network(PRIVATE, 32, 0)};
	const struct host_list none = {NULL, 0}, entry = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 400, &none, RULES_UNLIMITED);
	struct error err = {0};

	(void)state;
	a.mode = NETWORK_FULL;
	add(&a);
	assert_true(exchange(SANDBOX_A, A, OTHER, PORT));
	assert_false(exchange(SANDBOX_A, A, PRIVATE, PORT));
	assert_false(exchange(SANDBOX_A, A, META, PORT));
	assert_int_equal(rules_remove(nft, &a, &err), 0);
	a.hosts = &entry;
	a.mark = 401;
	add(&a);
	assert_true(exchange(SANDBOX_A, A, PRIVATE, PORT));
}

/* --- Frames --------------------------------------------------------------------------------------- */

/* A datagram to the echo, and one thing about it that is wrong. */
enum flaw { SOUND, MAC, ADDRESS, TAG, TAG_OF_A_VLAN, FRAGMENT, OPTIONS, BROADCAST, ARP };

static size_t make_frame(enum flaw flaw, unsigned char *out)
{
	const unsigned char header[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 2};
	unsigned char ip[32] = {0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0, 0, 10, 213, 0, 2, 203, 0, 113, 5};
	size_t words = flaw == OPTIONS ? 6 : 5, at = 12;

	memcpy(out, header, sizeof(header));
	if (flaw == MAC)
		out[11] = 9;
	if (flaw == BROADCAST)
		memset(out, 0xff, 6);
	if (flaw == TAG) {
		memcpy(out + at, "\x81\x00\x00\x00", 4); /* priority alone: a host without VLANs would take it */
		at += 4;
	}
	if (flaw == TAG_OF_A_VLAN) {
		memcpy(out + at, "\x81\x00\x00\x07", 4);
		at += 4;
	}
	out[at++] = 8;
	out[at++] = flaw == ARP ? 6 : 0;
	if (flaw == ADDRESS)
		ip[15] = 3;
	if (flaw == FRAGMENT)
		ip[6] = 0x20;
	ip[0] = (unsigned char)(0x40 | words);
	ip[3] = (unsigned char)(4 * words + 9);
	memset(ip + 20, 1, flaw == OPTIONS ? 4 : 0); /* no operation */
	set_ip_checksum(ip, words);
	memcpy(out + at, ip, 4 * words);
	at += 4 * words;
	const unsigned char udp[] = {0x20, 0, PORT >> 8, PORT & 0xff, 0, 9, 0, 0, '?'};
	memcpy(out + at, udp, sizeof(udp));
	return at + sizeof(udp);
}

static void only_sound_frames_pass(void **state)
{
	struct host_rule rules[] = {network(LISTED, 32, 0)};
	const struct host_list hosts = {rules, 1};
	struct rules_sandbox a = sandbox_of(SANDBOX_A, 500, &hosts, RULES_UNLIMITED);
	struct rules_sandbox b = sandbox_of(SANDBOX_B, 501, &hosts, RULES_UNLIMITED);
	uint64_t refused = 0;

	(void)state;
	add(&a);
	add(&b);
	_cleanup_fd_ int fd = open_frames(SANDBOX_A);
	for (enum flaw flaw = SOUND; flaw <= ARP; flaw++) {
		unsigned char frame[128];
		char byte = 0;
		size_t length = make_frame(flaw, frame);
		struct pollfd came = {.fd = echo, .events = POLLIN};
		assert_int_equal(send(fd, frame, length, 0), length);
		refused += flaw != SOUND;
		if (poll(&came, 1, flaw == SOUND ? PATIENCE_MS : 50) != (flaw == SOUND))
			fail_msg("frame with flaw %d", flaw);
		if (flaw == SOUND)
			assert_int_equal(recv(echo, &byte, 1, 0), 1);
		assert_int_equal(counts_of(&a).refused_frames, refused);
	}
	assert_int_equal(counts_of(&b).refused_frames, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(listed_passes_and_the_rest_is_refused, fresh),
		cmocka_unit_test_setup(a_pin_opens_and_ends, fresh),
		cmocka_unit_test_setup(a_pin_is_replaced_in_one_step, fresh),
		cmocka_unit_test_setup(full_leaves_out_private, fresh),
		cmocka_unit_test_setup(only_sound_frames_pass, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
