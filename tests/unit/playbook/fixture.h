// A directory with a playbook for one test: files are written, loaded, and the tree is shown as text.
#pragma once
#include "playbook.h"

struct fix {
    struct arena a;
    struct err e;
    char dir[64];
    struct pb_loader *l;
    struct buf warned;  // warnings, one a line
};
void fix_open(struct fix *f);
void fix_close(struct fix *f);
/// Writes a file below the directory, making its parents.
void fix_file(struct fix *f, const char *name, const char *text);
/// Writes `text` as site.yml and loads it.
struct playbook *fix_load(struct fix *f, const char *text);
/// One line a node: what it is, its action and arguments, the keywords it was given.
struct str fix_dump(struct fix *f, const struct playbook *pb);
struct str fix_dump_block(struct fix *f, const struct block *b);
/// The tree must look like this.
void fix_expect(struct fix *f, const char *text, const char *tree);
/// Loading must fail with this message at "line:col" of the file (its name below the directory). `hint` may be NULL.
void fix_refuse(struct fix *f, const char *text, const char *message, const char *place, const char *hint);
/// The first task of a list whose name is `name`, at any depth.
struct task *fix_task(const struct steps *s, const char *name);
