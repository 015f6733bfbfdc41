// Pages for secrets: never swapped, in no core dump. Both are best effort, since the limit on locked memory may be 0
// and secrets still must work then.
#pragma once
#include "prelude.h"

#define PAGE_LEN ((size_t)4096)

/// `size` bytes, a multiple of PAGE_LEN, their content undefined; NULL: no memory. Any thread. A single page is one
/// that was used before, when there is one: each request takes one, and to map, lock and unmap it costs more than to
/// fill it.
void *pages_new(size_t size);
/// Gives back what pages_new gave, wiped by the caller.
void pages_free(void *p, size_t size);
