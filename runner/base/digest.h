// Message digests (mbedcrypto): the same code on the controller and in play-remote.
#pragma once
#include "err.h"

#define DIGEST_MAX 64
struct digest;

/// `name`: md5 sha1 sha224 sha256 sha384 sha512. Result `hex` (lower case, NUL) in `a`. ERR_ARGS for another name.
bool digest_hex(struct arena *a, const char *name, struct str data, const char **hex, struct err *e);
/// Digest of a file, read in pieces. ERR_SYS.
bool digest_file(struct arena *a, const char *name, const char *path, const char **hex, struct err *e);
/// Incremental form. digest_open returns NULL for an unknown name.
struct digest *digest_open(const char *name);
void digest_add(struct digest *d, const void *p, size_t n);
/// Writes the raw digest to out[DIGEST_MAX], frees `d`, returns the length.
size_t digest_close(struct digest *d, unsigned char out[DIGEST_MAX]);
void hex_encode(const unsigned char *p, size_t n, char *out);
/// Base64 with padding; decode accepts missing padding and skips white space. Decode: ERR_SYNTAX.
struct str base64_encode(struct arena *a, struct str data);
bool base64_decode(struct arena *a, struct str text, struct str *out, struct err *e);
