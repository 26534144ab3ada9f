# SPDX-License-Identifier: Apache-2.0
# AgentCore: one Makefile, no recursion.  `make help` lists the targets.
#
# A room is a folder.  Each room is compiled with a private include tree (build/inc/ROOM) that
# holds nothing but links to the rooms it may use: a forbidden #include does not compile.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

B       := build
CC      := gcc
VERSION := 0.1.0

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings
HARDEN   := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fcf-protection
CFLAGS   ?= $(HARDEN)
BASE_CFLAGS := -std=gnu17 -D_GNU_SOURCE -DAGENTCORE_VERSION='"$(VERSION)"' $(WARNINGS)
LINK_STATIC := -static-pie -Wl,-z,relro,-z,now,-z,noexecstack
PIE         := -fPIE
LINK_DYNAMIC := -pie -Wl,-z,relro,-z,now,-z,noexecstack

# --- Rooms: name, folder, and the rooms whose headers it may include ---------------------------
ROOMS := base policy enforce audit oci recipe probes harness suites adapters report saboteurs conformance bench

DIR_base        := runtime/base
DIR_policy      := runtime/policy
DIR_enforce     := runtime/enforce
DIR_audit       := runtime/audit
DIR_oci         := runtime/oci
DIR_recipe      := runtime
DIR_probes      := conformance/probes
DIR_harness     := conformance/harness
DIR_suites      := conformance/suites
DIR_adapters    := conformance/adapters
DIR_report      := conformance/report
DIR_saboteurs   := conformance/saboteurs
DIR_conformance := conformance
DIR_bench       := bench

USES_base        := base
USES_policy      := base policy
USES_enforce     := base policy enforce
USES_audit       := base policy audit
USES_oci         := base policy oci
USES_recipe      := base policy enforce audit oci recipe
USES_probes      := probes
USES_harness     := base model harness report
USES_suites      := base model harness suites
USES_adapters    := base model harness adapters
USES_report      := base model harness report
USES_saboteurs   := base model harness report saboteurs
USES_conformance := base model harness report suites adapters saboteurs conformance
USES_bench       := base bench
# tests/ROOM/ may include what the room may, and the room itself.

# The suite sees of runtime/policy the model and its parser, never a verdict table.
MODEL_HEADERS := policy.h

# --- Compiling -----------------------------------------------------------------------------------
src = $(wildcard $(DIR_$(1))/*.c)
obj = $(patsubst %.c,$(B)/obj/%.o,$(call src,$(1)))

# Links for room 1 to use room 2.
link_room  = ln -s $(CURDIR)/$(DIR_$(2)) $(B)/inc/$(1)/$(2);
link_model = mkdir $(B)/inc/$(1)/policy; $(foreach h,$(MODEL_HEADERS),ln -s $(CURDIR)/runtime/policy/$(h) $(B)/inc/$(1)/policy/$(h);)
link       = $(if $(filter model,$(2)),$(call link_model,$(1)),$(call link_room,$(1),$(2)))

define room_rules
$(B)/inc/$(1)/.stamp: Makefile
	@rm -rf $(B)/inc/$(1) && mkdir -p $(B)/inc/$(1)
	@$(foreach u,$(USES_$(1)),$(call link,$(1),$(u)))
	@touch $$@
$(B)/obj/$(DIR_$(1))/%.o: $(DIR_$(1))/%.c | $(B)/inc/$(1)/.stamp
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) $$(CFLAGS) $$(PIE) -I$(B)/inc/$(1) -MMD -MP -c $$< -o $$@
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

# --- Programs ------------------------------------------------------------------------------------
AGENTCORE_OBJ   := $(foreach r,base policy enforce audit oci recipe,$(call obj,$(r)))
CONFORMANCE_OBJ := $(foreach r,base policy harness suites adapters report saboteurs conformance,$(call obj,$(r)))
PROBE_OBJ       := $(call obj,probes)

PROGRAMS := $(B)/agentcore $(B)/agentcore-conformance $(B)/probe

all: $(PROGRAMS)

$(B)/agentcore: $(AGENTCORE_OBJ)
	$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) $^ -ljansson -o $@

$(B)/agentcore-conformance: $(CONFORMANCE_OBJ)
	$(CC) $(CFLAGS) $(PIE) $(LINK_DYNAMIC) $^ -ljansson -lcap -o $@

$(B)/probe: $(PROBE_OBJ)
	$(CC) $(CFLAGS) $(PIE) $(LINK_STATIC) -pthread $^ -o $@

# --- Tests: tests/ROOM/NAME_test.c -> build/tests/ROOM/NAME_test, linked with the room and what it uses ----
TEST_ROOMS := base policy enforce audit oci recipe harness suites adapters report saboteurs
TEST_SRC   := $(foreach r,$(TEST_ROOMS),$(wildcard tests/$(r)/*_test.c))
TESTS      := $(patsubst %.c,$(B)/%,$(TEST_SRC))

# Every object that a test of room 1 may need, without a main.
LINK_base      := base
LINK_policy    := base policy
LINK_enforce   := base policy enforce
LINK_audit     := base policy audit
LINK_oci       := base policy oci
LINK_recipe    := base policy enforce audit oci
LINK_harness   := base policy harness report
LINK_report    := base policy harness report
LINK_suites    := base policy harness report suites
LINK_adapters  := base policy harness report adapters
LINK_saboteurs := base policy harness report saboteurs
# Files of the room "recipe" that hold no main.
EXTRA_recipe = $(filter-out %/main.o,$(call obj,recipe))

define test_rules
$(B)/tests/$(1)/%: tests/$(1)/%.c $(foreach r,$(LINK_$(1)),$(call obj,$(r))) $(EXTRA_$(1)) | $(B)/inc/$(1)/.stamp
	@mkdir -p $$(@D)
	$$(CC) $$(BASE_CFLAGS) $$(CFLAGS) $$(PIE) -DFIXTURES_DIR='"$(CURDIR)/fixtures"' -DBUILD_DIR='"$(CURDIR)/$(B)"' \
	  -I$(B)/inc/$(1) -MMD -MP -MF $$@.d $$< $$(filter %.o,$$^) $(LINK_DYNAMIC) -lcmocka -ljansson -lcap -lseccomp -o $$@
endef
$(foreach r,$(TEST_ROOMS),$(eval $(call test_rules,$(r))))

tests: $(TESTS)

# unit: every cmocka program; each prints cmocka's own closing lines.
unit: $(TESTS)
	@failed=0; for t in $(TESTS); do echo "== $$t"; timeout 300 $$t || failed=$$((failed+1)); done; \
	  test $$failed -eq 0 || { echo "$$failed test program(s) failed"; exit 1; }

clean:
	rm -rf $(B)

.PHONY: all tests unit clean

-include $(shell test -d $(B) && find $(B) -name '*.d')
