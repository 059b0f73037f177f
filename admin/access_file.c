/* SPDX-License-Identifier: Apache-2.0 */
/* The file of access tokens: one line of JSON, and the store's signature over it in another.
 * Runs on: any thread, with the lock held or before anybody else knows of it; blocks. Holds: nothing.
 * Invariant: there is a whole file at every moment; what did not come from here is not believed. Not
 * here: what tokens mean (admin/access.c).
 *
 *   {"format":"lethe-access-1","next":4,"tokens":[{...}]}
 *   SIGNATURE   Ed25519 over "lethe-v1 access", a zero byte and the first line; 128 hexadecimal digits */
#include "admin/access_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "retention/proof.h"
#include "retention/receipt.h"

#define FORMAT      "lethe-access-1"
#define SIGNED_HEAD "lethe-v1 access"

/* ---- one token ---- */

static void set_hex(struct json *map, const char *name, const uint8_t *bytes, size_t len)
{
    char text[2 * SECRET_HASH_BYTES + 1];

    REQUIRE(len <= SECRET_HASH_BYTES);
    proof_hex(bytes, len, text);
    json_set_str(map, name, text);
}

static void set_names(struct json *map, const char *name, const struct access_names *names)
{
    struct json *list = json_new_list();

    for (size_t i = 0; i < names->count; i++)
        json_add(list, json_new_text(span_str(names->at[i])));
    json_set(map, name, list);
}

static void set_place(struct json *map, const struct access_place *place)
{
    struct json *list = json_new_list();
    char text[NETWORK_TEXT_MAX];

    for (size_t i = 0; i < place->network_count; i++) {
        const size_t len = network_write(&place->networks[i], text);

        json_add(list, json_new_text(span_of(text, len)));
    }
    json_set(map, "networks", list);
    if (place->has_certificate)
        set_hex(map, "certificate", place->certificate, sizeof(place->certificate));
}

struct json *access__map(const struct access_entry *entry)
{
    struct json *map = json_new_map();

    json_set_int(map, "number", (int64_t)entry->who.number);
    json_set_str(map, "name", entry->who.name);
    json_set_str(map, "role", access_role_name(entry->who.role));
    set_names(map, "domains", &entry->who.domains);
    set_names(map, "classes", &entry->who.classes);
    set_names(map, "purposes", &entry->who.purposes);
    set_place(map, &entry->who.place);
    json_set_int(map, "created", entry->created_s);
    json_set_int(map, "expires", entry->expires_s);
    json_set_int(map, "used", entry->used_s);
    json_set_int(map, "revoked", entry->revoked_s);
    return map;
}

static struct json *map_of(const struct access_entry *entry)
{
    struct json *map = access__map(entry);

    set_hex(map, "hash", entry->hash, sizeof(entry->hash));
    if (entry->is_waiting)
        json_set_bool(map, "waiting", true);
    if (entry->who.has_code) {
        set_hex(map, "nonce", entry->nonce, sizeof(entry->nonce));
        json_set_int(map, "step", entry->code_step);
    }
    return map;
}

static bool read_names(const struct json *list, struct access_names *ret)
{
    ret->count = json_count(list);
    if (json_kind(list) != JSON_LIST || ret->count > ACCESS_LIST_MAX)
        return false;
    for (size_t i = 0; i < ret->count; i++) {
        const struct span text = json_text_of(json_at(list, i));

        if (text.at == NULL || text.len > ACCESS_NAME_MAX)
            return false;
        memcpy(ret->at[i], text.at, text.len);
    }
    return true;
}

/* Tokens that were made before there were places may be used anywhere. */
static bool read_place(const struct json *map, struct access_place *ret)
{
    const struct json *list = json_get(map, "networks"),
                      *certificate = json_get(map, "certificate");

    ret->network_count = json_count(list);
    if (ret->network_count > ACCESS_LIST_MAX)
        return false;
    for (size_t i = 0; i < ret->network_count; i++)
        if (network_parse(json_text_of(json_at(list, i)), &ret->networks[i]) != ERR_OK)
            return false;
    ret->has_certificate = certificate != NULL;
    return certificate == NULL ||
           proof_unhex(json_text_of(certificate), ret->certificate, sizeof(ret->certificate));
}

static bool read_nonce(const struct json *nonce, struct access_entry *ret)
{
    const bool ok = proof_unhex(json_text_of(nonce), ret->nonce, sizeof(ret->nonce));

    ret->who.factor = ok ? access__factor(ret->nonce) : 0;
    return ok;
}

static bool read_entry(const struct json *map, struct access_entry *ret)
{
    const struct span name = json_text_of(json_get(map, "name"));
    const struct json *nonce = json_get(map, "nonce");

    ret->who.number = (uint64_t)json_int_of(json_get(map, "number"), 0);
    ret->who.role = access_role_of(json_text_of(json_get(map, "role")));
    ret->who.has_code = nonce != NULL;
    ret->is_waiting = json_bool_of(json_get(map, "waiting"), false);
    ret->created_s = json_int_of(json_get(map, "created"), 0);
    ret->expires_s = json_int_of(json_get(map, "expires"), 0);
    ret->used_s = json_int_of(json_get(map, "used"), 0);
    ret->revoked_s = json_int_of(json_get(map, "revoked"), 0);
    ret->code_step = json_int_of(json_get(map, "step"), 0);
    if (ret->who.number == 0 || ret->who.role == 0 || name.at == NULL || name.len > ACCESS_NAME_MAX)
        return false;
    memcpy(ret->who.name, name.at, name.len);
    return read_names(json_get(map, "domains"), &ret->who.domains) &&
           read_names(json_get(map, "classes"), &ret->who.classes) &&
           read_names(json_get(map, "purposes"), &ret->who.purposes) &&
           read_place(map, &ret->who.place) &&
           proof_unhex(json_text_of(json_get(map, "hash")), ret->hash, sizeof(ret->hash)) &&
           (nonce == NULL || read_nonce(nonce, ret));
}

/* ---- all of them ---- */

static enum err signed_text(struct span line, struct buf *out)
{
    enum err e = buf_append(out, SIGNED_HEAD, sizeof(SIGNED_HEAD));

    return e == ERR_OK ? buf_append_span(out, line) : e;
}

static bool is_ours(const struct access *access, struct span line, struct span signature)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t public_key[VAULT_PUBLIC_BYTES], bytes[VAULT_SIGNATURE_BYTES];

    buf_init(&text, ACCESS_FILE_MAX + sizeof(SIGNED_HEAD));
    vault_sign_public(access->vault, public_key);
    return proof_unhex(signature, bytes, sizeof(bytes)) && signed_text(line, &text) == ERR_OK &&
           vault_signature_is_valid(public_key, buf_span(&text), bytes);
}

static enum err take_in(struct access *access, struct span line)
{
    AUTO(json_free) struct json *tree = NULL;
    const struct json *list;
    const char *format;

    if (json_parse(line, &tree) != ERR_OK)
        return ERR_CORRUPT;
    format = json_str_of(json_get(tree, "format"));
    list = json_get(tree, "tokens");
    if (format == NULL || strcmp(format, FORMAT) != 0 || json_count(list) > ACCESS_ENTRIES_MAX)
        return ERR_CORRUPT;
    access->next_number = (uint64_t)json_int_of(json_get(tree, "next"), 0);
    for (size_t i = 0; i < json_count(list); i++) {
        access->entries[i] = mem_alloc(sizeof(*access->entries[i]));
        access->count = i + 1;
        if (!read_entry(json_at(list, i), access->entries[i]))
            return ERR_CORRUPT;
    }
    return ERR_OK;
}

static enum err read_all(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "re");
    uint8_t bytes[16384];
    enum err e = ERR_OK;
    size_t got;

    if (file == NULL)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    while (e == ERR_OK && (got = fread(bytes, 1, sizeof(bytes), file)) > 0)
        e = buf_append(out, bytes, got);
    if (ferror(file) != 0)
        e = ERR_IO;
    (void)fclose(file);
    return e;
}

enum err access__read(struct access *access, struct errmsg *msg)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    struct span line, signature;
    const char *end;
    enum err e;

    buf_init(&text, ACCESS_FILE_MAX);
    e = read_all(access->path, &text);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e != ERR_OK)
        return errmsg_set(msg, e, "%s cannot be read", access->path);
    end = memchr(text.bytes, '\n', text.len);
    if (end == NULL)
        return errmsg_set(msg, ERR_CORRUPT, "%s is damaged", access->path);
    line = span_of((const char *)text.bytes, (size_t)(end - (const char *)text.bytes));
    signature = span_of(end + 1, text.len - line.len - 1);
    if (signature.len > 0 && signature.at[signature.len - 1] == '\n')
        signature.len--;
    if (!is_ours(access, line, signature) || take_in(access, line) != ERR_OK)
        return errmsg_set(msg, ERR_CORRUPT,
                          "%s was changed, or is another store's: nobody's token can be believed. "
                          "Remove the file and make new tokens",
                          access->path);
    return ERR_OK;
}

static enum err compose(const struct access *access, struct buf *out)
{
    AUTO(json_free) struct json *tree = json_new_map();
    AUTO(buf_done) struct buf text = {.max = 0};
    uint8_t signature[VAULT_SIGNATURE_BYTES];
    char hex[2 * VAULT_SIGNATURE_BYTES + 2];
    struct json *list = json_new_list();
    enum err e;

    json_set_str(tree, "format", FORMAT);
    json_set_int(tree, "next", (int64_t)access->next_number);
    for (size_t i = 0; i < access->count; i++)
        json_add(list, map_of(access->entries[i]));
    json_set(tree, "tokens", list);
    buf_init(&text, ACCESS_FILE_MAX + sizeof(SIGNED_HEAD));
    e = json_write(tree, out);
    if (e == ERR_OK)
        e = signed_text(buf_span(out), &text);
    if (e == ERR_OK)
        e = vault_sign(access->vault, buf_span(&text), signature);
    if (e != ERR_OK)
        return e;
    proof_hex(signature, sizeof(signature), hex);
    e = buf_append_byte(out, '\n');
    if (e == ERR_OK)
        e = buf_append_str(out, hex);
    return e == ERR_OK ? buf_append_byte(out, '\n') : e;
}

static enum err write_new(const char *path, struct span text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = ERR_OK;

    if (fd < 0)
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    while (text.len > 0 && e == ERR_OK) {
        const ssize_t n = write(fd, text.at, text.len);

        if (n > 0)
            text = span_of(text.at + n, text.len - (size_t)n);
        else if (errno != EINTR)
            e = errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO;
    }
    if (e == ERR_OK && fsync(fd) != 0)
        e = ERR_IO;
    return close(fd) != 0 && e == ERR_OK ? ERR_IO : e;
}

/* The name is durable only when its folder is. */
static enum err put_in_place(const char *from, const char *to)
{
    AUTO(mem_free) char *folder = mem_strdup(to);
    int fd;
    bool ok;

    if (rename(from, to) != 0)
        return ERR_IO;
    *strrchr(folder, '/') = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return ok ? ERR_OK : ERR_IO;
}

enum err access__write(const struct access *access)
{
    AUTO(buf_done) struct buf text = {.max = 0};
    AUTO(mem_free) char *path = NULL;
    enum err e;

    buf_init(&text, ACCESS_FILE_MAX);
    if (asprintf(&path, "%s.new", access->path) < 0)
        return ERR_NO_SPACE;
    e = compose(access, &text);
    if (e == ERR_OK)
        e = write_new(path, buf_span(&text));
    return e == ERR_OK ? put_in_place(path, access->path) : e;
}
