/* SPDX-License-Identifier: Apache-2.0 */
/* Root keys wrapped and unwrapped by the Transit engine of a Vault or OpenBao server.
 * Runs on: one thread at a time; blocks. Holds: nothing beyond a call. Invariant: a root key is in
 * guarded memory, or in memory that is wiped when it is freed (JSON trees, secret buffers).
 * Not here: tokens (keys/transit_session.c), the envelope (keys/transit_provider.c). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "keys/crypto_priv.h"
#include "keys/transit_session_priv.h"

static const char PREFIX[] = "vault:v";

enum { VERSION_DIGITS_MAX = 9, PLAINTEXT_LEN = KEYS_BASE64_LEN(ROOT_KEY_BYTES), AD_MAX = 48 };

/* ---- names and texts ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

bool transit__name_is_valid(const char *name, bool one_segment)
{
    size_t len = strlen(name), segment = 0, dots = 0;

    if (len == 0 || len > TRANSIT_NAME_MAX)
        return false;
    for (size_t i = 0; i <= len; i++) {
        if (name[i] == '/' || name[i] == '\0') {
            if (segment == 0 || (segment == dots && dots <= 2) || (name[i] == '/' && one_segment))
                return false;
            segment = dots = 0;
        } else if (is_name_char(name[i])) {
            segment++;
            dots += name[i] == '.';
        } else {
            return false;
        }
    }
    return true;
}

int64_t transit__text_version(const char *text)
{
    const char *at = text + sizeof(PREFIX) - 1;
    int64_t version = 0;
    size_t digits = 0;

    if (strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0 || at[0] == '0')
        return 0;
    for (; at[digits] >= '0' && at[digits] <= '9'; digits++) {
        if (digits == VERSION_DIGITS_MAX)
            return 0;
        version = version * 10 + (at[digits] - '0');
    }
    if (at[digits] != ':' || at[digits + 1] == '\0')
        return 0;
    for (at += digits + 1; *at != '\0'; at++) {
        if ((!is_name_char(*at) && *at != '+' && *at != '/' && *at != '=') || *at == '.')
            return 0;
    }
    return version;
}

/* ---- requests ---- */

/* MOUNT/verb/KEY, and /rest behind it where there is one. */
static struct transit_request request_for(const struct transit *t, const char *verb,
                                          const char *rest, const char *what, const char *why_400)
{
    struct transit_request r = {.what = what, .why_400 = why_400};
    const struct transit_options *o = transit__options(t);

    (void)snprintf(r.path, sizeof(r.path), "/v1/%s/%s/%s%s", o->mount, verb, o->key, rest);
    return r;
}

/* What the server binds to the wrapped key, so that it opens as that epoch of a root key only. */
static void add_associated(struct json *body, uint32_t epoch)
{
    char clear[AD_MAX], text[KEYS_BASE64_LEN(AD_MAX) + 1];
    int len = snprintf(clear, sizeof(clear), "lethe root key, epoch %" PRIu32, epoch);

    keys__base64_write((const uint8_t *)clear, (size_t)len, text);
    text[KEYS_BASE64_LEN(len)] = '\0';
    json_set_str(body, "associated_data", text);
}

enum err transit__wrap(struct transit *t, uint32_t epoch, const uint8_t key[ROOT_KEY_BYTES],
                       char ret_text[TRANSIT_CIPHERTEXT_MAX + 1], struct errmsg *msg)
{
    struct transit_request r = request_for(t, "encrypt", "", "wrap the root key",
                                           "there is no such key, or it is of another type than "
                                           "aes256-gcm96");
    AUTO(secret_free) uint8_t *plaintext = secret_alloc(PLAINTEXT_LEN + 1);
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    const char *text;
    enum err e;

    keys__base64_write(key, ROOT_KEY_BYTES, (char *)plaintext);
    json_set(body, "plaintext", json_new_text(span_of(plaintext, PLAINTEXT_LEN)));
    add_associated(body, epoch);
    r.body = body;
    e = transit__ask(t, &r, &answer, msg);
    if (e != ERR_OK)
        return e;
    text = json_str_of(json_get(json_get(answer, "data"), "ciphertext"));
    if (text == NULL || strlen(text) > TRANSIT_CIPHERTEXT_MAX || transit__text_version(text) == 0)
        return transit__fail_answer(t, r.what, msg);
    memcpy(ret_text, text, strlen(text) + 1);
    return ERR_OK;
}

enum err transit__unwrap(struct transit *t, uint32_t epoch, const char *text,
                         uint8_t key[ROOT_KEY_BYTES], struct errmsg *msg)
{
    struct transit_request r = request_for(
        t, "decrypt", "", "unwrap the root key",
        "it was wrapped by another key or for another epoch, or that version is destroyed");
    AUTO(secret_free) uint8_t *bytes = secret_alloc(ROOT_KEY_BYTES);
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;
    size_t len = 0;
    enum err e;

    json_set_str(body, "ciphertext", text);
    add_associated(body, epoch);
    r.body = body;
    e = transit__ask(t, &r, &answer, msg);
    if (e != ERR_OK)
        return e;
    if (!keys__base64_read(json_text_of(json_get(json_get(answer, "data"), "plaintext")), bytes,
                           ROOT_KEY_BYTES, &len) ||
        len != ROOT_KEY_BYTES)
        return transit__fail_answer(t, r.what, msg);
    memcpy(key, bytes, ROOT_KEY_BYTES);
    return ERR_OK;
}

/* ---- the named key ---- */

static bool is_one_of(const char *text, const char *const words[])
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

enum err transit__key_read(struct transit *t, struct transit_key *ret, struct errmsg *msg)
{
    /* Those that take associated data and have 256 bits. */
    static const char *const types[] = {"aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305",
                                        NULL};
    struct transit_request r =
        request_for(t, "keys", "", "read what the key is", "it says nothing about why");
    AUTO(json_free) struct json *answer = NULL;
    const struct json *data;
    const char *type;
    enum err e = transit__ask(t, &r, &answer, msg);

    if (e != ERR_OK)
        return e;
    data = json_get(answer, "data");
    type = json_str_of(json_get(data, "type"));
    if (type == NULL || json_int_of(json_get(data, "latest_version"), 0) <= 0)
        return transit__fail_answer(t, r.what, msg);
    *ret = (struct transit_key){
        .fits = is_one_of(type, types) && !json_bool_of(json_get(data, "derived"), false),
        .can_leave = json_bool_of(json_get(data, "exportable"), false) ||
                     json_bool_of(json_get(data, "allow_plaintext_backup"), false),
        .latest = json_int_of(json_get(data, "latest_version"), 0),
        .min_decryption = json_int_of(json_get(data, "min_decryption_version"), 0),
        .min_available = json_int_of(json_get(data, "min_available_version"), 0),
    };
    return ERR_OK;
}

enum err transit__key_rotate(struct transit *t, struct errmsg *msg)
{
    struct transit_request r =
        request_for(t, "keys", "/rotate", "rotate the key", "there is no such key");
    AUTO(json_free) struct json *body = json_new_map();
    AUTO(json_free) struct json *answer = NULL;

    r.body = body;
    return transit__ask(t, &r, &answer, msg);
}

enum err transit__key_retire(struct transit *t, int64_t version, struct errmsg *msg)
{
    struct transit_request config = request_for(
        t, "keys", "/config", "raise min_decryption_version", "the key has no such version");
    struct transit_request trim = request_for(t, "keys", "/trim", "trim the key's old versions",
                                              "the key has no such version");
    AUTO(json_free) struct json *config_body = json_new_map();
    AUTO(json_free) struct json *trim_body = json_new_map();
    AUTO(json_free) struct json *config_answer = NULL;
    AUTO(json_free) struct json *trim_answer = NULL;
    enum err e;

    /* min_decryption_version alone can be lowered again; what is trimmed is gone, and trimming wants
     * min_encryption_version raised as well. */
    json_set_int(config_body, "min_decryption_version", version);
    json_set_int(config_body, "min_encryption_version", version);
    config.body = config_body;
    e = transit__ask(t, &config, &config_answer, msg);
    if (e != ERR_OK)
        return e;
    json_set_int(trim_body, "min_available_version", version);
    trim.body = trim_body;
    return transit__ask(t, &trim, &trim_answer, msg);
}
