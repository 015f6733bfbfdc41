// ZIP archives without compression (APPNOTE.TXT 4.3): local entries, the central directory, its end.
#include "zip.h"

#include <stdint.h>

static uint32_t crc32_of(struct str data) {
    static uint32_t table[256];
    uint32_t made[256];
    if (!table[1]) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++) {
                c = c & 1 ? 0xedb88320U ^ (c >> 1) : c >> 1;
            }
            made[i] = c;
        }
        memcpy(table, made, sizeof table);
    }
    uint32_t crc = 0xffffffffU;
    for (size_t i = 0; i < data.n; i++) {
        crc = table[(crc ^ (unsigned char)data.s[i]) & 0xff] ^ (crc >> 8);
    }
    return ~crc;
}

static void put16(struct buf *b, uint32_t v) {
    buf_char(b, (char)(v & 0xff));
    buf_char(b, (char)(v >> 8 & 0xff));
}

static void put32(struct buf *b, uint32_t v) {
    put16(b, v & 0xffff);
    put16(b, v >> 16);
}

void zip_start(struct zip *z, struct arena *a) {
    *z = (struct zip){.data = BUF_IN(a), .directory = BUF_IN(a), .a = a};
}

/// What a local entry and its row in the directory share: version, flags (UTF-8 names), method, time, sums and sizes.
static void put_common(struct buf *b, uint32_t crc, struct str name, struct str data) {
    put16(b, 20);
    put16(b, 0x800);
    put16(b, 0);
    put16(b, 0);
    put16(b, 0x21);  // 1980-01-01, the first day the format knows
    put32(b, crc);
    put32(b, (uint32_t)data.n);
    put32(b, (uint32_t)data.n);
    put16(b, (uint32_t)name.n);
    put16(b, 0);
}

void zip_add(struct zip *z, struct str name, struct str data) {
    uint32_t at = (uint32_t)z->data.n;
    uint32_t crc = crc32_of(data);
    put32(&z->data, 0x04034b50);
    put_common(&z->data, crc, name, data);
    buf_str(&z->data, name);
    buf_str(&z->data, data);
    put32(&z->directory, 0x02014b50);
    put16(&z->directory, 20);
    put_common(&z->directory, crc, name, data);
    put16(&z->directory, 0);
    put16(&z->directory, 0);
    put16(&z->directory, 0);
    put32(&z->directory, 0100644U << 16);
    put32(&z->directory, at);
    buf_str(&z->directory, name);
    z->entries++;
}

struct str zip_finish(struct zip *z) {
    uint32_t at = (uint32_t)z->data.n;
    uint32_t size = (uint32_t)z->directory.n;
    buf_str(&z->data, buf_view(&z->directory));
    put32(&z->data, 0x06054b50);
    put32(&z->data, 0);
    put16(&z->data, z->entries);
    put16(&z->data, z->entries);
    put32(&z->data, size);
    put32(&z->data, at);
    put16(&z->data, 0);
    return buf_view(&z->data);
}
