/* SPDX-License-Identifier: Apache-2.0 */
/* What looks like a secret.
 * Runs on: the main thread, before anything else does. Holds: nothing. Invariant: no message holds a part of what it is
 * about. Not here: the variables of key servers (keys_check_environment()). */
#include "cli/leaks.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/span.h"

enum { KEY_CHARS_MIN = 32, CODE_MIN = 6, CODE_MAX = 8, WEB_TOKEN_MIN = 40 };

/* ---- values ---- */

static const struct {
    const char *mark;
    size_t follow; /* letters and digits behind it, at least */
    const char *what;
    const char *use;
} marks[] = {
    {"lta_", 32, "an access token",
     "put it into a file that is yours alone (chmod 0400) and name that with --token-file"},
    {"lethe-root-", 0, "a root key", "`root_key` in the configuration says where it is"},
    {"PRIVATE KEY-----", 0, "a private key", "keep it in its file, and name that"},
    {"otpauth://", 0, "the secret of a second factor", "it is an authenticator's alone"},
    {"hvs.", 20, "a key server's token", "`root_key` in the configuration names the file it is in"},
};

static bool has_mark(const char *text, size_t i)
{
    for (const char *at = strstr(text, marks[i].mark); at != NULL;
         at = strstr(at + 1, marks[i].mark)) {
        const char *behind = at + strlen(marks[i].mark);
        size_t n = 0;

        while (n < marks[i].follow && isalnum((unsigned char)behind[n]))
            n++;
        if (n == marks[i].follow)
            return true;
    }
    return false;
}

/* "eyJ....eyJ....signature" (RFC 7519), alone or behind something else. */
static bool has_web_token(const char *text)
{
    const char *at = strstr(text, "eyJ");
    size_t len = at == NULL ? 0
                            : strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789-_.");
    size_t dots = 0;

    for (size_t i = 0; i < len; i++)
        dots += at[i] == '.';
    return len >= WEB_TOKEN_MIN && dots == 2;
}

enum err leaks_in_arguments(int argc, char *const argv[], struct errmsg *msg)
{
    for (int i = 1; i < argc; i++) {
        for (size_t k = 0; k < COUNT_OF(marks); k++)
            if (has_mark(argv[i], k))
                return errmsg_set(msg, ERR_INVALID,
                                  "argument %d holds %s, which other users of this host can see "
                                  "there: %s",
                                  i, marks[k].what, marks[k].use);
        if (has_web_token(argv[i]))
            return errmsg_set(msg, ERR_INVALID,
                              "argument %d holds a signed token, which other users of this host "
                              "can see there: keep it in a file, or give it on standard input",
                              i);
    }
    return ERR_OK;
}

bool leaks_instead_of_file(const char *value)
{
    const size_t len = strlen(value);

    if (len >= CODE_MIN && len <= CODE_MAX && strspn(value, "0123456789") == len)
        return true;
    return len >= KEY_CHARS_MIN &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=_-") ==
               len;
}

bool leaks_in_header(const char *line)
{
    static const char *const fields[] = {"lethe-key", "authorization", "proxy-authorization"};
    const struct span name = span_of(line, strcspn(line, ": "));

    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (span_equal_nocase(name, span_str(fields[i])))
            return true;
    return false;
}

/* ---- names ---- */

bool leaks_by_name(const char *name, size_t len)
{
    static const char *const words[] = {"token", "key", "secret", "pass",
                                        "pin",   "otp", "code",   "credential"};
    static const char *const ends[] = {"file", "fd", "path", "dir"}; /* where it is */

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const size_t n = strlen(ends[i]);

        if (len > n && strncasecmp(name + len - n, ends[i], n) == 0)
            return false;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        const size_t n = strlen(words[i]);

        for (size_t at = 0; at + n <= len; at++)
            if (strncasecmp(name + at, words[i], n) == 0)
                return true;
    }
    return false;
}

enum err leaks_in_environment(char *const variables[], struct errmsg *msg)
{
    static const char prefix[] = "LETHE_";

    for (; *variables != NULL; variables++) {
        const char *equals = strchr(*variables, '=');
        const size_t len = equals == NULL ? 0 : (size_t)(equals - *variables);
        bool leaks;

        if (equals == NULL || equals[1] == '\0')
            continue;
        leaks = strncasecmp(*variables, prefix, strlen(prefix)) == 0 &&
                leaks_by_name(*variables + strlen(prefix), len - strlen(prefix));
        for (size_t i = 0; !leaks && i < 2; i++) /* an access token, a root key */
            leaks = has_mark(equals + 1, i);
        if (leaks)
            return errmsg_set(msg, ERR_CONFIG,
                              "the environment variable %.*s holds a secret: lethe takes none from "
                              "there (it shows in /proc and goes to every child); unset it, and "
                              "use a file (--token-file, --otp-file) or a descriptor "
                              "(--passphrase-fd)",
                              (int)(len < 64 ? len : 64), *variables);
    }
    return ERR_OK;
}
