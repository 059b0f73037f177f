/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes, on liboath.
 * Runs on: any thread. Holds: nothing. Not here: which codes were used (admin/access.c). */
#include "admin/otp.h"

#include <liboath/oath.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/secret.h"

void otp_code(const uint8_t secret[OTP_SECRET_BYTES], int64_t step, char ret[OTP_DIGITS + 1])
{
    REQUIRE(oath_totp_generate((const char *)secret, OTP_SECRET_BYTES, (time_t)(step * OTP_STEP_S),
                               OTP_STEP_S, 0, OTP_DIGITS, ret) == OATH_OK);
}

enum err otp_uri(const uint8_t secret[OTP_SECRET_BYTES], const char *name, struct buf *out)
{
    char *text = NULL;
    size_t len = 0;
    enum err e;

    if (oath_base32_encode((const char *)secret, OTP_SECRET_BYTES, &text, &len) != OATH_OK)
        return ERR_NO_SPACE;
    e = buf_append_str(out, "otpauth://totp/Lethe:");
    if (e == ERR_OK)
        e = buf_append_str(out, name);
    if (e == ERR_OK)
        e = buf_append_str(out, "?secret=");
    if (e == ERR_OK) /* authenticators want it without padding */
        e = buf_append(out, text, strcspn(text, "="));
    if (e == ERR_OK)
        e = buf_append_str(out, "&issuer=Lethe");
    secret_wipe(text, len);
    free(text);
    return e;
}
