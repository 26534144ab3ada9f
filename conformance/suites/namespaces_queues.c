/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V and POSIX message queues stay until somebody removes them.  So they live only for the moment of the question,
 * which a process of the harness's asks from within the sandbox's ipc namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "harness/session.h"
#include "suites/namespaces.h"
#include "suites/rows.h"

#define AREA "namespaces"

struct queue {
	uint32_t number; /* random: key and name */
	int id;
};

static void mq_name(const struct queue *queue, char *name, size_t size)
{
	(void)snprintf(name, size, "/agentcore-conformance-%08x", queue->number);
}

static int msg_make(struct queue *queue)
{
	queue->id = msgget((key_t)queue->number, IPC_CREAT | IPC_EXCL | 0666);
	return queue->id < 0 ? -errno : 0;
}

static int msg_find(const struct queue *queue)
{
	return msgget((key_t)queue->number, 0) < 0 ? errno : 0;
}

static void msg_remove(const struct queue *queue)
{
	(void)msgctl(queue->id, IPC_RMID, NULL);
}

static int mq_make(struct queue *queue)
{
	char name[64];
	/* The bytes of all queues of a user are limited (RLIMIT_MSGQUEUE). */
	struct mq_attr smallest = {.mq_maxmsg = 1, .mq_msgsize = 1};
	mq_name(queue, name, sizeof(name));
	mqd_t made = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666, &smallest);
	if (made < 0)
		return -errno;
	(void)mq_close(made);
	return 0;
}

static int mq_find(const struct queue *queue)
{
	char name[64];
	mq_name(queue, name, sizeof(name));
	return mq_open(name, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static void mq_remove(const struct queue *queue)
{
	char name[64];
	mq_name(queue, name, sizeof(name));
	(void)mq_unlink(name);
}

static const struct queue_kind {
	const char *name, *id;
	int (*make)(struct queue *queue); /* 0 or a negative errno */
	int (*find)(const struct queue *queue); /* 0 or an errno */
	void (*remove)(const struct queue *queue);
} kinds[] = {
	{"System V", "ipc.host_msg", msg_make, msg_find, msg_remove},
	{"POSIX", "ipc.host_mq", mq_make, mq_find, mq_remove},
};

/* Ask in a child that has entered the namespace: an errno, 0 when the queue was found; -1 when it could not be asked. */
static int find_inside(const struct queue_kind *kind, const struct queue *queue, int ns)
{
	int status;
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child == 0)
		_exit(setns(ns, CLONE_NEWIPC) < 0 ? 255 : kind->find(queue));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) && WEXITSTATUS(status) != 255 ? WEXITSTATUS(status) : -1;
}

static json_t *observe_queue(const struct host_context *context, const struct requirement *row, struct error *err)
{
	char path[64];
	struct queue queue = {0, -1};
	const struct queue_kind *kind = &kinds[row->number];
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/ipc", context->probe_pid);
	_cleanup_fd_ int ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || getrandom(&queue.number, sizeof(queue.number), 0) != (ssize_t)sizeof(queue.number)) {
		(void)error_set(err, errno, "%s", path);
		return NULL;
	}
	queue.number = (queue.number & 0x7fffffff) | 1;
	int r = kind->make(&queue);
	if (r < 0) {
		(void)error_set(err, -r, "make a %s message queue", kind->name);
		return NULL;
	}
	bool from_host = kind->find(&queue) == 0;
	int code = find_inside(kind, &queue, ns);
	kind->remove(&queue);
	if (code < 0) {
		(void)error_say(err, EPROTO, "%s: could not be entered", path);
		return NULL;
	}
	return json_pack("{s:i, s:i, s:b}", "ret", code ? -1 : 0, "errno", code, "from_host", from_host);
}

void namespaces_plan_queues(struct plan *plan)
{
	static const struct rows_text text = {"Message queues of the host and of other sandboxes are out of reach",
					      "Start with CLONE_NEWIPC", "CIS-5.17"};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct requirement *row = plan_add(plan, AREA, "%s", kinds[i].id);
		row->needs = NEED_SHARED_KERNEL;
		row->host = observe_queue;
		row->judge = judge_out_of_reach;
		row->number = (int64_t)i;
		(void)snprintf(row->expected, sizeof(row->expected), "ENOENT");
		rows_describe(row, &text);
	}
}
