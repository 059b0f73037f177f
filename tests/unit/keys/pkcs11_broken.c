/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#11 module that is SoftHSM, until the environment (PKCS11_BROKEN, read at each call) names
 * what fails. Loaded by the program under test, so it is a library of its own. */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST broken;
static CK_FUNCTION_LIST *whole;

static bool is(const char *what)
{
    const char *order = getenv("PKCS11_BROKEN");

    return order != NULL && strcmp(order, what) == 0;
}

static CK_RV initialize(void *arguments)
{
    return is("start") ? CKR_GENERAL_ERROR : whole->C_Initialize(arguments);
}

static CK_RV slot_list(unsigned char present, CK_SLOT_ID *slots, CK_ULONG *count)
{
    return is("slots") ? CKR_DEVICE_ERROR : whole->C_GetSlotList(present, slots, count);
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV rv = whole->C_GetTokenInfo(slot, info);

    if (is("locked"))
        info->flags |= CKF_USER_PIN_LOCKED;
    if (is("final-try"))
        info->flags |= CKF_USER_PIN_FINAL_TRY;
    return rv;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session)
{
    return is("gone") ? CKR_TOKEN_NOT_PRESENT
                      : whole->C_OpenSession(slot, flags, application, notify, session);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char *pin, CK_ULONG len)
{
    if (is("locked-login"))
        return CKR_PIN_LOCKED;
    return is("expired") ? CKR_PIN_EXPIRED : whole->C_Login(session, user, pin, len);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template,
                      CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    return is("no-make") ? CKR_MECHANISM_INVALID
                         : whole->C_GenerateKey(session, mechanism, template, count, key);
}

static CK_RV attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
                       CK_ULONG count)
{
    CK_RV rv = whole->C_GetAttributeValue(session, object, template, count);

    if (is("extractable") && count == 1 && template->type == CKA_EXTRACTABLE)
        *(CK_BBOOL *)template->pValue = CK_TRUE;
    return rv;
}

static CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return is("no-gcm") ? CKR_MECHANISM_INVALID : whole->C_EncryptInit(session, mechanism, key);
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return is("no-gcm") ? CKR_MECHANISM_INVALID : whole->C_DecryptInit(session, mechanism, key);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, unsigned char *in, CK_ULONG in_len,
                     unsigned char *out, CK_ULONG *out_len)
{
    CK_RV rv;

    if (is("removed"))
        return CKR_DEVICE_REMOVED;
    rv = whole->C_Decrypt(session, in, in_len, out, out_len);
    if (rv == CKR_OK && is("short"))
        *out_len -= 16;
    if (rv == CKR_OK && is("other-key"))
        memset(out, 0x5a, *out_len);
    return rv;
}

static CK_RV destroy(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    if (is("lie-destroy"))
        return CKR_OK;
    return is("no-destroy") ? CKR_ACTION_PROHIBITED : whole->C_DestroyObject(session, object);
}

/* PKCS #11 wants this name. */
CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    void *library = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = NULL;
    void *symbol = library == NULL ? NULL : dlsym(library, "C_GetFunctionList");

    memcpy(&get, &symbol, sizeof(get));
    if (get == NULL || get(&whole) != CKR_OK)
        return CKR_GENERAL_ERROR;
    broken = *whole;
    broken.C_Initialize = initialize;
    broken.C_GetSlotList = slot_list;
    broken.C_GetTokenInfo = token_info;
    broken.C_OpenSession = open_session;
    broken.C_Login = login;
    broken.C_GenerateKey = generate;
    broken.C_GetAttributeValue = attribute;
    broken.C_EncryptInit = encrypt_init;
    broken.C_DecryptInit = decrypt_init;
    broken.C_Decrypt = decrypt;
    broken.C_DestroyObject = destroy;
    broken.C_GetFunctionList = C_GetFunctionList;
    *list = &broken;
    return CKR_OK;
}
