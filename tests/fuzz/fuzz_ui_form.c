/* SPDX-License-Identifier: Apache-2.0 */
/* Forms, queries and cookies of the data officer's pages, from anywhere: what is read lies in the form's own memory, is
 * UTF-8 without a NUL, and is no longer than what was sent. */
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/secret.h"
#include "ui/form.h"
#include "ui/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct form *form, struct span text)
{
    AUTO(json_free) struct json *copy = json_new_text(text);
    const char *start = (const char *)form->bytes.bytes;

    REQUIRE(copy != NULL && memchr(text.at, '\0', text.len) == NULL);
    REQUIRE(text.at >= start && text.at + text.len <= start + form->bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    const struct span text = span_of(data, size);
    struct form form;

    if (!started)
        secret_start();
    started = true;
    if (form_parse(text, &form) == ERR_OK) {
        REQUIRE(form.count <= FORM_FIELDS_MAX && form.bytes.len <= size);
        for (size_t i = 0; i < form.count; i++) {
            check_text(&form, form.fields[i].name);
            check_text(&form, form.fields[i].value);
        }
    }
    form_done(&form);
    (void)form_cookie(text, "__Host-lethe");
    (void)words_lang_accepted(text);
    return 0;
}
