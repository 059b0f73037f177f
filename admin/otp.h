/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes after RFC 6238: HMAC-SHA-1, six digits, steps of 30 seconds, as authenticators know them. The
 * one adapter around liboath. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum { OTP_DIGITS = 6, OTP_STEP_S = 30, OTP_SECRET_BYTES = 32 };

/* The code of a step (seconds since 1970 / OTP_STEP_S), with a NUL. Any thread. */
void otp_code(const uint8_t secret[OTP_SECRET_BYTES], int64_t step, char ret[OTP_DIGITS + 1]);
/* Append "otpauth://totp/Lethe:NAME?secret=...&issuer=Lethe". name: nothing that a URI would have to escape. */
enum err otp_uri(const uint8_t secret[OTP_SECRET_BYTES], const char *name, struct buf *out)
    MUST_CHECK;
