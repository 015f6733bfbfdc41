// libyaml's complaints in our words, with a hint for the mistakes people make. Secret text is never repeated.
#include "loader.h"

// The line that holds byte `i`, without its newline.
static struct str line_at(struct str t, size_t i, size_t *start) {
    i = i < t.n ? i : t.n;
    size_t from = i;
    while (from > 0 && t.s[from - 1] != '\n') {
        from--;
    }
    size_t to = str_find_char(t, i, '\n');
    *start = from;
    return str_rtrim(str_sub(t, from, to == SIZE_MAX ? t.n : to));
}

// The nearest line with content before the one that starts at `start`.
static struct str line_before(struct str t, size_t start) {
    while (start > 0) {
        struct str line = line_at(t, start - 1, &start);
        struct str trimmed = str_trim(line);
        if (trimmed.n > 0 && trimmed.s[0] != '#') {
            return trimmed;
        }
    }
    return STR_NONE;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
}

// "key:value": a key directly followed by its value.
static bool glued_colon(struct str line) {
    line = str_trim(line);
    if (str_starts(line, "- ")) {
        line = str_trim(str_sub(line, 2, line.n));
    }
    size_t i = 0;
    while (i < line.n && is_word(line.s[i])) {
        i++;
    }
    return i > 0 && i + 1 < line.n && line.s[i] == ':' && line.s[i + 1] != ' ' && line.s[i + 1] != '/' &&
           str_find(line, 0, STR_LIT(": ")) == SIZE_MAX;
}

// The offset in `line` of a value that starts with "{{" and is not quoted, or SIZE_MAX.
static size_t bare_braces(struct str line) {
    for (size_t i = str_find(line, 0, STR_LIT("{{")); i != SIZE_MAX; i = str_find(line, i + 2, STR_LIT("{{"))) {
        struct str head = str_rtrim(str_sub(line, 0, i));
        if (head.n < i && (str_ends(head, ":") || str_ends(head, "-"))) {
            return i;
        }
        if (head.n == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

// `"quoted" and more`: a value whose quotes end before the value does.
static bool text_after_quote(struct str line) {
    size_t colon = str_find(line, 0, STR_LIT(": "));
    struct str v = str_trim(colon == SIZE_MAX ? line : str_sub(line, colon + 2, line.n));
    if (str_starts(v, "- ")) {
        v = str_trim(str_sub(v, 2, v.n));
    }
    if (v.n < 3 || (v.s[0] != '"' && v.s[0] != '\'')) {
        return false;
    }
    size_t close = str_find_char(v, 1, v.s[0]);
    return close != SIZE_MAX && close + 1 < v.n && v.s[close + 1] != '#';
}

bool loader_hint_braces(struct loader *l, size_t byte) {
    if (!str_starts(str_sub(l->text, byte, l->text.n), "{{")) {
        return false;
    }
    return err_hint(l->e, "a value that starts with '{{' must be in quotes: \"{{ ... }}\"");
}

// The hint that fits what stands around the problem, if one does.
static bool hint_around(struct loader *l, size_t byte) {
    size_t start;
    struct str line = line_at(l->text, byte, &start);
    struct str before = line_before(l->text, start);
    if (bare_braces(line) != SIZE_MAX || bare_braces(before) != SIZE_MAX) {
        return err_hint(l->e, "a value that starts with '{{' must be in quotes: \"{{ ... }}\"");
    }
    if (text_after_quote(line) || text_after_quote(before)) {
        return err_hint(l->e, "a value that starts with a quote ends at the closing one: put all of it in quotes");
    }
    if (glued_colon(line) || glued_colon(before)) {
        return err_hint(l->e, "a key needs a space after its colon: 'key: value'");
    }
    if (str_find_char(str_sub(line, 0, line.n - str_trim(line).n), 0, '\t') != SIZE_MAX) {
        return err_hint(l->e, "indent with spaces, not with tabs");
    }
    return false;
}

// The first byte that is no UTF-8; libyaml names one near it. `absent` when all is well.
static size_t first_bad_byte(struct str text, size_t absent) {
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        uint32_t cp = utf8_next(text, &i);
        if (cp >= 0xDC80 && cp <= 0xDCFF) {
            return from;
        }
    }
    return absent;
}

static bool explain_reader(struct loader *l) {
    const yaml_parser_t *p = &l->parser;
    bool control = p->problem && strcmp(p->problem, "control characters are not allowed") == 0;
    size_t byte = p->problem_offset < l->text.n ? p->problem_offset : l->text.n;
    byte = control ? byte : first_bad_byte(l->text, byte);
    size_t start;
    line_at(l->text, byte, &start);
    l->last = (yaml_mark_t){.column = byte - start};
    for (size_t i = 0; i < start; i++) {
        l->last.line += l->text.s[i] == '\n';
    }
    struct mark at = l->base.at ? (struct mark){l->base.at + (uint32_t)byte} : NO_MARK;
    if (control) {
        return err_set(l->e, ERR_SYNTAX, at, "the character U+%04X is not allowed in YAML",
                       (unsigned)p->problem_value) ||
               err_hint(l->e, "write it as \"\\x%02X\" in double quotes", (unsigned)p->problem_value);
    }
    unsigned char c = byte < l->text.n ? (unsigned char)l->text.s[byte] : 0;
    return err_set(l->e, ERR_SYNTAX, at, "expected UTF-8 text, found the byte 0x%02X", c) ||
           err_hint(l->e, "save the file as UTF-8");
}

static bool cannot_start(struct loader *l, size_t byte, struct mark at) {
    char c = (char)(byte < l->text.n ? l->text.s[byte] : ' ');
    if (c == '\t') {
        return err_set(l->e, ERR_SYNTAX, at, "found a tab where the indentation must be spaces") ||
               err_hint(l->e, "indent with spaces, not with tabs");
    }
    return err_set(l->e, ERR_SYNTAX, at, "a value cannot start with '%c'", c) ||
           err_hint(l->e, "put the value in quotes");
}

static bool unclosed_quote(struct loader *l) {
    yaml_mark_t open = l->parser.context_mark;
    char c = '"';
    size_t byte = loader_byte(l, open);
    if (byte < l->text.n) {
        c = l->text.s[byte];
    }
    return err_set(l->e, ERR_SYNTAX, loader_mark(l, open), "the quote %c opened here is not closed", c) ||
           err_hint(l->e, "close it, or put the whole value in the other kind of quotes");
}

struct wording {
    const char *problem;  // libyaml's
    const char *ours;
    bool at_context;   // the place to show is where the construct began
    const char *hint;  // when nothing around the place suggests a better one
};

static const struct wording wordings[] = {
    {"mapping values are not allowed in this context", "found a ':' where a mapping cannot start", false,
     "put a value that contains ': ' in quotes, and check the indentation"},
    {"could not find expected ':'", "expected 'key: value', found no ': ' on this line", true,
     "check the indentation, and that the key is followed by ': '"},
    {"did not find expected key", "expected a key of the mapping that is open here", false,
     "check the indentation, and quotes or braces in the line before"},
    {"did not find expected '-' indicator", "expected '- ' and the next item of the list that is open here", false,
     "items of one list start in the same column"},
    {"did not find expected ',' or '}'", "expected ',' or '}' in this mapping", false,
     "close '{', or put the value in quotes"},
    {"did not find expected ',' or ']'", "expected ',' or ']' in this list", false,
     "close '[', or put the value in quotes"},
    {"did not find expected node content", "expected a value here", false, "put the value in quotes"},
    {"did not find expected <document start>", "expected the end of the document, found more text", false,
     "check the indentation of this line"},
    {"block sequence entries are not allowed in this context", "a list cannot start here", false,
     "put '- ' on a line of its own below the key"},
    {"block mapping entries are not allowed in this context", "a mapping cannot start here", false, NULL},
    {"mapping keys are not allowed in this context", "a '?' key cannot start here", false, "put the value in quotes"},
    {"found unknown escape character", "unknown escape after '\\' in double quotes", false,
     "double the backslash, or use single quotes"},
    {"did not find expected hexdecimal number", "expected hexadecimal digits after this escape", false, NULL},
    {"found invalid Unicode character escape code", "this escape is not a character", false,
     "write characters beyond U+FFFF as \"\\UXXXXXXXX\""},
    {"found undefined tag handle", "this tag handle is not defined", false,
     "a value that starts with '!' must be in quotes"},
    {"found unexpected document indicator", "found '---' or '...' inside a quoted value", false, "close the quote"},
    {"found unknown directive name", "unknown directive", false, "put a value that starts with '%' in quotes"},
    {"found incompatible YAML document", "only YAML 1.1 and 1.2 can be read", false, NULL},
    {"found a tab character that violates indentation", "found a tab where the indentation must be spaces", false,
     "indent with spaces, not with tabs"},
    {"found a tab character where an indentation space is expected", "found a tab where the indentation must be spaces",
     false, "indent with spaces, not with tabs"},
};

static bool explain_known(struct loader *l, const struct wording *w) {
    const yaml_parser_t *p = &l->parser;
    yaml_mark_t m = w->at_context ? p->context_mark : p->problem_mark;
    size_t byte = loader_byte(l, m);
    err_set(l->e, ERR_SYNTAX, loader_mark(l, m), "%s", w->ours);
    hint_around(l, byte);
    if (!l->e->hint && w->hint) {
        err_hint(l->e, "%s", w->hint);
    }
    return false;
}

bool loader_explain(struct loader *l) {
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem ? p->problem : "";
    if (p->error == YAML_MEMORY_ERROR) {
        BUG("out of memory");
    }
    if (p->error == YAML_READER_ERROR) {
        return explain_reader(l);
    }
    size_t byte = loader_byte(l, p->problem_mark);
    if (strcmp(problem, "found character that cannot start any token") == 0) {
        return cannot_start(l, byte, loader_mark(l, p->problem_mark));
    }
    if (p->context && strcmp(p->context, "while scanning a quoted scalar") == 0 &&
        strcmp(problem, "found unexpected end of stream") == 0) {
        return unclosed_quote(l);
    }
    for (size_t i = 0; i < COUNTOF(wordings); i++) {
        if (strcmp(problem, wordings[i].problem) == 0) {
            return explain_known(l, &wordings[i]);
        }
    }
    err_set(l->e, ERR_SYNTAX, loader_mark(l, p->problem_mark), "cannot read this YAML: %s%s%s",
            p->context ? p->context : "", p->context ? ", " : "", problem);
    hint_around(l, byte);
    return false;
}
