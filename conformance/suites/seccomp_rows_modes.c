/* SPDX-License-Identifier: Apache-2.0 */
/* No setuid or setgid file can be made from inside: by what became of a file, and by the arguments. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/array.h"
#include "suites/seccomp.h"

#define BAD_POINTER UINT64_C(8)
#define NO_FD       UINT64_MAX
#define MAKE        (O_CREAT | O_EXCL | O_WRONLY)

#define WHY "A setuid file outlives its maker: whoever runs it later, also outside, runs as its owner"
#define FIX                                                                                                            \
	"Refuse modes with S_ISUID or S_ISGID wherever a call takes a mode that a filter can see; answer openat2 "     \
	"with ENOSYS"

static const struct {
	const char *name;
	uint64_t mode;
} modes[] = {{"setuid", 04755}, {"setgid", 02755}, {"both", 06755}};

static void plan_outcome(struct seccomp_plan *sp, const char *road, enum session_kind session)
{
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		struct requirement *row =
			plan_add(sp->plan, SECCOMP_AREA, "%smode.%s.%s",
				 session == SESSION_SECCOMP_ALONE ? "alone." : "", road, modes[m].name);
		row->session = session;
		row->control = SESSION_BARE;
		row->judge = judge_no_special_mode;
		(void)snprintf(row->probe, sizeof(row->probe), "setuid-mode %s 0%llo", road,
			       (unsigned long long)modes[m].mode);
		(void)snprintf(row->expected, sizeof(row->expected), "no such file");
		row->rationale = WHY;
		row->remediation = FIX;
	}
}

/* Where the mode stands among the arguments, and the others so that the bare kernel gives up at a bad path. */
static const struct form {
	const char *call, *name;
	unsigned at;
	uint64_t args[4], file_type;
} forms[] = {
	{"chmod", "chmod", 1, {BAD_POINTER}, 0},
	{"fchmod", "fchmod", 1, {NO_FD}, 0},
	{"fchmodat", "fchmodat", 2, {NO_FD, BAD_POINTER}, 0},
	{"fchmodat2", "fchmodat2", 2, {NO_FD, BAD_POINTER}, 0},
	{"creat", "creat", 1, {BAD_POINTER}, 0},
	{"open", "open", 2, {BAD_POINTER, MAKE}, 0},
	{"open", "open-tmpfile", 2, {BAD_POINTER, O_TMPFILE | O_WRONLY}, 0},
	{"openat", "openat", 3, {NO_FD, BAD_POINTER, MAKE}, 0},
	{"openat", "openat-tmpfile", 3, {NO_FD, BAD_POINTER, O_TMPFILE | O_WRONLY}, 0},
	{"mknod", "mknod", 1, {BAD_POINTER}, S_IFREG},
	{"mknodat", "mknodat", 2, {NO_FD, BAD_POINTER}, S_IFREG},
};

static void plan_form(struct seccomp_plan *sp, const struct form *form, const char *name, uint64_t mode, unsigned flags)
{
	char id[64];
	struct argument_case argument = {
		.call = form->call, .id = id, .flags = flags, .rationale = WHY, .remediation = FIX};
	for (size_t i = 0; i < ARRAY_SIZE(form->args); i++)
		argument.args[i] = form->args[i];
	argument.args[form->at] = form->file_type | mode;
	(void)snprintf(id, sizeof(id), "mode.%s.%s", form->name, name);
	seccomp_plan_argument(sp, &argument);
}

/* A caller that creates nothing leaves whatever it likes where the mode would be. */
static void plan_ignored_mode(struct seccomp_plan *sp)
{
	const struct argument_case ignored[] = {
		{"open",
		 "mode.open.ignored",
		 {BAD_POINTER, O_RDONLY, 04755},
		 ARGUMENT_SHOULD,
		 "Without O_CREAT the mode is a register that nobody set",
		 "Refuse the mode only with O_CREAT or O_TMPFILE",
		 NULL},
		{"openat",
		 "mode.openat.ignored",
		 {NO_FD, BAD_POINTER, O_RDONLY, 04755},
		 ARGUMENT_SHOULD,
		 "Without O_CREAT the mode is a register that nobody set",
		 "Refuse the mode only with O_CREAT or O_TMPFILE",
		 NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		seccomp_plan_argument(sp, &ignored[i]);
}

void seccomp_plan_modes(struct seccomp_plan *sp)
{
	static const char *const roads[] = {"chmod", "fchmod", "fchmodat", "fchmodat2",    "open",          "openat",
					    "creat", "mknod",  "mknodat",  "open-tmpfile", "openat-tmpfile"};
	for (size_t i = 0; i < ARRAY_SIZE(roads); i++) {
		plan_outcome(sp, roads[i], SESSION_FULL);
		plan_outcome(sp, roads[i], SESSION_SECCOMP_ALONE);
	}
	/* Its mode lies in memory: whatever stops it need not be the filter. */
	plan_outcome(sp, "openat2", SESSION_FULL);

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++)
			plan_form(sp, &forms[i], modes[m].name, modes[m].mode, ARGUMENT_REFUSED);
		/* umode_t is 16 bits wide. */
		plan_form(sp, &forms[i], "setuid-high-half", 04755 | UINT64_C(1) << 32, ARGUMENT_REFUSED);
		plan_form(sp, &forms[i], "setuid-high-bit", 04755 | UINT64_C(1) << 31, ARGUMENT_REFUSED);
		plan_form(sp, &forms[i], "plain", 0755, 0);
		plan_form(sp, &forms[i], "sticky", 01777, 0);
	}
	plan_ignored_mode(sp);
}
