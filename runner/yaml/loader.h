// State shared by load.c (events to values) and explain.c (libyaml's complaints in our words). Private to this layer.
#pragma once
#include "load.h"
#include "map.h"
#include "resolve.h"

#include <yaml.h>

struct loader {
    yaml_parser_t parser;
    const struct yaml_opts *o;
    struct arena *a;
    struct err *e;
    struct str text;   // without a byte order mark
    struct mark base;  // of the text's first byte; NO_MARK: places are said in words
    bool ascii;        // then libyaml's index is the byte offset
    size_t cur_index;  // a known pair of libyaml index (code points) ...
    size_t cur_byte;   // ... and byte offset
    yaml_mark_t last;  // where the newest error is, for messages without marks
    struct map anchors;
    size_t depth, nodes, max_depth, max_nodes;
    bool unsafe;          // inside !unsafe
    bool key;             // the node that comes is a key
    struct val keys[64];  // keys seen last, by their hash
};

/// The byte offset of a libyaml mark in l->text.
size_t loader_byte(struct loader *l, yaml_mark_t m);
/// The mark of a libyaml mark; NO_MARK when the loader has no marks. Remembers the place for the message.
struct mark loader_mark(struct loader *l, yaml_mark_t m);
/// Turns the parser's error into l->e. Returns false.
bool loader_explain(struct loader *l);
/// Adds a hint when the value that starts at `byte` is an unquoted template. Returns false.
bool loader_hint_braces(struct loader *l, size_t byte);
