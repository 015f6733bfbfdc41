// Putting play-remote on a target: the shell text and the dialogue with it. One exec finds the cached file and becomes
// it; when it is not there, the bytes follow over the same channel.
#include "start.h"

#include "digest.h"
#include "fd.h"

#define NOISE_MAX 2048
#define LINE_MAX_ ((size_t)64 << 10)

// -- the shell text --------------------------------------------------------------------------------------------------
const char *start_nonce(struct arena *a) {
    unsigned char raw[12];
    char hex[2 * sizeof raw + 1];
    random_bytes(raw, sizeof raw);
    hex_encode(raw, sizeof raw, hex);
    hex[2 * sizeof raw] = '\0';
    return arena_printf(a, "PLAY-%s", hex);
}

/// Text for inside double quotes; $NAME and ${NAME} stay, what could end or leave the quotes is refused.
static bool plain_text(const char *what, const char *text, bool variables, struct err *e) {
    for (const char *s = text; *s; s++) {
        bool bad = strchr("\"'`\\!", *s) || (unsigned char)*s < ' ';
        bool dollar = *s == '$' && (!variables || s[1] == '(');
        if (bad || dollar) {
            return err_set(e, ERR_ARGS, NO_MARK, "%s '%s' holds a character that is not supported: %c", what, text, *s);
        }
    }
    return true;
}

static bool add_candidates(struct buf *b, const char *remote_tmp, struct err *e) {
    buf_z(b, "u=$(id -u); set --");
    if (remote_tmp) {
        if (!plain_text("remote_tmp", remote_tmp, true, e)) {
            return false;
        }
        const char *rest = remote_tmp;
        buf_z(b, " \"");
        if (rest[0] == '~' && (rest[1] == '/' || !rest[1])) {
            buf_z(b, "$HOME");
            rest++;
        }
        buf_printf(b, "%s/.play-$u\"", rest);
    }
    buf_z(b, " \"${HOME:+$HOME/.cache/play}\" \"/var/tmp/.play-$u\" \"/tmp/.play-$u\" \"/dev/shm/.play-$u\"; ");
    return true;
}

// Each part is one line of sh; $p is the nonce, $h the digest, $n the size, $u our uid, $o the umask that the tasks get
// back, $c a file that may be copied, $x an argument for play-remote. A file gets its name only after its digest was
// found right and it is on the disk, in a directory that only we can change; from then on it is looked at again only
// with $v, when it ended before it said hello: no process is started for one that is as it was left. Where there is
// gunzip ($g; that it can be run is all an empty file tells) it comes packed, behind a line with the size of that: less
// than half of it crosses the network.
static const char functions[] =
    "ck() { [ -f \"$1\" ] && [ -O \"$1\" ] || return 1; "
    "if command -v sha256sum > /dev/null 2>&1; then s=$(sha256sum < \"$1\"); [ \"${s%% *}\" = $h ]; "
    "else [ $(wc -c < \"$1\") -eq $n ] && \"$1\" --self-check > /dev/null 2>&1; fi; }; "
    "go() { [ -n \"$1\" ] && [ -O \"$1\" ] && [ -x \"$1/$h\" ] && [ -f \"$1/$h\" ] && [ -s \"$1/$h\" ] && "
    "[ -O \"$1/$h\" ] || return 1; "
    "if [ -h \"$1\" ]; then return 1; fi; [ -z \"$v\" ] || ck \"$1/$h\" || return 1; "
    "echo \"$p ok $1/$h\"; [ -z \"$o\" ] || umask $o; exec \"$1/$h\" $x; }; ";
static const char usual_place[] = "go \"${HOME:+$HOME/.cache/play}\"";
static const char own_files[] = "o=$(umask); umask 077; ";
static const char find_or_store[] =
    "for d in mkdir chmod head mv; do command -v $d > /dev/null 2>&1 || { echo \"$p lacks $d\"; exit 1; }; done; "
    "for d; do [ -n \"$d\" ] || continue; f=$d/$h; "
    "if [ -h \"$d\" ]; then echo \"$p bad $d is a symbolic link\"; continue; fi; go \"$d\"; "
    "m=$(mkdir -p -m 700 \"$d\" 2>&1) || { echo \"$p bad $m\"; continue; }; "
    "if [ -O \"$d\" ]; then :; else echo \"$p bad $d belongs to another user\"; continue; fi; "
    "m=$(chmod 700 \"$d\" 2>&1) || { echo \"$p bad $m\"; continue; }; "
    "t=$d/.new$$; rm -f \"$t\"; m=$( (set -C; : > \"$t\") 2>&1) || { echo \"$p bad $m\"; continue; }; "
    "chmod 700 \"$t\"; \"$t\" > /dev/null 2>&1 < /dev/null; [ $? -ne 126 ] || "
    "{ rm -f \"$t\"; echo \"$p bad $d is mounted noexec\"; continue; }; "
    "if [ -n \"$c\" ] && cp \"$c\" \"$t\" 2> /dev/null && ck \"$t\"; then :; else "
    "gunzip -c > /dev/null 2>&1 < /dev/null; if [ $? -lt 126 ]; then g=gz; else g=; fi; echo \"$p need $a $g\"; "
    "if [ -n \"$g\" ]; then read z; m=$( { head -c $z | gunzip -c > \"$t\"; } 2>&1); "
    "else m=$(head -c $n 2>&1 > \"$t\"); fi || "
    "{ rm -f \"$t\"; echo \"$p bad $d: is the disk full? $m\"; echo \"$p none\"; exit 1; }; ck \"$t\" || { rm -f "
    "\"$t\"; echo \"$p bad $d: what arrived is not what was sent, is the disk full\"; "
    "echo \"$p none\"; exit 1; }; fi; sync \"$t\" > /dev/null 2>&1; "
    "m=$(mv -f \"$t\" \"$f\" 2>&1) || { echo \"$p bad $m\"; echo \"$p none\"; exit 1; }; "
    "echo \"$p ok $f\"; umask $o; exec \"$f\" $x; done; echo \"$p none\"; exit 1";

/// Whose machine code is at home on the target can be seen, most often, without a process for uname: by the one dynamic
/// loader that is there.
static void add_guess(struct buf *b, const struct payloads *all) {
    static const char *const loaders[START_ARCHES][2] = {{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"},
                                                         {"/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-aarch64.so.1"}};
    buf_z(b, "w=; ");
    for (size_t i = 0; i < START_ARCHES; i++) {
        buf_printf(b, "if [ -e %s ] || [ -e %s ]; then w=${w}%zu; fi; ", loaders[i][0], loaders[i][1], i);
    }
    buf_z(b, "case $w in ");
    for (size_t i = 0; i < START_ARCHES; i++) {
        const struct payload *p = &all->p[i];
        if (p->machine) {
            buf_printf(b, "%zu) h=%s; n=%zu; %s;; ", i, p->sha256, p->data.n, usual_place);
        }
    }
    buf_z(b, "esac; ");
}

bool start_script(struct arena *a, const struct start *s, const char **out, struct err *e) {
    struct buf b = BUF_IN(a);
    buf_printf(&b, "p=%s; o=; v=%s; ", s->nonce, s->verify ? "1" : "");
    if (s->copy && !plain_text("path", s->copy, false, e)) {
        return false;
    }
    buf_printf(&b, "c=\"%s\"; x=%s; ", s->copy ? s->copy : "", s->terminal ? "--detach" : "");
    if (s->direct) {
        buf_z(&b, "if [ -r \"$c\" ] && [ -x \"$c\" ]; then echo \"$p ok $c\"; exec \"$c\" $x; fi; ");
    }
    buf_z(&b, functions);
    if (!s->remote_tmp) {
        add_guess(&b, s->payloads);
    }
    buf_z(&b, "set -- $(uname -sm 2>&1); a=$2; case \"$1-$a\" in ");
    for (size_t i = 0; i < START_ARCHES; i++) {
        const struct payload *p = &s->payloads->p[i];
        if (p->machine) {
            buf_printf(&b, "Linux-%s) h=%s; n=%zu;; ", p->machine, p->sha256, p->data.n);
        }
    }
    buf_z(&b, "*) echo \"$p arch $*\"; exit 1;; esac; ");
    if (!s->remote_tmp) {
        buf_printf(&b, "%s; ", usual_place);
    }
    buf_z(&b, own_files);
    if (!add_candidates(&b, s->remote_tmp, e)) {
        return false;
    }
    buf_z(&b, find_or_store);
    *out = buf_view(&b).s;
    return true;
}

void shell_quote(struct buf *b, const char *word) {
    size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,");
    if (*word && !word[plain]) {
        buf_z(b, word);
        return;
    }
    buf_char(b, '\'');
    for (const char *s = word; *s; s++) {
        if (*s == '\'') {
            buf_z(b, "'\"'\"'");
        } else {
            buf_char(b, *s);
        }
    }
    buf_char(b, '\'');
}

const char *shell_join(struct arena *a, const char *const *argv) {
    struct buf b = BUF_IN(a);
    for (size_t i = 0; argv[i]; i++) {
        if (i) {
            buf_char(&b, ' ');
        }
        shell_quote(&b, argv[i]);
    }
    return buf_view(&b).s;
}

// -- the dialogue ----------------------------------------------------------------------------------------------------
struct str tidy_text(struct arena *a, struct str text, size_t max) {
    text = str_trim(text);
    if (text.n > max) {
        text = str_sub(text, text.n - max, text.n);
    }
    char *p = str_z(a, text);
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)p[i] < ' ' || p[i] == 0x7f) {
            p[i] = ' ';
        }
    }
    return (struct str){p, text.n};
}

static enum start_step fail_arch(const struct start *s, struct str rest, struct err *e) {
    struct str what = tidy_text(e->arena, rest, 128);
    const char *hint = "only raw works there";
    if (!what.n || str_find_char(what, 0, ':') != SIZE_MAX) {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "'uname -sm' does not tell what host '%s' is: %.*s", s->host,
                      STR(what.n ? what : STR_LIT("it says nothing")));
        hint = "its shell must be able to run programs, and to find them in its PATH";
    } else if (str_starts(what, "Linux ")) {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "no play-remote for the architecture '%.*s' of host '%s' in '%s'",
                      STR(str_sub(what, 6, what.n)), s->host, s->payloads->dir);
    } else {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "host '%s' runs '%.*s', which is not supported: expected Linux",
                      s->host, STR(what));
    }
    (void)err_hint(e, "%s", hint);
    return START_FAILED;
}

static enum start_step one_line(struct start *s, struct str line, struct err *e) {
    struct str verb = STR_NONE;
    (void)str_next(&line, ' ', &verb);
    struct str rest = line.s ? str_trim(line) : STR_LIT("");
    s->confirmed = true;
    if (str_eqz(verb, "ok")) {
        s->path = str_dup(e->arena, rest);
        return START_READY;
    }
    if (str_eqz(verb, "need") && !s->need) {
        struct str machine = STR_LIT("");
        (void)str_next(&rest, ' ', &machine);
        s->need = payload_for(s->payloads, machine);
        s->packed = rest.s && str_eqz(str_trim(rest), "gz");
        return s->need ? START_UPLOAD : fail_arch(s, STR_LIT("Linux unknown"), e);
    }
    if (str_eqz(verb, "arch")) {
        return fail_arch(s, rest, e);
    }
    if (str_eqz(verb, "bad") && s->bad.n < 4096) {
        buf_printf(&s->bad, "%s%.*s", s->bad.n ? "; " : "", STR(rest));
        return START_WAIT;
    }
    if (str_eqz(verb, "lacks")) {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK,
                      "cannot put play-remote on host '%s': there is no '%.*s' in the PATH of its login shell", s->host,
                      STR(tidy_text(e->arena, rest, 64)));
        return START_FAILED;
    }
    if (str_eqz(verb, "none")) {
        (void)err_set(e, ERR_UNREACHABLE, NO_MARK, "cannot put play-remote on host '%s': %.*s", s->host,
                      STR(tidy_text(e->arena, buf_view(&s->bad), 2048)));
        (void)err_hint(e, "set ansible_remote_tmp to a directory on the target where programs may run");
        return START_FAILED;
    }
    return START_WAIT;
}

/// The end of what the login shell printed before our first line: when nothing else comes, it may say why.
static void keep_noise(struct start *s, struct str line) {
    if (s->confirmed || !line.n) {
        return;
    }
    if (s->noise.n > NOISE_MAX) {
        buf_consume(&s->noise, s->noise.n - NOISE_MAX / 2);
    }
    buf_str(&s->noise, line.n > NOISE_MAX ? str_sub(line, line.n - NOISE_MAX, line.n) : line);
    buf_char(&s->noise, ' ');
}

enum start_step start_out(struct start *s, struct buf *in, struct err *e) {
    struct str all = buf_view(in);
    size_t from = 0;
    size_t end = 0;
    enum start_step step = START_WAIT;
    while (step == START_WAIT && (end = str_find_char(all, from, '\n')) != SIZE_MAX) {
        struct str line = str_sub(all, from, end);
        size_t at = str_find(line, 0, str_from(s->nonce));  // a prompt without newline may stand before
        if (at != SIZE_MAX) {
            s->ours++;
            step = one_line(s, str_trim(str_sub(line, at + strlen(s->nonce), line.n)), e);
        } else {
            keep_noise(s, line);
        }
        from = end + 1;
    }
    if (step == START_WAIT && all.n - from > LINE_MAX_) {
        keep_noise(s, str_sub(all, from, all.n));
        from = all.n;  // not ours: our lines are short
    }
    buf_consume(in, from);
    return step;
}

static bool has(struct str text, const char *word) {
    return str_find(text, 0, str_from(word)) != SIZE_MAX;
}

struct str start_said(struct arena *a, const struct start *s, struct str text) {
    struct str prompt = str_printf(a, "[%s] password:", s->nonce);
    struct buf b = BUF_IN(a);
    size_t from = 0;
    for (size_t at = 0; (at = str_find(text, from, prompt)) != SIZE_MAX; from = at + prompt.n) {
        buf_str(&b, str_sub(text, from, at));
    }
    buf_str(&b, str_sub(text, from, text.n));
    return str_replace(a, buf_view(&b), str_printf(a, "%s\n", become_marker(a, s)), STR_LIT(""));
}

struct str start_heard(struct arena *a, struct start *s, struct str text, size_t max) {
    struct str said = tidy_text(a, start_said(a, s, text), max);
    return said.n || s->confirmed ? said : tidy_text(a, buf_view(&s->noise), max);
}

bool start_ended(struct start *s, struct str text, int status, struct err *e) {
    struct str said = start_heard(e->arena, s, text, 1024);
    const char *sep = said.n ? ": " : "";
    if (s->method && !s->confirmed) {
        if (!s->has_password && (has(said, "password is required") || has(said, "Authentication required"))) {
            return become_missing(s, e);
        }
        if (s->prompted && (has(said, "incorrect password") || has(said, "uthentication fail"))) {
            return become_incorrect(s, e);
        }
        (void)err_set(e, ERR_MODULE, NO_MARK, "become: %s to user '%s' on host '%s' failed%s%.*s", s->method, s->user,
                      s->host, sep, STR(said));
        return has(said, "must have a tty")
                   ? err_hint(e, "take 'requiretty' out of sudoers there: a line such as Defaults:LOGIN !requiretty")
                   : false;
    }
    if (s->path.n && (status == 126 || status == 127)) {
        return err_set(e, ERR_UNREACHABLE, NO_MARK, "'%.*s' cannot be run on host '%s'%s%.*s", STR(s->path), s->host,
                       sep, STR(said));
    }
    const char *when = "play-remote ended as it started";
    if (!s->path.n) {
        when = s->by ? arena_printf(e->arena, "'%s' ended before play-remote started", s->by)
                     : "the login shell ended before play-remote started";
    }
    if (status >= 0) {
        return err_set(e, ERR_UNREACHABLE, NO_MARK, "%s on host '%s' (exit status %d)%s%.*s", when, s->host, status,
                       sep, STR(said));
    }
    return err_set(e, ERR_UNREACHABLE, NO_MARK, "%s on host '%s'%s%.*s", when, s->host, sep, STR(said));
}
