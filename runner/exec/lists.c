// Lists of pointers in arenas.
#include "exec.h"

// NOLINTBEGIN(bugprone-sizeof-expression): these are lists of pointers
void hosts_push(struct arena *a, struct hosts *l, struct hrun *h) {
    VEC_PUSH(a, *l, h);
}

void jobs_push(struct arena *a, struct jobs *l, struct job *j) {
    VEC_PUSH(a, *l, j);
}

void steps_push(struct arena *a, struct psteps *l, struct pstep *s) {
    VEC_PUSH(a, *l, s);
}

void order_push(struct arena *a, struct order *o, struct pstep *s) {
    VEC_PUSH(a, *o, s);
}
// NOLINTEND(bugprone-sizeof-expression)
