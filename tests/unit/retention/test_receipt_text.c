/* SPDX-License-Identifier: Apache-2.0 */
#include "retention/receipt_text.h"

#include <criterion/criterion.h>
#include <string.h>

static const char receipt[] =
    "{\"number\":\"0011\",\"state\":\"completed\",\"ground\":\"17(1)(b)\",\"reason\":\"hidden "
    "words\","
    "\"reference\":\"REQ-hidden\",\"executed_by\":\"user hidden\","
    "\"scope\":{\"cutoff\":\"2026-01-10T12:00:00.000Z\",\"classes\":[{\"class\":\"note\","
    "\"values\":2}]},"
    "\"not_erased\":[{\"class\":\"bill\",\"code\":\"17(3)(b)\",\"law\":\"HGB 257\",\"values\":1,"
    "\"review\":\"2034-12-31\"}],\"remains\":\"Something remains.\","
    "\"effective_at\":\"2026-01-10T12:00:00.000Z\",\"completed_at\":\"2026-01-10T12:00:01.000Z\","
    "\"unrecoverable_not_later_than\":null,\"signature\":{\"key_id\":\"00ff\"}}";

static struct buf render(const char *text)
{
    struct json *tree = NULL;
    struct buf out;

    cr_assert_eq(json_parse(span_str(text), &tree), ERR_OK);
    buf_init(&out, 1 << 16);
    cr_assert_eq(receipt_text(tree, &out), ERR_OK);
    cr_assert_eq(buf_append_byte(&out, 0), ERR_OK);
    json_free(&tree);
    return out;
}

Test(receipt_text, tells_the_person_what_went_and_what_stayed)
{
    struct buf out = render(receipt);
    const char *text = (const char *)out.bytes;

    cr_assert_not_null(strstr(text, "note: 2 values"));
    cr_assert_not_null(
        strstr(text, "bill: 1 value; Art. 17(3)(b) GDPR, HGB 257; kept until 2034-12-31"));
    cr_assert_not_null(strstr(text, "Ground: Art. 17(1)(b) GDPR"));
    cr_assert_not_null(strstr(text, "Something remains."));
    cr_assert_not_null(strstr(text, "supervisory authority"));
    buf_done(&out);
}

Test(receipt_text, leaves_out_the_operators_words_and_staff)
{
    struct buf out = render(receipt);

    cr_assert_null(strstr((const char *)out.bytes, "hidden"));
    buf_done(&out);
}

Test(receipt_text, of_something_else_is_refused)
{
    struct json *tree = json_new_map();
    struct buf out;

    buf_init(&out, 1 << 16);
    cr_assert_eq(receipt_text(tree, &out), ERR_INVALID);
    cr_assert_eq(out.len, 0);
    json_free(&tree);
    buf_done(&out);
}
