/* SPDX-License-Identifier: Apache-2.0 */
/* What the results say of the machine that the run took place on. */
#ifndef HARNESS_MACHINE_H
#define HARNESS_MACHINE_H

struct machine {
	char kernel[130], arch[66];
	char lsms[256]; /* "capability,landlock,bpf"; where securityfs is not mounted: what answers a probe, and that */
	char cgroup[16]; /* "v1", "v2", "hybrid" or "none" */
};

void machine_describe(struct machine *machine);

#endif
