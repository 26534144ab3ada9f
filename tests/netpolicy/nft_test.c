/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to nf_tables: as nft(8) reads what we wrote, and what an error says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "netpolicy/nft_expr.h"
#include "netpolicy/nft_internal.h"

#define TABLE "t"
#define CHAIN "c"
#define SET   "s"

static struct nft *nft;

static bool succeeds(const char *command)
{
	return system(command) == 0; // NOLINT(cert-env33-c): nft(8) of the test
}

static void run(const char *command)
{
	if (!succeeds(command))
		fail_msg("%s", command);
}

static void commit(void)
{
	struct error err = {0};

	if (nft_commit(nft, &err) < 0)
		fail_msg("%s; %s", err.text, err.hint);
}

static int set_up(void **state)
{
	struct error err = {0};

	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	return nft_open(&nft, &err);
}

static int tear_down(void **state)
{
	(void)state;
	nft_close(nft);
	nft_close(NULL);
	return 0;
}

static int fresh(void **state)
{
	(void)state;
	run("nft 'flush ruleset; table ip t { set s { type ipv4_addr; }; map m { type ipv4_addr : mark; }; chain c { "
	    "type filter hook "
	    "forward priority 0; }; chain other {}; chain n { type nat hook postrouting priority 100; }; }'");
	return 0;
}

/* --- Expressions as nft(8) reads them ------------------------------------------------------------- */

static void start_rule(const char *chain)
{
	nft_message(nft, NFT_MSG_NEWRULE, NFT_FAMILY_IP, NLM_F_CREATE | NLM_F_APPEND, "a rule");
	nft_text(nft, NFTA_RULE_TABLE, TABLE);
	nft_text(nft, NFTA_RULE_CHAIN, chain);
}

static void source_is(void)
{
	const uint32_t address = htonl(0x0a000001);

	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &address, sizeof(address));
	expr_verdict(nft, NF_DROP, NULL);
}

static void target_masked(void)
{
	const uint32_t mask = htonl(0xffff0000), network = htonl(0x0a090000);

	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(5));
	expr_mask(nft, NFT_WORD(5), &mask, sizeof(mask));
	expr_cmp(nft, NFT_CMP_NEQ, NFT_WORD(5), &network, sizeof(network));
}

static void in_set(void)
{
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup(nft, SET, NFT_WORD(0));
	expr_verdict(nft, NFT_JUMP, "other");
}

static void not_in_set(void)
{
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	expr_lookup_not(nft, SET, NFT_WORD(0));
	expr_verdict(nft, NFT_GOTO, "other");
}

static void marks_by_map(void)
{
	expr_payload(nft, &FIELD_IP_SOURCE, NFT_WORD(0));
	expr_lookup_map(nft, "m", NFT_WORD(0), NFT_WORD(0));
	expr_meta_set(nft, NFT_META_MARK, NFT_WORD(0));
}

static void marks_connection(void)
{
	const uint32_t mark = 0x17;

	expr_value(nft, NFT_WORD(3), &mark, sizeof(mark));
	expr_ct_set(nft, NFT_CT_MARK, NFT_WORD(3));
}

static void has_mark(void)
{
	const uint32_t mark = 0x17;

	expr_ct(nft, NFT_CT_MARK, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &mark, sizeof(mark));
	expr_counter(nft);
}

static void limited_log(void)
{
	expr_limit(nft, 20, 1, 100);
	expr_log(nft, 12, 96);
}

static void resets(void)
{
	const uint8_t tcp = IPPROTO_TCP;

	expr_meta(nft, NFT_META_L4PROTO, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &tcp, sizeof(tcp));
	expr_reject_tcp(nft);
}

static void rejects(void)
{
	expr_reject_icmp(nft, 13);
}

static void of_type(void)
{
	const uint32_t local = 2;

	expr_target_type(nft, NFT_WORD(0));
	expr_cmp(nft, NFT_CMP_EQ, NFT_WORD(0), &local, sizeof(local));
}

static void masquerades(void)
{
	expr_masquerade(nft);
}

static const struct {
	void (*put)(void);
	const char *chain, *read;
} expressions[] = {
	{source_is, CHAIN, "ip saddr 10.0.0.1 drop"},
	{target_masked, CHAIN, "ip daddr != 10.9.0.0/16"},
	{in_set, CHAIN, "ip daddr @s jump other"},
	{not_in_set, CHAIN, "ip daddr != @s goto other"},
	{marks_by_map, CHAIN, "meta mark set ip saddr map @m"},
	{marks_connection, CHAIN, "ct mark set 0x00000017"},
	{has_mark, CHAIN, "ct mark 0x00000017 counter packets 0 bytes 0"},
	{limited_log, CHAIN, "limit rate 20/second burst 100 packets log group 12 snaplen 96 queue-threshold 1"},
	{resets, CHAIN, "(meta l4proto tcp )?reject with tcp reset"},
	{rejects, CHAIN, "reject with icmp( type)? admin-prohibited"},
	{of_type, CHAIN, "fib daddr type local"},
	{masquerades, "n", "masquerade"},
};

static void nft_reads_what_we_wrote(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
		char command[300];
		(void)fresh(state);
		nft_begin(nft);
		start_rule(expressions[i].chain);
		struct nlattr *list = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
		expressions[i].put();
		nft_nest_end(nft, list);
		commit();
		(void)snprintf(command, sizeof(command), "nft list chain ip t %s | grep -Exq '[[:space:]]*%s'",
			       expressions[i].chain, expressions[i].read);
		if (!succeeds(command)) {
			(void)succeeds("nft list chain ip t c >&2");
			fail_msg("%s", expressions[i].read);
		}
	}
}

/* --- Batches -------------------------------------------------------------------------------------- */

static void put_elements(const char *set, uint32_t first, uint32_t count)
{
	nft_message(nft, NFT_MSG_NEWSETELEM, NFT_FAMILY_IP, NLM_F_CREATE, "elements");
	nft_text(nft, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	nft_text(nft, NFTA_SET_ELEM_LIST_SET, set);
	struct nlattr *list = nft_nest(nft, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t key = htonl(first + i);
		struct nlattr *element = nft_nest(nft, NFTA_LIST_ELEM);
		nft_data(nft, NFTA_SET_ELEM_KEY, &key, sizeof(key));
		nft_nest_end(nft, element);
	}
	nft_nest_end(nft, list);
}

static void a_batch_grows(void **state)
{
	(void)state;
	nft_begin(nft);
	for (uint32_t i = 0; i < 50; i++)
		put_elements(SET, i * 1000, 1000);
	commit();
	run("test $(nft -j list set ip t s | grep -o '\"0\\.0\\.[0-9.]*\"' | wc -l) = 50000");
	/* And the connection is good for more. */
	nft_begin(nft);
	put_elements(SET, 0x01000000, 1);
	commit();
}

static void what_does_not_fit_is_refused(void **state)
{
	struct error err = {0};

	(void)state;
	/* 67 KiB and 94 KiB in one attribute. */
	static const uint32_t too_many[] = {4300, 6000};
	for (size_t i = 0; i < ARRAY_SIZE(too_many); i++) {
		nft_begin(nft);
		put_elements(SET, 1, 1);
		put_elements(SET, 2, too_many[i]);
		put_elements(SET, 3, 1);
		assert_int_equal(nft_commit(nft, &err), -EMSGSIZE);
		run("! nft list set ip t s | grep -q elements");
	}
	/* That is forgotten with the batch. */
	nft_begin(nft);
	put_elements(SET, 1, 1);
	commit();
	nft_begin(nft);
	nft_fail(nft, -ENOMEM);
	put_elements(SET, 9, 1);
	assert_int_equal(nft_commit(nft, &err), -ENOMEM);
	/* Nothing to do is no failure. */
	nft_begin(nft);
	commit();
}

static void all_or_nothing(void **state)
{
	struct error err = {0};

	(void)state;
	nft_begin(nft);
	put_elements(SET, 1, 1);
	put_elements("nowhere", 2, 1);
	assert_int_equal(nft_commit(nft, &err), -ENOENT);
	run("! nft list set ip t s | grep -q elements");
}

/* --- What an error says --------------------------------------------------------------------------- */

static void an_error_names_message_and_expression(void **state)
{
	struct error err = {0};

	(void)state;
	nft_begin(nft);
	put_elements(SET, 1, 1);
	start_rule(CHAIN);
	struct nlattr *list = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	expr_payload(nft, &FIELD_IP_TARGET, NFT_WORD(0));
	/* Only the chain of NAT has this one. */
	expr_masquerade(nft);
	nft_nest_end(nft, list);
	assert_true(nft_commit(nft, &err) < 0);
	assert_non_null(strstr(err.text, "nf_tables: a rule"));
	err = (struct error){0};
	nft_begin(nft);
	start_rule(CHAIN);
	list = nft_nest(nft, NFTA_RULE_EXPRESSIONS);
	struct nlattr *unknown = nft_nest(nft, NFTA_LIST_ELEM);
	nft_text(nft, NFTA_EXPR_NAME, "no-such-thing");
	nft_nest_end(nft, unknown);
	nft_nest_end(nft, list);
	assert_int_equal(nft_commit(nft, &err), -ENOENT);
	assert_non_null(strstr(err.text, "a rule: expression \"no-such-thing\""));
	assert_non_null(strstr(err.hint, "CONFIG_NFT_"));
}

static void put_wrong_table(void)
{
	nft_begin(nft);
	nft_message(nft, NFT_MSG_NEWTABLE, NFT_FAMILY_IP, NLM_F_CREATE, "a table");
	nft_u8(nft, NFTA_TABLE_FLAGS, 1);
	nft_text(nft, NFTA_TABLE_NAME, "short");
}

/* Some kernels (6.12) say no word of it when their policy of attributes refuses a message of a batch. */
static bool kernel_has_words(void)
{
	struct nlmsghdr *answer = NULL;

	put_wrong_table();
	nft_end(nft);
	assert_int_equal(nft_send(nft, nft->batch, nft_used(nft)), 0);
	assert_true(nft_receive(nft, &answer) > 0);
	assert_int_equal(answer->nlmsg_type, NLMSG_ERROR);
	return answer->nlmsg_flags & NLM_F_ACK_TLVS;
}

static void an_error_has_the_kernels_words(void **state)
{
	struct error err = {0};
	const uint32_t zero = 0;

	(void)state;
	nft_begin(nft);
	nft_message(nft, NFT_MSG_NEWRULE, NFT_FAMILY_IP, NLM_F_CREATE | NLM_F_APPEND, "a rule");
	nft_text(nft, NFTA_RULE_TABLE, TABLE);
	nft_text(nft, NFTA_RULE_CHAIN, CHAIN);
	nft_data(nft, NFTA_RULE_EXPRESSIONS, &zero, sizeof(zero));
	assert_true(nft_commit(nft, &err) < 0);
	/* The policy of the netlink attributes speaks in words of its own. */
	const bool words = kernel_has_words();
	err = (struct error){0};
	put_wrong_table();
	assert_int_equal(nft_commit(nft, &err), -ERANGE);
	assert_non_null(strstr(err.text, "a table: "));
	assert_int_equal(strstr(err.text, "ttribute") != NULL, words);
}

static void without_the_capability_it_says_so(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		struct error err = {0};
		struct nft *own = NULL;
		if (setgid(65534) < 0 || setuid(65534) < 0 || nft_open(&own, &err) < 0)
			_exit(1);
		nft_begin(own);
		nft_message(own, NFT_MSG_NEWTABLE, NFT_FAMILY_IP, NLM_F_CREATE, "a table");
		nft_text(own, NFTA_TABLE_NAME, "x");
		int r = nft_commit(own, &err);
		_exit(r == -EPERM && strstr(err.hint, "CAP_NET_ADMIN") ? 0 : 2);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- Questions ------------------------------------------------------------------------------------ */

static int count_answers(void *context, const struct nlmsghdr *message)
{
	struct nlattr *chain[NFTA_CHAIN_MAX + 1];

	assert_int_equal(nft_parse(message, chain, NFTA_CHAIN_MAX), 0);
	assert_int_equal(nft_family(message), NFT_FAMILY_IP);
	assert_string_equal(nft_get_text(chain[NFTA_CHAIN_TABLE]), TABLE);
	(*(int *)context)++;
	return 0;
}

static void ask_for(const char *chain)
{
	nft_message(nft, NFT_MSG_GETCHAIN, NFT_FAMILY_IP, 0, "question");
	nft_text(nft, NFTA_CHAIN_TABLE, TABLE);
	nft_text(nft, NFTA_CHAIN_NAME, chain);
}

static void several_questions_in_one(void **state)
{
	static const char *const chains[] = {"c", "other", "n", "c", "other", "n", "c"};
	int count = 0;

	(void)state;
	nft_begin(nft);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		ask_for(chains[i]);
	assert_int_equal(nft_ask(nft, count_answers, &count), 0);
	assert_int_equal(count, 7);
	/* One that fails ends nothing, first or last. */
	for (int last = 0; last < 2; last++) {
		count = 0;
		nft_begin(nft);
		ask_for(last ? "c" : "nowhere");
		ask_for(last ? "nowhere" : "c");
		assert_int_equal(nft_ask(nft, count_answers, &count), -ENOENT);
		assert_int_equal(count, 1);
	}
	/* Two dumps at a time are not possible; none is no question. */
	nft_begin(nft);
	assert_int_equal(nft_ask(nft, count_answers, &count), -EINVAL);
	nft_message(nft, NFT_MSG_GETCHAIN, NFT_FAMILY_IP, NLM_F_DUMP, "dump");
	ask_for("c");
	assert_int_equal(nft_ask(nft, count_answers, &count), -EINVAL);
}

static int stop(void *context, const struct nlmsghdr *message)
{
	(void)context;
	(void)message;
	return -ECANCELED;
}

static void a_stopped_dump_leaves_nothing_behind(void **state)
{
	int count = 0;

	(void)state;
	/* More than one datagram holds. */
	run("for i in $(seq 800); do echo add chain ip t x$i; done | nft -f -");
	nft_begin(nft);
	nft_message(nft, NFT_MSG_GETCHAIN, NFT_FAMILY_IP, NLM_F_DUMP, "dump");
	assert_int_equal(nft_ask(nft, stop, NULL), -ECANCELED);
	nft_begin(nft);
	nft_message(nft, NFT_MSG_GETCHAIN, NFT_FAMILY_IP, NLM_F_DUMP, "dump");
	assert_int_equal(nft_ask(nft, count_answers, &count), 0);
	assert_int_equal(count, 803);
}

static void a_change_between_answers_shows(void **state)
{
	int count = 0;

	(void)state;
	nft_watch(nft);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(nft_changed(nft), i > 1);
		if (i == 1)
			run("nft add chain ip t more");
		nft_begin(nft);
		ask_for("c");
		assert_int_equal(nft_ask(nft, count_answers, &count), 0);
	}
	assert_true(nft_changed(nft));
	nft_watch(nft);
	assert_false(nft_changed(nft));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nft_reads_what_we_wrote),
		cmocka_unit_test_setup(a_batch_grows, fresh),
		cmocka_unit_test_setup(what_does_not_fit_is_refused, fresh),
		cmocka_unit_test_setup(all_or_nothing, fresh),
		cmocka_unit_test_setup(an_error_names_message_and_expression, fresh),
		cmocka_unit_test_setup(an_error_has_the_kernels_words, fresh),
		cmocka_unit_test_setup(without_the_capability_it_says_so, fresh),
		cmocka_unit_test_setup(several_questions_in_one, fresh),
		cmocka_unit_test_setup(a_stopped_dump_leaves_nothing_behind, fresh),
		cmocka_unit_test_setup(a_change_between_answers_shows, fresh),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
