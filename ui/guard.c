/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps other sites away from pages and forms.
 * Runs on: any thread. Holds: nothing. Invariant: a browser runs no script and applies no style that is not a file of
 * ours, sends forms to us only, and shows a page in no frame. */
#include "ui/ui_priv.h"

#include <string.h>
#include <strings.h>

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

void guard__protect(struct http_answer *answer)
{
    http_answer_field(answer, "content-security-policy", "%s", policy);
    /* not no-referrer: browsers would say "Origin: null" with our own forms, too */
    http_answer_field(answer, "referrer-policy", "same-origin");
    http_answer_field(answer, "cross-origin-opener-policy", "same-origin");
    http_answer_field(answer, "cross-origin-resource-policy", "same-origin");
    http_answer_field(answer, "x-frame-options", "DENY");
    http_answer_field(answer, "permissions-policy",
                      "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    http_answer_field(answer, "x-robots-tag", "noindex, nofollow");
}

/* "https://HOST" or "http://HOST", of the Host that was asked for. */
static bool is_own_origin(const struct http_request *request)
{
    static const char *const schemes[] = {"https://", "http://"};
    const struct span origin = request->fields[HTTP_ORIGIN];

    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        const size_t len = strlen(schemes[i]);

        if (origin.len > len && memcmp(origin.at, schemes[i], len) == 0)
            return span_equal_nocase(span_of(origin.at + len, origin.len - len), request->host);
    }
    return false;
}

/* Browsers say Origin with every POST, those of today also Sec-Fetch-Site; what says neither is none. */
static bool is_own(const struct http_request *request)
{
    const struct span site = request->fields[HTTP_FETCH_SITE];
    const struct span origin = request->fields[HTTP_ORIGIN];

    if (site.at != NULL && !span_equal(site, SPAN_LIT("same-origin")))
        return false;
    if (origin.at != NULL && !is_own_origin(request))
        return false;
    return site.at != NULL || origin.at != NULL;
}

enum err guard__check_post(const struct http_request *request)
{
    const struct span type = request->fields[HTTP_CONTENT_TYPE];

    if (!is_own(request))
        return ERR_DENIED;
    return span_equal_nocase(type, SPAN_LIT("application/x-www-form-urlencoded")) ||
                   span_equal_nocase(type,
                                     SPAN_LIT("application/x-www-form-urlencoded;charset=UTF-8"))
               ? ERR_OK
               : ERR_UNSUPPORTED;
}

void guard__set_cookie(struct http_answer *answer, const char *id)
{
    http_answer_field(answer, "set-cookie", "%s=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
                      UI_COOKIE, id);
}

void guard__drop_cookie(struct http_answer *answer)
{
    http_answer_field(answer, "set-cookie",
                      "%s=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", UI_COOKIE);
}
