/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppArmor: profiles in the kernel, and a process under one of them; apparmor(7), apparmor_parser(8), aa_change_profile(2),
 * security/apparmor/apparmorfs.c.
 */
#ifndef ENFORCE_APPARMOR_H
#define ENFORCE_APPARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* AppArmor is in this kernel and turned on.  What is loaded is another question. */
bool apparmor_enabled(void);

/*
 * It knows rules for unix sockets.  Where it does not (Linux before 6.17, but Ubuntu's), apparmor_parser makes them "any unix socket": what holds then
 * is the network namespace.
 */
bool apparmor_mediates_unix(void);

/* How a profile is loaded. */
enum apparmor_mode {
	APPARMOR_MISSING,
	APPARMOR_ENFORCE,
	APPARMOR_OTHER, /* complain, kill, unconfined, prompt: what the rules say is not what happens */
};

/* Look a name up in the text of the kernel's list: lines of "NAME (MODE)".  Pure. */
enum apparmor_mode apparmor_find(const char *list, const char *name);

/*
 * The next name of the list, from *at on, that is another mark of the profile that mark belongs to: the kernel keeps the children of a profile that is
 * replaced.  False: there is none.  Pure.
 */
bool apparmor_other_mark(const char **at, const char *mark, char *name, size_t size);

/*
 * Are a profile and its mark (policy/apparmor_profile.h), and no other, in the kernel, both to be enforced?  0; -ENOENT (not loaded), -ESTALE (loaded with other rules),
 * -EPERM (loaded, and not enforced, or AppArmor as a whole enforces nothing), -EOPNOTSUPP (rules of
 * a kind that this kernel would leave out); or a negative errno when the list cannot be read; with err set and a hint.
 */
int apparmor_check(const char *name, const char *mark, struct error *err);

/*
 * Compile text and put it into the kernel, in place of a profile of the same name; by apparmor_parser.  Then take away the marks of what was there before.  0 or a
 * negative errno with the parser's words.
 */
int apparmor_load(const char *text, const char *mark, struct error *err);

/* Take a profile and its children out of the kernel.  Whoever is under it is unconfined then.  0, -ENOENT, or another negative errno with err set. */
int apparmor_unload(const char *name, struct error *err);

/* Compile without loading, also where there is no AppArmor.  0 or a negative errno with the parser's words. */
int apparmor_lint(const char *text, struct error *err);

/*
 * Open the file of the calling thread's label, to read and to change it, before a filter that does not know openat2(2).  Wants /proc of the caller's own pid
 * namespace at /proc.  A descriptor, close-on-exec, or a negative errno with err set.
 */
int apparmor_open_label(struct error *err);

/*
 * Put the calling thread under a profile, for good, by label (apparmor_open_label, borrowed), and read back there what the kernel has it under: another
 * one, or a mode other than enforce, is a failure.  0 or a negative errno with err set.
 */
int apparmor_confine(const char *name, int label, struct error *err);

#endif
