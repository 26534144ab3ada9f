/* SPDX-License-Identifier: Apache-2.0 */
#include "harness/trial.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/array.h"
#include "harness/residue.h"
#include "harness/session_private.h"
#include "harness/trial_network.h"
#include "harness/trial_policy.h"
#include "harness/trial_side.h"

#define SETTLE_MS 2000 /* the kernel takes its time to dissolve mounts, loop devices and namespaces */
#define LOOK_MS   20
#define GONE_MS   5
#define WAIT_MS   1000

enum { MAIN, COMPANION, SIDES };

struct run {
	const struct trial *trial;
	struct trial_side sides[SIDES];
	size_t count;
	struct policy policy;
	char policy_file[PATH_MAX];
	struct residue residue;
	struct trial_network_run network;
	struct adapter adapter; /* the caller's, with a state directory of its own on the test internet */
	char root[PATH_MAX];
	bool learned[SIDES];
	int stop_fd;
	uint64_t deadline_us;
	char left[1024], left_removed[1024];
	bool looked, alive; /* alive: the sandbox around the execution */
};

/* --- Before ----------------------------------------------------------------------------------------- */

static int check_network(const struct adapter_class *class, const struct trial *trial, struct error *err)
{
	enum network_mode mode = NETWORK_NONE;
	bool asked = false;
	int r = trial_policy_network(&trial->network, &asked, &mode, err);
	if (r == 0 && asked && trial->network.ground != GROUND_BARE && !(class->networks & 1U << mode))
		return error_say(err, EOPNOTSUPP, "%s: no way to set up network %s", class->name,
				 network_mode_name(mode));
	return r;
}

static int check_expressible(const struct adapter *adapter, const struct adapter_launch *launch,
			     const struct trial *trial, struct error *err)
{
	const struct adapter_class *class = adapter->class;
	char reason[256] = "";
	unsigned asked = 0;
	int r = trial_policy_asked(trial->limits, &asked, err);
	r = r < 0 ? r : check_network(class, trial, err);
	if (r < 0)
		return r;
	if (trial->tier == TRIAL_EXEC && !class->executions)
		return error_say(err, EOPNOTSUPP, "%s: no executions with limits of their own inside a sandbox",
				 class->name);
	for (int limit = 0; limit < LIMIT_COUNT; limit++)
		if (trial->network.ground != GROUND_BARE && asked & ~class->limits & 1U << limit)
			return error_say(err, EOPNOTSUPP, "%s: no way to limit %s", class->name,
					 limit_name((enum limit)limit));
	if (class->can_express && !class->can_express(adapter, launch, reason, sizeof(reason)))
		return error_say(err, EOPNOTSUPP, "%s", reason);
	return 0;
}

static int lay_sides(struct run *run, struct adapter *adapter, const struct adapter_launch *launch, struct error *err)
{
	const struct trial *trial = run->trial;
	const char *loads[SIDES] = {trial->load, trial->companion};
	int r = 0;
	for (size_t i = 0; i < SIDES && loads[i] && r == 0; i++)
		r = trial_side_init(&run->sides[run->count++], adapter, launch, loads[i], trial->tier, err);
	return r;
}

/* The execution's own word comes last: residue.h. */
static int look_before(struct run *run, const struct adapter *adapter, struct error *err)
{
	const char *names[RESIDUE_NAMES_MAX];
	size_t count = 0;
	for (size_t i = run->count; i-- > 0;) {
		names[count++] = run->sides[i].name;
		if (run->trial->tier == TRIAL_EXEC && i == MAIN)
			names[count++] = run->sides[i].token;
	}
	return residue_begin(&run->residue, names, count, adapter->state_dir) < 0 ? error_set(err, ENOMEM, "residue")
										  : 0;
}

/* The document is made when the name is known, which is unique; the sides then run under it. */
static int lay_policy(struct run *run, const struct adapter *adapter, const struct adapter_launch *launch,
		      struct error *err)
{
	const char *directory = adapter->options.work_dir;
	int length = snprintf(run->policy_file, sizeof(run->policy_file), "%s/%s.json", directory ? directory : "/tmp",
			      run->sides[MAIN].name);
	if (length >= (int)sizeof(run->policy_file))
		return error_say(err, ENAMETOOLONG, "%s", directory);
	int r = trial_policy_write(run->policy_file, launch->policy_file, run->trial, &run->policy, err);
	if (r < 0) {
		run->policy_file[0] = '\0';
		return r;
	}
	for (size_t i = 0; i < run->count; i++) {
		run->sides[i].launch.policy = &run->policy;
		run->sides[i].launch.policy_file = run->policy_file;
	}
	return 0;
}

/* A state directory of its own: the runtime's may hold a network whose far end is the machine's. */
static int lay_network(struct run *run, struct testnet *testnet, struct error *err)
{
	const struct trial_network *network = &run->trial->network;
	int r = trial_network_init(&run->network, testnet, network, run->sides[MAIN].token,
				   run->count > 1 ? run->sides[COMPANION].token : NULL, err);
	if (r < 0 || network->ground == GROUND_NONE)
		return r;
	bool filtered = network->ground == GROUND_RUNTIME && run->policy.network != NETWORK_NONE;
	for (size_t i = 0; i < run->count; i++) {
		struct trial_side *side = &run->sides[i];
		side->takes_input = true;
		side->launch.network_of = trial_network_of(&run->network, i);
		side->launch.dns = filtered ? TRIAL_NETWORK_DNS : NULL;
		if (side->launch.network_of == 0)
			return error_say(err, EBADMSG, "the test internet has not the places that are asked for");
	}
	if (network->ground == GROUND_RUNTIME && run->adapter.class->use_root) {
		(void)snprintf(run->root, sizeof(run->root), "%.4000s/network",
			       run->adapter.options.work_dir ? run->adapter.options.work_dir : "/tmp");
		run->adapter.class->use_root(&run->adapter, run->root);
	}
	return trial_network_begin(&run->network, err);
}

/* --- Meanwhile -------------------------------------------------------------------------------------- */

static bool stop_asked(const struct run *run)
{
	struct pollfd fd = {run->stop_fd, POLLIN, 0};
	return fd.fd >= 0 && poll(&fd, 1, 0) > 0;
}

static void end_as_told(const struct run *run)
{
	const struct trial_side *side = &run->sides[MAIN];
	if (side->pid > 0 && run->trial->end != TRIAL_END_ITSELF)
		(void)kill(side->pid, run->trial->end == TRIAL_END_TERM ? SIGTERM : SIGKILL);
}

/* What it holds is to be seen only while it lives, so before the signal. */
static void learn(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct trial_side *side = &run->sides[i];
		const char *words[] = {side->token, side->name};
		if (!side->ready || run->learned[i])
			continue;
		run->learned[i] = true;
		residue_learn(&run->residue, words, 2);
		if (i == MAIN)
			end_as_told(run);
	}
}

static bool may_start_main(const struct run *run)
{
	const struct trial_side *companion = &run->sides[COMPANION];
	return run->count == 1 || companion->ready || companion->ended;
}

/* What is done from outside comes before the load goes on; a companion is there until the other one has ended. */
static int go_on(struct run *run, struct error *err)
{
	struct trial_side *side = &run->sides[MAIN];
	int r = side->ready && !side->ended ? trial_network_outside(&run->network, err) : 0;
	if (r == 0 && side->ready)
		close_fd(&side->in_fd);
	if (side->ended && run->count > 1)
		close_fd(&run->sides[COMPANION].in_fd);
	return r;
}

static int start_main(struct run *run, struct error *err)
{
	const struct trial_side *companion = &run->sides[COMPANION];
	int r = run->count > 1 && companion->ready && !companion->ended ? trial_network_peer(&run->network, err) : 0;
	r = r < 0 ? r : trial_network_words(&run->network, run->sides[MAIN].command, err);
	return r < 0 ? r : trial_side_start(&run->sides[MAIN], err);
}

static bool is_over(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++)
		if (!run->sides[i].departed)
			return false;
	return true;
}

static int wait_for_news(const struct run *run)
{
	struct pollfd fds[1 + 3 * SIDES] = {{run->stop_fd, POLLIN, 0}};
	size_t count = 1;
	int limit = WAIT_MS;
	for (size_t i = 0; i < run->count; i++) {
		const struct trial_side *side = &run->sides[i];
		count += trial_side_polls(side, fds + count);
		/* Nothing tells when the last process of a sandbox is gone. */
		if (side->ended && !side->departed)
			limit = GONE_MS;
	}
	uint64_t now = clock_us(), left = run->deadline_us > now ? (run->deadline_us - now) / 1000 + 1 : 0;
	int r = poll(fds, count, left < (uint64_t)limit ? (int)left : limit);
	return r < 0 && errno != EINTR ? -errno : 0;
}

/* What was learned is not told apart by side: beside a companion only the words tell whose a process is. */
static const json_t *namespaces_of(const struct run *run)
{
	return run->count == 1 ? run->residue.namespaces : NULL;
}

static int watch(struct run *run, struct error *err)
{
	int r = 0;
	while (r == 0 && !is_over(run)) {
		struct trial_side *main_side = &run->sides[MAIN];
		if (!main_side->started && may_start_main(run))
			r = start_main(run, err);
		r = r < 0 ? r : wait_for_news(run);
		for (size_t i = 0; i < run->count; i++)
			trial_side_advance(&run->sides[i], namespaces_of(run));
		learn(run);
		r = r < 0 ? r : go_on(run, err);
		if (r == 0 && stop_asked(run))
			r = -EINTR;
		if (r == 0 && clock_us() >= run->deadline_us)
			r = -ETIMEDOUT;
	}
	return r;
}

/* --- After ------------------------------------------------------------------------------------------ */

static void settle(const struct run *run, enum residue_scope scope, char *text, size_t size)
{
	uint64_t until = clock_us() + (uint64_t)SETTLE_MS * 1000;
	struct pollfd fd = {run->stop_fd, POLLIN, 0};
	while (!residue_look(&run->residue, scope, text, size) && clock_us() < until)
		if (poll(&fd, 1, LOOK_MS) > 0)
			return;
}

static void remove_sandboxes(const struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct trial_side *side = &run->sides[i];
		if (side->adapter->class->remove)
			side->adapter->class->remove(side->adapter, &side->launch);
	}
}

static bool is_alive(const struct run *run)
{
	const char *words[] = {run->sides[MAIN].name};
	const struct members members = {words, 1, run->residue.namespaces};
	return members_any_inside(&members);
}

static void look_after(struct run *run)
{
	bool execution = run->trial->tier == TRIAL_EXEC;
	settle(run, execution ? RESIDUE_EXECUTION : RESIDUE_ALL, run->left, sizeof(run->left));
	run->looked = true;
	run->alive = execution && is_alive(run);
	if (!execution && !run->left[0])
		return;
	remove_sandboxes(run);
	settle(run, RESIDUE_ALL, run->left_removed, sizeof(run->left_removed));
}

static void tell(const struct run *run, json_t *facts)
{
	trial_side_tell(&run->sides[MAIN], "", facts);
	if (run->count > 1)
		trial_side_tell(&run->sides[COMPANION], "companion_", facts);
	if (run->network.facts)
		(void)json_object_update(facts, run->network.facts);
	if (!run->looked)
		return;
	if (run->trial->tier == TRIAL_EXEC)
		(void)json_object_set_new(facts, "sandbox_alive", json_integer(run->alive));
	(void)json_object_set_new(facts, "residue", json_string(run->left));
	(void)json_object_set_new(facts, "residue_removed", json_string(run->left_removed));
}

static void tear_down(struct run *run)
{
	for (size_t i = 0; i < run->count; i++) {
		trial_side_end(&run->sides[i], run->residue.namespaces);
		trial_side_clear(&run->sides[i]);
	}
	residue_remove_cgroups(&run->residue);
	residue_clear(&run->residue);
	policy_clear(&run->policy);
	trial_network_clear(&run->network);
	if (run->policy_file[0])
		(void)unlink(run->policy_file);
}

int trial_run(struct adapter *adapter, const struct adapter_launch *launch, const struct trial *trial,
	      struct testnet *testnet, int stop_fd, json_t **facts, struct error *err)
{
	struct run run = {.trial = trial, .stop_fd = stop_fd, .adapter = *adapter};
	int r = check_expressible(adapter, launch, trial, err);
	if (r < 0)
		return r;
	int limit = trial->timeout_ms > 0 ? trial->timeout_ms : TRIAL_DEFAULT_MS;
	run.deadline_us = clock_us() + (uint64_t)limit * 1000;
	r = lay_sides(&run, &run.adapter, launch, err);
	r = r < 0 ? r : lay_policy(&run, adapter, launch, err);
	r = r < 0 ? r : lay_network(&run, testnet, err);
	r = r < 0 ? r : look_before(&run, &run.adapter, err);
	if (r == 0 && run.count > 1)
		r = trial_side_start(&run.sides[COMPANION], err);
	r = r < 0 ? r : watch(&run, err);
	if (r == 0)
		r = trial_network_seen(&run.network, err);
	if (r == 0)
		look_after(&run);
	if (r == 0 || r == -ETIMEDOUT) {
		json_t *told = json_object();
		tell(&run, told);
		*facts = told;
	}
	if (r == -ETIMEDOUT)
		(void)error_say(err, ETIMEDOUT, "not over after %d ms", limit);
	tear_down(&run);
	return r;
}
