// Describing a file in pieces. It is read a part at a time: no more of it lies in memory.
#include "basis.h"

#include "digest.h"
#include "fd.h"
#include "frame.h"
#include "pieces.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART       (4 * PIECE_MAX)
#define PIECES_MAX (FRAME_MAX / 2 / BASIS_PIECE)

static void add_piece(struct buf *out, struct str piece) {
    unsigned char sum[DIGEST_MAX];
    unsigned char len[4];
    struct digest *d = digest_open("sha256");
    digest_add(d, piece.s, piece.n);
    (void)digest_close(d, sum);
    frame_put32(len, (uint32_t)piece.n);
    buf_add(out, len, sizeof len);
    buf_add(out, sum, 32);
}

/// Cuts what is there; at the end of the file all of it, else only what cannot grow.
static size_t cut(struct buf *out, struct str data, bool end) {
    size_t at = 0;
    while (at < data.n && (end || data.n - at >= PIECE_MAX)) {
        size_t n = piece_length(str_sub(data, at, data.n));
        add_piece(out, str_sub(data, at, at + n));
        at += n;
    }
    return at;
}

bool basis_describe(const unsigned char sha[32], const char *path, struct buf *out) {
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)PIECES_FROM ||
        (uintmax_t)st.st_size / PIECE_MIN > PIECES_MAX) {
        return false;
    }
    unsigned char len[4];
    struct buf data = {0};
    uint64_t total = 0;
    ssize_t n = 1;
    frame_put32(len, (uint32_t)strlen(path));
    buf_add(out, sha, 32);
    buf_add(out, len, sizeof len);
    buf_z(out, path);
    while (n > 0 && total <= (uint64_t)st.st_size) {
        n = read(fd, buf_reserve(&data, PART), PART);
        data.n += n > 0 ? (size_t)n : 0;
        total += n > 0 ? (uint64_t)n : 0;
        buf_consume(&data, cut(out, buf_view(&data), n == 0));
    }
    buf_release(&data);
    return n == 0 && total == (uint64_t)st.st_size;
}

struct str basis_path(struct arena *a, struct str body, const char **path) {
    size_t head = 32 + 4;
    size_t n = body.n >= head ? frame_get32((const unsigned char *)body.s + 32) : 0;
    *path = NULL;
    if (!n || n > body.n - head) {
        return STR_NONE;
    }
    *path = str_z(a, str_sub(body, head, head + n));
    return str_sub(body, head + n, body.n);
}
