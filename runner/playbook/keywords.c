// The keyword table: keywords.def as data, looked up by name.
#include "playbook.h"

const struct keyword_doc keyword_docs[KW_COUNT] = {
#define KEYWORD(id, n, w, t, d) [KW_##id] = {.name = (n), .doc = (d), .where = (w), .type = (t)},
#include "keywords.def"
#undef KEYWORD
};

enum keyword keyword_find(struct str name) {
    for (int k = KW_NONE + 1; k < KW_COUNT; k++) {
        if (str_eqz(name, keyword_docs[k].name)) {
            return (enum keyword)k;
        }
    }
    return KW_NONE;
}
