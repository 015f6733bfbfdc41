// Values to YAML text, byte for byte as PyYAML's dump prints them (for to_yaml, to_nice_yaml and output).
#pragma once
#include "val.h"

struct yaml_style {
    int indent;      // 0: PyYAML's default (2)
    int width;       // 0: 80
    int flow;        // -1: PyYAML's default_flow_style=None, 0: False (block), 1: True
    bool sort_keys;  // PyYAML's default is true
    bool ascii;      // escape non-ASCII (allow_unicode=False)
    bool explicit_start, explicit_end;
    bool literal;  // strings of several lines in block style, where YAML allows it
    bool aliases;  // "&id001" and "*id001" for a list or dict that occurs twice, as PyYAML does by identity;
                   // off: it is written again (what Ansible shows for variables, which it copies)
};
/// Appends one document. `width` < 0: no limit. Keys sort as Python sorts them; when they cannot be compared they keep
/// their order. Strings are written as plain, single-quoted or double-quoted text exactly as PyYAML over libyaml (the
/// dumper Ansible uses) writes them; dates as timestamps; other objects as what obj_type.json says. Marks and flags are
/// ignored: unvaulted values are written as plaintext. Errors: ERR_TYPE for undefined values, omit and text that is not
/// UTF-8; ERR_LIMIT when nested too deeply or when `out` is full.
/// Source: PyYAML representer.py, serializer.py; cases: tests/cases/yaml/dump.json.
bool yaml_emit(struct buf *out, struct val v, const struct yaml_style *style, struct err *e);
