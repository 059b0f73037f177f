/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, sessions and AES keys through p11-kit.
 * Runs on: one thread at a time; the module may have threads of its own. Blocks. Holds: the loaded
 * module until pkcs11__token_free(), a session between open and close. Invariant: a PIN that was
 * refused is not sent again. Not here: what is sealed (keys/pkcs11.c). */
#include "keys/pkcs11_token_priv.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/secret.h"
#include "keys/keyfile_priv.h"

enum { SLOTS_MAX = 64, PIN_MAX = 256, AES_KEY_BYTES = 32 };

struct pkcs11_token {
    P11KitUri *uri;
    char *module;
    char *object;
    char *pin_file;
    CK_FUNCTION_LIST *api; /* NULL: not loaded */
    CK_SESSION_HANDLE session;
    bool is_open;
    bool pin_refused;
};

/* ---- errors ---- */

/* A return value, translated once. */
static enum err fail(const struct pkcs11_token *t, const char *what, CK_RV rv, struct errmsg *msg)
{
    enum err e;

    switch (rv) {
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
        e = ERR_INVALID;
        break;
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_ATTRIBUTE_TYPE_INVALID:
    case CKR_ATTRIBUTE_VALUE_INVALID:
    case CKR_TEMPLATE_INCONSISTENT:
    case CKR_TOKEN_WRITE_PROTECTED:
    case CKR_SESSION_READ_ONLY:
    case CKR_ACTION_PROHIBITED:
    case CKR_FUNCTION_NOT_SUPPORTED:
        e = ERR_UNSUPPORTED;
        break;
    case CKR_USER_NOT_LOGGED_IN:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
        e = ERR_DENIED;
        break;
    case CKR_HOST_MEMORY:
    case CKR_DEVICE_MEMORY:
        e = ERR_NO_SPACE;
        break;
    default: /* gone, removed, broken: CKR_DEVICE_*, CKR_TOKEN_NOT_*, CKR_GENERAL_ERROR, ... */
        e = ERR_UPSTREAM;
    }
    return errmsg_set(msg, e, "%s: cannot %s: %s (0x%lx)", t->module, what, p11_kit_strerror(rv),
                      (unsigned long)rv);
}

static enum err fail_login(struct pkcs11_token *t, CK_RV rv, struct errmsg *msg)
{
    switch (rv) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
        t->pin_refused = true;
        return errmsg_set(msg, ERR_DENIED,
                          "%s: the token refuses this PIN; it is not tried again before the next "
                          "start, since the token locks itself after a few",
                          t->pin_file);
    case CKR_PIN_LOCKED:
        t->pin_refused = true;
        return errmsg_set(
            msg, ERR_DENIED,
            "%s: the token has locked its PIN; its security officer can set a new one", t->module);
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
        return errmsg_set(msg, ERR_DENIED, "%s: the token wants a (new) PIN to be set first",
                          t->module);
    default:
        return fail(t, "log in", rv, msg);
    }
}

/* ---- the URI ---- */

static const char *uri_fault(P11KitUri *uri)
{
    const CK_TOKEN_INFO *token = p11_kit_uri_get_token_info(uri);
    const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
    const CK_ATTRIBUTE *class = p11_kit_uri_get_attribute(uri, CKA_CLASS);
    const char *module = p11_kit_uri_get_module_path(uri);
    const char *source = p11_kit_uri_get_pin_source(uri);

    if (p11_kit_uri_any_unrecognized(uri))
        return "has attributes that mean nothing here";
    if (p11_kit_uri_get_pin_value(uri) != NULL)
        return "holds a PIN; put it into a file and name that with pin-source=file:PATH";
    if (token->label[0] == '\0' && token->serialNumber[0] == '\0')
        return "names no token (token=LABEL or serial=NUMBER)";
    if (label == NULL || label->ulValueLen == 0 || label->ulValueLen > PKCS11_LABEL_MAX - 11)
        return "names no object (object=LABEL), or one with too long a name";
    if (p11_kit_uri_get_attribute(uri, CKA_ID) != NULL)
        return "has an id; objects are found by their label";
    if (class != NULL &&
        (class->ulValueLen != sizeof(CK_OBJECT_CLASS) ||
         memcmp(class->pValue, &(CK_OBJECT_CLASS){CKO_SECRET_KEY}, sizeof(CK_OBJECT_CLASS)) != 0))
        return "names an object of another type than secret-key";
    if (module == NULL || module[0] != '/')
        return "names no module (module-path=/PATH)";
    if (source == NULL || strncmp(source, "file:", 5) != 0 || source[5] == '\0')
        return "names no PIN file (pin-source=file:PATH)";
    return NULL;
}

/* "file:///P" and "file:P" (RFC 8089): the path. */
static const char *source_path(const char *source)
{
    const char *path = source + strlen("file:");

    return strncmp(path, "//", 2) == 0 ? path + 2 : path;
}

struct pkcs11_token *pkcs11__token_new(const char *text, char **ret_pin_source, struct errmsg *msg)
{
    AUTO(pkcs11__token_free) struct pkcs11_token *t = mem_alloc(sizeof(*t));
    const CK_ATTRIBUTE *label;
    const char *fault;
    int e;

    t->uri = p11_kit_uri_new();
    REQUIRE(t->uri != NULL);
    e = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, t->uri);
    fault = e == P11_KIT_URI_OK ? uri_fault(t->uri) : "is no PKCS#11 URI (RFC 7512)";
    if (fault != NULL) {
        (void)errmsg_set(msg, ERR_CONFIG, "%s", fault);
        return NULL;
    }
    label = p11_kit_uri_get_attribute(t->uri, CKA_LABEL);
    t->object = mem_alloc(label->ulValueLen + 1);
    memcpy(t->object, label->pValue, label->ulValueLen);
    t->module = mem_strdup(p11_kit_uri_get_module_path(t->uri));
    *ret_pin_source = mem_strdup(source_path(p11_kit_uri_get_pin_source(t->uri)));
    return TAKE(t);
}

void pkcs11__token_set_pin(struct pkcs11_token *t, const char *path)
{
    free(t->pin_file);
    t->pin_file = mem_strdup(path);
}

const char *pkcs11__token_object(const struct pkcs11_token *t)
{
    return t->object;
}

/* ---- module, slot, session ---- */

static enum err load_module(struct pkcs11_token *t, struct errmsg *msg)
{
    CK_FUNCTION_LIST *api;
    CK_RV rv;

    if (t->api != NULL)
        return ERR_OK;
    p11_kit_be_quiet();
    api = p11_kit_module_load(t->module, P11_KIT_MODULE_CRITICAL);
    if (api == NULL)
        return errmsg_set(msg, ERR_CONFIG, "%s: cannot be loaded as a PKCS#11 module", t->module);
    rv = p11_kit_module_initialize(api);
    if (rv != CKR_OK) {
        p11_kit_module_release(api);
        return fail(t, "start the module", rv, msg);
    }
    t->api = api;
    return ERR_OK;
}

static void unload_module(struct pkcs11_token *t)
{
    if (t->api == NULL)
        return;
    (void)p11_kit_module_finalize(t->api);
    p11_kit_module_release(t->api);
    t->api = NULL;
}

static enum err find_slot(const struct pkcs11_token *t, CK_SLOT_ID *ret_slot, CK_TOKEN_INFO *ret,
                          struct errmsg *msg)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG count = SLOTS_MAX;
    size_t found = 0;
    CK_RV rv = t->api->C_GetSlotList(CK_TRUE, slots, &count);

    if (rv != CKR_OK)
        return fail(t, "list its tokens", rv, msg);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_TOKEN_INFO info = {.flags = 0};

        /* one that was pulled since, or not set up: another one may be meant */
        if (t->api->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
            (info.flags & CKF_TOKEN_INITIALIZED) == 0 ||
            !p11_kit_uri_match_token_info(t->uri, &info))
            continue;
        found++;
        *ret_slot = slots[i];
        *ret = info;
    }
    if (found == 1)
        return ERR_OK;
    return errmsg_set(msg, ERR_NOT_FOUND,
                      found == 0 ? "%s: shows no token that the URI names"
                                 : "%s: shows more than one token that the URI names; add serial=",
                      t->module);
}

static enum err check_flags(struct pkcs11_token *t, const CK_TOKEN_INFO *info, struct errmsg *msg)
{
    if ((info->flags & CKF_USER_PIN_LOCKED) != 0)
        return fail_login(t, CKR_PIN_LOCKED, msg);
    if ((info->flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return errmsg_set(msg, ERR_DENIED,
                          "%s: the token has one try left before it locks its PIN, and Lethe does "
                          "not use it; log in by hand once (pkcs11-tool --login --test-hotplug)",
                          t->module);
    return ERR_OK;
}

static enum err login(struct pkcs11_token *t, struct errmsg *msg)
{
    AUTO(secret_free) uint8_t *pin = NULL;
    size_t len = 0;
    CK_RV rv;
    enum err e = keys_keyfile_read(t->pin_file, "the PIN", PIN_MAX, &pin, &len, msg);

    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_SEALED : e;
    if (len > 0 && pin[len - 1] == '\n')
        len--;
    if (len == 0) /* which to some tokens would mean: ask on a keypad */
        return errmsg_set(msg, ERR_SEALED, "%s: is empty; the token's PIN is expected",
                          t->pin_file);
    rv = t->api->C_Login(t->session, CKU_USER, pin, len);
    return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? ERR_OK : fail_login(t, rv, msg);
}

enum err pkcs11__open(struct pkcs11_token *t, struct errmsg *msg)
{
    CK_SLOT_ID slot = 0;
    CK_TOKEN_INFO info = {.flags = 0};
    CK_RV rv;
    enum err e = load_module(t, msg);

    REQUIRE(!t->is_open);
    if (e == ERR_OK && t->pin_refused)
        return errmsg_set(msg, ERR_DENIED,
                          "%s: the token refused this PIN, and it is not tried again; correct it "
                          "and start Lethe anew",
                          t->pin_file);
    if (e == ERR_OK)
        e = find_slot(t, &slot, &info, msg);
    if (e == ERR_OK)
        e = check_flags(t, &info, msg);
    if (e != ERR_OK)
        return e;
    rv = t->api->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session);
    if (rv != CKR_OK)
        return fail(t, "open a session", rv, msg);
    t->is_open = true;
    e = login(t, msg);
    if (e != ERR_OK)
        pkcs11__close(t);
    return e;
}

void pkcs11__close(struct pkcs11_token *t)
{
    if (!t->is_open)
        return;
    t->is_open = false;
    (void)t->api->C_Logout(t->session); /* the token logs out with its last session at the latest */
    (void)t->api->C_CloseSession(t->session);
}

void pkcs11__token_free(struct pkcs11_token **token)
{
    struct pkcs11_token *t = TAKE(*token);

    if (t == NULL)
        return;
    pkcs11__close(t);
    unload_module(t);
    p11_kit_uri_free(t->uri);
    free(t->module);
    free(t->object);
    free(t->pin_file);
    free(t);
}

/* ---- keys ---- */

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;

/* How many keys there are of that name; two are asked for, since one must be alone. */
static enum err find_keys(const struct pkcs11_token *t, const struct pkcs11_name *name,
                          CK_OBJECT_HANDLE *ret_key, CK_ULONG *ret_count, struct errmsg *msg)
{
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &secret_key, sizeof(secret_key)},
        {CKA_KEY_TYPE, &aes, sizeof(aes)},
        {CKA_LABEL, (void *)(uintptr_t)name->label, strlen(name->label)},
        {CKA_ID, (void *)(uintptr_t)name->id, sizeof(name->id)},
    };
    CK_OBJECT_HANDLE found[2];
    CK_RV rv = t->api->C_FindObjectsInit(t->session, template, COUNT_OF(template));

    if (rv == CKR_OK) {
        rv = t->api->C_FindObjects(t->session, found, COUNT_OF(found), ret_count);
        (void)t->api->C_FindObjectsFinal(t->session);
    }
    if (rv != CKR_OK)
        return fail(t, "look for the key", rv, msg);
    if (*ret_count > 0)
        *ret_key = found[0];
    return ERR_OK;
}

static bool has_bool(const struct pkcs11_token *t, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
                     CK_BBOOL wanted)
{
    CK_BBOOL value = !wanted;
    CK_ATTRIBUTE attribute = {type, &value, sizeof(value)};

    return t->api->C_GetAttributeValue(t->session, key, &attribute, 1) == CKR_OK &&
           attribute.ulValueLen == sizeof(value) && value == wanted;
}

static bool stays_in_token(const struct pkcs11_token *t, CK_OBJECT_HANDLE key)
{
    return has_bool(t, key, CKA_SENSITIVE, CK_TRUE) && has_bool(t, key, CKA_EXTRACTABLE, CK_FALSE);
}

static enum err find_key(const struct pkcs11_token *t, const struct pkcs11_name *name,
                         CK_OBJECT_HANDLE *ret_key, struct errmsg *msg)
{
    CK_ULONG count = 0;
    enum err e = find_keys(t, name, ret_key, &count, msg);

    if (e != ERR_OK)
        return e;
    if (count == 0)
        return errmsg_set(msg, ERR_DENIED,
                          "%s: the token does not have the key %s of this envelope (any more)",
                          t->module, name->label);
    if (count > 1)
        return errmsg_set(msg, ERR_UNSUPPORTED, "%s: the token has the key %s more than once",
                          t->module, name->label);
    if (!stays_in_token(t, *ret_key))
        return errmsg_set(
            msg, ERR_UNSUPPORTED,
            "%s: the key %s can be taken out of the token, so nobody can tell whether "
            "it was destroyed",
            t->module, name->label);
    return ERR_OK;
}

enum err pkcs11__key_make(struct pkcs11_token *t, const struct pkcs11_name *name,
                          struct errmsg *msg)
{
    CK_ULONG len = AES_KEY_BYTES;
    CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
    CK_ATTRIBUTE template[] = {
        {CKA_CLASS, &secret_key, sizeof(secret_key)},
        {CKA_KEY_TYPE, &aes, sizeof(aes)},
        {CKA_VALUE_LEN, &len, sizeof(len)},
        {CKA_LABEL, (void *)(uintptr_t)name->label, strlen(name->label)},
        {CKA_ID, (void *)(uintptr_t)name->id, sizeof(name->id)},
        {CKA_TOKEN, &yes, sizeof(yes)},
        {CKA_PRIVATE, &yes, sizeof(yes)},
        {CKA_SENSITIVE, &yes, sizeof(yes)},
        {CKA_EXTRACTABLE, &no, sizeof(no)},
        {CKA_MODIFIABLE, &no, sizeof(no)},
        {CKA_ENCRYPT, &yes, sizeof(yes)},
        {CKA_DECRYPT, &yes, sizeof(yes)},
        {CKA_WRAP, &no, sizeof(no)},
        {CKA_UNWRAP, &no, sizeof(no)},
        {CKA_SIGN, &no, sizeof(no)},
        {CKA_VERIFY, &no, sizeof(no)},
    };
    CK_OBJECT_HANDLE key;
    CK_RV rv = t->api->C_GenerateKey(t->session, &mechanism, template, COUNT_OF(template), &key);

    if (rv != CKR_OK)
        return fail(t, "make an AES key that stays in the token", rv, msg);
    if (stays_in_token(t, key))
        return ERR_OK;
    (void)t->api->C_DestroyObject(t->session, key);
    return errmsg_set(msg, ERR_UNSUPPORTED, "%s: the token makes no keys that stay in it",
                      t->module);
}

enum err pkcs11__key_destroy(struct pkcs11_token *t, const struct pkcs11_name *name,
                             struct errmsg *msg)
{
    CK_OBJECT_HANDLE key = 0;
    CK_ULONG count = 0;
    enum err e = find_keys(t, name, &key, &count, msg);

    while (e == ERR_OK && count > 0) {
        CK_ULONG before = count;
        CK_RV rv = t->api->C_DestroyObject(t->session, key);

        if (rv != CKR_OK)
            return fail(t, "destroy the key", rv, msg);
        e = find_keys(t, name, &key, &count, msg);
        if (e == ERR_OK && count >= before)
            return errmsg_set(msg, ERR_UNSUPPORTED,
                              "%s: the token says that it destroyed the key %s, but still has it",
                              t->module, name->label);
    }
    return e;
}

/* ---- AES-GCM ---- */

static CK_GCM_PARAMS gcm_params(struct pkcs11_sealing *how)
{
    return (CK_GCM_PARAMS){
        .iv_ptr = how->iv,
        .iv_len = PKCS11_IV_BYTES,
        .iv_bits = PKCS11_IV_BYTES * 8,
        .aad_ptr = (unsigned char *)(uintptr_t)how->associated.at,
        .aad_len = how->associated.len,
        .tag_bits = PKCS11_TAG_BYTES * 8,
    };
}

enum err pkcs11__seal(struct pkcs11_token *t, struct pkcs11_sealing *how, const uint8_t *clear,
                      size_t len, uint8_t *sealed, struct errmsg *msg)
{
    CK_GCM_PARAMS params = gcm_params(how);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
    CK_ULONG out = len + PKCS11_TAG_BYTES;
    CK_OBJECT_HANDLE key = 0;
    enum err e = find_key(t, how->name, &key, msg);
    CK_RV rv;

    if (e != ERR_OK)
        return e;
    secret_random(how->iv, PKCS11_IV_BYTES);
    rv = t->api->C_EncryptInit(t->session, &mechanism, key);
    if (rv == CKR_OK)
        rv = t->api->C_Encrypt(t->session, (unsigned char *)(uintptr_t)clear, len, sealed, &out);
    if (rv != CKR_OK)
        return fail(t, "seal with AES-GCM", rv, msg);
    if (out != len + PKCS11_TAG_BYTES || params.iv_ptr != how->iv ||
        params.iv_len != PKCS11_IV_BYTES)
        return errmsg_set(msg, ERR_UNSUPPORTED, "%s: the token's AES-GCM has another form",
                          t->module);
    return ERR_OK;
}

enum err pkcs11__unseal(struct pkcs11_token *t, const struct pkcs11_sealing *how,
                        const uint8_t *sealed, size_t len, uint8_t *clear, struct errmsg *msg)
{
    struct pkcs11_sealing copy = *how;
    CK_GCM_PARAMS params = gcm_params(&copy);
    CK_MECHANISM mechanism = {CKM_AES_GCM, &params, sizeof(params)};
    CK_ULONG out = len;
    CK_OBJECT_HANDLE key = 0;
    enum err e = find_key(t, how->name, &key, msg);
    CK_RV rv;

    REQUIRE(len > PKCS11_TAG_BYTES);
    if (e != ERR_OK)
        return e;
    rv = t->api->C_DecryptInit(t->session, &mechanism, key);
    if (rv == CKR_OK)
        rv = t->api->C_Decrypt(t->session, (unsigned char *)(uintptr_t)sealed, len, clear, &out);
    if (rv != CKR_OK)
        return fail(t, "open the wrapped root key", rv, msg);
    if (out != len - PKCS11_TAG_BYTES)
        return errmsg_set(msg, ERR_INVALID, "%s: the token opens the wrapped root key to %lu bytes",
                          t->module, (unsigned long)out);
    return ERR_OK;
}
