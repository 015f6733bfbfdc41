// gather_facts: the task form of gathering: `setup`, or the modules that FACTS_MODULES names (runner/exec/gather.c).
#include "facts.h"

static const struct arg args[] = {
    {"gather_subset", ARG_LIST, .def = "all",
     .doc = "all, min, hardware, network, virtual or single facts; !x leaves out."},
    {"gather_timeout", ARG_INT, .def = "10", .doc = "Seconds a single source of facts may take."},
    {"filter", ARG_LIST, .def = "[]", .doc = "Only facts whose names match one of these patterns."},
    {"fact_path", ARG_PATH, .def = "/etc/ansible/facts.d", .doc = "Directory of custom facts (*.fact)."},
    {"parallel", ARG_BOOL, .doc = "Accepted; several modules (FACTS_MODULES) run one after the other."},
    {FACTS_DISCOVER, ARG_BOOL, .doc = "Whether the path of Python is told; the program fills it in."},
    {0},
};

MODULE(gather_facts) = {
    .doc = "Gather facts about the target, as a play does at its start.",
    .spec = "ansible.builtin.gather_facts",
    .example = "- ansible.builtin.gather_facts:",
    .returns = "ansible_facts: The facts, each name with ansible_ in front.",
    .args = args,
    .check = SUPPORT_FULL,
    .diff = SUPPORT_NONE,
    .side = ON_TARGET,
    .run = facts_gather,
};
