// Modules in the background (async:), and the file that keeps their result.
#pragma once
#include "remote.h"

struct async_job {
    const char *jid, *path;
    int64_t limit_s;  // it is killed after that time
};
/// Chooses a job id and writes the file that says it runs. `dir`: where, "~" is put in. In `a`.
bool async_prepare(struct arena *a, struct str dir, int64_t limit_s, struct async_job *b, struct err *e);
/// What the task gets at once.
struct val async_started(struct arena *a, const struct async_job *b);
/// Forks. True: the caller goes on as before. False without an error: this is the process in the background, in a
/// session of its own, watched by another that keeps the time; it is to run the module, hand over its result and exit.
bool async_detach(struct arena *a, const struct async_job *b, struct err *e);
/// Keeps the module's result for async_status.
void async_finish(struct arena *a, const struct async_job *b, struct val result);
