/* SPDX-License-Identifier: Apache-2.0 */
/* What a body says it is: accepted, and not. */
#include <criterion/criterion.h>

#include "base/mem.h"
#include "base/secret.h"
#include "proxy/media_type.h"

TestSuite(media_type, .init = secret_start, .timeout = 30);

Test(media_type, is_json_in_one_charset_only)
{
    static const char *const json[] = {
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=\"UTF-8\"",
        "application/json ; charset=utf-8 ",
        "application/vnd.api+json",
        "application/problem+json; profile=x",
        "text/x+json",
        "application/json;",
        "application/json;; charset=utf-8;",
    };
    static const char *const other[] = {
        "",
        "json",
        "application",
        "application/",
        "application/jsonp",
        "application/x-json",
        "application/+json",
        "text/json",
        "text/plain",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/json; charset=utf-8; charset=utf-8",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset",
        "application/json; charset=",
        "application/json; charset=\"utf-8",
        "application/json; charset=\"utf\\-8\"",
        "application/json; =utf-8",
        "application/json; ; charset=utf-16",
        "application/json charset=utf-8",
        "application/json/x",
        "application /json",
    };

    for (size_t i = 0; i < COUNT_OF(json); i++)
        cr_expect(media_type_is_json(span_str(json[i])), "%s", json[i]);
    for (size_t i = 0; i < COUNT_OF(other); i++)
        cr_expect_not(media_type_is_json(span_str(other[i])), "%s", other[i]);
}

static enum media_kind kind_of(const char *content_type)
{
    struct media_type type = {.kind = MEDIA_OTHER};

    return media_type_read(span_str(content_type), &type) ? type.kind : MEDIA_OTHER;
}

Test(media_type, tells_what_each_reader_reads)
{
    static const struct {
        const char *content_type;
        enum media_kind kind;
    } cases[] = {
        {"application/x-ndjson", MEDIA_LINES},
        {"application/jsonl; charset=utf-8", MEDIA_LINES},
        {"application/x-www-form-urlencoded", MEDIA_FORM},
        {"Application/X-WWW-Form-URLencoded;charset=UTF-8", MEDIA_FORM},
        {"application/x-www-form-urlencoded; charset=iso-8859-1", MEDIA_OTHER},
        {"application/xml", MEDIA_XML},
        {"text/xml; charset=\"utf-8\"", MEDIA_XML},
        {"application/soap+xml; action=\"a\"", MEDIA_XML},
        {"application/+xml", MEDIA_OTHER},
        {"text/xml; charset=utf-16", MEDIA_OTHER},
        {"text/event-stream", MEDIA_EVENTS},
        {"text/plain", MEDIA_TEXT},
        {"text/plain;charset=us-ascii", MEDIA_OTHER},
        {"text/html", MEDIA_OTHER},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        cr_expect_eq(kind_of(cases[i].content_type), cases[i].kind, "%s", cases[i].content_type);
}

Test(media_type, e20_takes_one_boundary_that_everybody_reads_alike)
{
    static const struct {
        const char *content_type;
        const char *boundary; /* NULL: refused */
    } cases[] = {
        {"multipart/form-data; boundary=B", "B"},
        {"Multipart/Form-Data;BOUNDARY=----WebKitFormBoundaryx", "----WebKitFormBoundaryx"},
        {"multipart/form-data; charset=utf-8; boundary=\"=_1:2/3?(4)\"", "=_1:2/3?(4)"},
        {"multipart/form-data; boundary=B;", "B"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"\"", NULL},
        {"multipart/form-data; boundary=a; boundary=a", NULL},
        {"multipart/form-data; boundary=a; Boundary=b", NULL},
        {"multipart/form-data; boundary=a; boundary*=utf-8''b", NULL},
        {"multipart/form-data; boundary*0=a; boundary=b", NULL},
        {"multipart/form-data; boundary=a; x=\"; boundary=b\"", NULL},
        {"multipart/form-data; boundary=\"a b\"", NULL},
        {"multipart/form-data; boundary=\"a \"", NULL},
        {"multipart/form-data; boundary=\"a\\b\"", NULL},
        {"multipart/form-data; boundary=\"a\tb\"", NULL},
        {"multipart/form-data; boundary=a b", NULL},
        {"multipart/form-data; boundary=a, multipart/form-data; boundary=b", NULL},
        {"multipart/form-data; boundary=a; charset=utf-16", NULL},
        {"multipart/mixed; boundary=a", NULL},
        {"multipart/form-data; boundary=\xc3\xa9", NULL},
        {"multipart/form-data; boundary="
         "0123456789012345678901234567890123456789012345678901234567890123456789",
         "0123456789012345678901234567890123456789012345678901234567890123456789"},
        {"multipart/form-data; boundary="
         "01234567890123456789012345678901234567890123456789012345678901234567890",
         NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct media_type type = {.kind = MEDIA_OTHER};
        const char *text = cases[i].content_type, *boundary = cases[i].boundary;
        const bool read = media_type_read(span_str(text), &type);

        cr_expect_eq(read && type.kind == MEDIA_MULTIPART, boundary != NULL, "%s", text);
        cr_expect(boundary == NULL || span_equal(type.boundary, span_str(boundary)), "%s", text);
    }
}
