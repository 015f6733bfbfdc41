// Secrets that must never be printed, in each encoding they may appear in.
#pragma once
#include "buf.h"

struct mask;
struct mask *mask_new(void);
/// Wipes.
void mask_free(struct mask *m);
/// Remembers `text` plain, in base64, hexadecimal, url-, JSON-, shell-, repr- and HTML-escaped, and each longer line of
/// a text with several. Texts below four bytes, short numbers and ordinary words such as "true" or "root" are ignored:
/// masking them would blot out everything. Those below eight bytes are masked as whole words only. Copied to locked
/// memory.
void mask_add(struct mask *m, struct str text);
/// The same for what a template made of a secret. Words of letters only are left out unless they are long: "enabled"
/// may have come out of a secret and stands in every output.
void mask_add_made(struct mask *m, struct str text);
/// Remembers a name that plain files show (of a host, a group, a role): where it stands whole, a secret that is a part
/// of it is not hidden, but one that is the name itself. It is copied.
void mask_public(struct mask *m, struct str name);
/// `text` with every remembered secret replaced by asterisks, also where line breaks split it. The same text (not
/// copied) when there is none; else in `a`.
struct str mask_apply(const struct mask *m, struct arena *a, struct str text);
#define MASKED "********"
