// Facts about the target, collector by collector. One file a family; facts.c holds the only list of collectors.
#pragma once
#include "module.h"

/// The controller tells `setup` by this argument which facts the play reads (names without "ansible_"), and by this key
/// of the result it learns what was left out.
#define FACTS_READ     "_facts_read"
#define FACTS_LEFT     "_ansible_facts_left"
/// By this argument, true, that no variable names the target's Python: its path is told as a fact then.
#define FACTS_DISCOVER "_facts_discover"

/// What collectors fill: names with the "ansible_" prefix, as `setup` returns them.
struct facts {
    struct mod_call *c;
    struct arena *a;
    struct val out;
    const char *fact_path;  // directory of custom facts
    int64_t timeout_ms;     // of one collector
    int64_t until_ms;       // clock_ms: when the collector that runs must have ended
    struct val read;        // names (without "ansible_") that the play reads; VAL_UNDEF: all may be read
    struct val left;        // what was left out as the play does not read it
    struct str python;      // what the target's Python said of itself, once asked
    bool python_asked;
};
/// The target's Python; NULL: there is none.
const char *facts_interpreter(void);

struct collector {
    const char *ids;    // names gather_subset knows it by, separated by |; the first is its own
    const char *needs;  // collectors gathered with it, separated by |; NULL: none
    bool min;           // gathered unless "!min" is asked for
    void (*fn)(struct facts *f);
};
extern const struct collector fact_collectors[];
extern const size_t fact_collector_count;

/// Gathers what the call's gather_subset, filter and fact_path ask for: the run of `setup`.
bool facts_gather(struct mod_call *c, struct err *e);

/// True when one of these facts (names without "ansible_", separated by |; a last * stands for any end) may be read.
/// When it is false the caller leaves them out, and the controller asks again should they be wanted after all.
bool facts_wanted(struct facts *f, const char *names);
/// Milliseconds the running collector has left, at least 1.
int64_t facts_time_left(const struct facts *f);
/// Sets "ansible_<name>".
void facts_set(struct facts *f, const char *name, struct val v);
void facts_set_z(struct facts *f, const char *name, const char *z);
/// A small file of /proc or /sys, trimmed; STR_NONE when it cannot be read.
struct str facts_file(struct facts *f, const char *path);
/// Standard output of a program, trimmed; STR_NONE when it fails or takes too long, which is warned about.
struct str facts_run(struct facts *f, const char *const *argv);
/// The words of a text, cut at any white space.
struct val facts_words(struct facts *f, struct str text);
/// Full path of a program, also in the directories of administrators; NULL: not there.
const char *facts_program(struct facts *f, const char *name);
/// The value of KEY in a file of KEY=value lines (quotes removed); STR_NONE: not there.
struct str facts_key(struct str text, const char *key);

void facts_platform(struct facts *f);
void facts_distribution(struct facts *f);
void facts_user(struct facts *f);
void facts_env(struct facts *f);
void facts_date_time(struct facts *f);
void facts_python(struct facts *f);
void facts_cmdline(struct facts *f);
void facts_dns(struct facts *f);
void facts_selinux(struct facts *f);
void facts_apparmor(struct facts *f);
void facts_fips(struct facts *f);
void facts_caps(struct facts *f);
void facts_chroot(struct facts *f);
void facts_pkg_mgr(struct facts *f);
void facts_service_mgr(struct facts *f);
void facts_lsb(struct facts *f);
void facts_ssh_keys(struct facts *f);
void facts_local(struct facts *f);
void facts_hardware(struct facts *f);
void facts_devices(struct facts *f);  // of `hardware`: block devices, their links, LVM
void facts_loadavg(struct facts *f);
void facts_network(struct facts *f);
void facts_fibre_channel(struct facts *f);
void facts_iscsi(struct facts *f);
void facts_nvme(struct facts *f);
void facts_virtual(struct facts *f);
void facts_facter(struct facts *f);
void facts_ohai(struct facts *f);
