// Values to YAML text, byte for byte as PyYAML's dump prints them (for to_yaml, to_nice_yaml and output).
#pragma once
#include "val.h"

struct yaml_style {
    int indent;             // 0: PyYAML's default (2)
    int width;              // 0: 80
    int flow;               // -1: PyYAML's default_flow_style=None, 0: False (block), 1: True
    bool sort_keys;         // PyYAML's default is true
    bool ascii;             // escape non-ASCII (allow_unicode=False)
    bool explicit_start, explicit_end;
};
bool yaml_emit(struct buf *out, struct val v, const struct yaml_style *style, struct err *e);
