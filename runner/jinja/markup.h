// HTML text as the library MarkupSafe has it: what is HTML already is marked, and escapes what is added to it.
#pragma once
#include "plugin.h"

/// Appends `s` with & < > ' " escaped.
void html_escape(struct buf *b, struct str s);
/// Text that is HTML already.
bool is_markup(struct val v);
/// str(v) as HTML: escaped unless it is HTML already.
struct val markup_of(struct arena *a, struct val v);
/// `text` marked (or, with `on` false, unmarked) as HTML; other kinds stay.
struct val markup_set(struct val text, bool on);
/// Before a method of HTML text runs: its text arguments are escaped where Markup does that.
void markup_args(struct jcall *c, const char *method);
/// What the method gave, marked as HTML where Markup does that.
struct val markup_result(struct jcall *c, const char *method, struct val out);
