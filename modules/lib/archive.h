// Archives as `unarchive` sees them: what is in them, how that differs from a directory, and getting it out.
// tar (in every compression the target's tar knows) and zip; the target's own programs do the unpacking.
#pragma once
#include "fsattr.h"

enum archive_kind { ARCHIVE_ZIP, ARCHIVE_TAR };
struct archive {
    struct mod_call *c;
    enum archive_kind kind;
    const char *handler;  // what Ansible calls it
    const char *src, *dest;
    const char *place;    // another name of dest, which stays the same directory (trust.h)
    const char *program;  // full path of tar or unzip
    const char *zipflag;  // tar's option for the compression, or NULL
    bool gnu;             // GNU tar
    struct fsattr attr;   // what owner, group and mode ask for
    struct val files;     // names inside, without what is excluded
    struct val members;   // zip: dicts of name, mode, size, crc, mtime
    bool same;            // nothing is to be unpacked
    struct str diff;      // zip: itemized differences
};
/// Finds out what `src` is and lists it. Fails the module when nothing here can read it, and when a name in it leads
/// out of `dest`.
bool archive_open(struct archive *ar, struct err *e);
/// Compares with what is in `dest`; sets `same` and `diff`. Reads only.
bool archive_compare(struct archive *ar, struct err *e);
/// Unpacks into `dest` and sets extract_results. Fails the module when the program fails.
bool archive_extract(struct archive *ar, struct err *e);

// -- the two kinds, used by archive.c --------------------------------------------------------------------------------
struct run_result;
bool archive_tar_list(struct archive *ar, struct err *e);
bool archive_tar_compare(struct archive *ar, struct err *e);
void archive_tar_command(struct archive *ar, struct val argv);
bool archive_zip_list(struct archive *ar, struct err *e);
bool archive_zip_compare(struct archive *ar, struct err *e);
void archive_zip_command(struct archive *ar, struct val argv);
/// Runs unzip (argv), aside if that can be, and moves everything to its place. `r->rc` says whether it unpacked.
bool archive_zip_unpack(struct archive *ar, struct val argv, struct run_result *r, struct err *e);
/// Whether a run that was killed left its directory aside.
bool archive_zip_leftover(struct archive *ar);
/// After unzip into the directory `top`: times and modes that it did not set, unless extra_opts say how it works.
bool archive_zip_complete(struct archive *ar, const char *top, struct err *e);
/// True when the arguments include (or do not exclude) this name.
bool archive_wanted(struct archive *ar, struct str name);
/// A list argument's words appended to argv, each behind `prefix`.
void archive_words(struct archive *ar, struct val argv, const char *arg, const char *prefix);
/// Runs argv in `place` (-C or -d DEST becomes that, too) with the messages of the C locale.
bool archive_call(struct archive *ar, struct val argv, struct run_result *r, struct err *e);
