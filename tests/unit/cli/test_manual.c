/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manual.h"

#include <ctype.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"

TestSuite(manual, .timeout = 20);

/* What a page's writer writes; the caller frees. */
static char *written(void (*write)(FILE *out), struct span group)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert_not_null(out);
    if (write != NULL)
        write(out);
    else
        manual_group(out, group);
    cr_assert_eq(fclose(out), 0);
    return text;
}

/* Roff's way to write a name. */
static const char *escaped(const char *name)
{
    static char text[256];
    size_t len = 0;

    for (; *name != '\0'; name++) {
        if (*name == '-')
            text[len++] = '\\';
        text[len++] = *name;
    }
    text[len] = '\0';
    return text;
}

static void expect_line(const char *page, const char *before, const char *name, const char *after)
{
    char line[512];

    (void)snprintf(line, sizeof(line), "%s%s%s", before, escaped(name), after);
    cr_assert_not_null(strstr(page, line), "%s is missing in:\n%s", line, page);
}

/* A line that begins with a dot is a request that we meant. */
static void expect_known_requests(const char *page)
{
    static const char *const known[] = {".TH ", ".SH ", ".SS ", ".TP",  ".PP", ".SY ",
                                        ".YS",  ".nf",  ".fi",  ".ad ", ".nh", ".\\\""};

    for (const char *line = page; *line != '\0'; line = strchr(line, '\n') + 1) {
        bool is_known = false;

        cr_assert_neq(line[0], '\'', "%s", line);
        for (size_t i = 0; i < COUNT_OF(known); i++)
            is_known = is_known || strncmp(line, known[i], strlen(known[i])) == 0;
        cr_assert(line[0] != '.' || is_known, "%.80s", line);
    }
}

Test(manual, lists_every_command_in_the_overview)
{
    AUTO(mem_free) char *page = written(manual_overview, SPAN_NONE);

    for (size_t i = 0; i < command_count; i++)
        expect_line(page, "\n.TP\n\\fB", commands[i].name, "\\fP\n");
    expect_known_requests(page);
}

Test(manual, has_a_section_for_every_command_of_a_group)
{
    size_t several = 0, single = 0;

    for (size_t i = 0; i < command_count; i++) {
        AUTO(mem_free) char *page = written(NULL, command_group(&commands[i]));

        expect_line(page, ".SY lethe\n\\fB", commands[i].name, "\\fP");
        expect_known_requests(page);
        if (strstr(page, "\n.SS ") == NULL) {
            single++;
            continue;
        }
        several++;
        expect_line(page, "\n.SS lethe ", commands[i].name, "\n");
    }
    cr_assert(several > 0 && single > 0 && several + single == command_count);
}

Test(manual, explains_every_option_that_a_command_takes)
{
    for (size_t i = 0; i < command_count; i++) {
        AUTO(mem_free) char *page = written(NULL, command_group(&commands[i]));

        for (int k = 0; k < OPTION_COUNT; k++)
            if ((commands[i].options & option_texts[k].with) != 0)
                expect_line(page, "\\-\\-", option_texts[k].name, "\\fP");
    }
}

Test(manual, says_once_what_holds_for_a_whole_group)
{
    AUTO(mem_free) char *page = written(NULL, SPAN_LIT("subject"));
    const char *note = strstr(page, "otherwise it opens the store");

    cr_assert_not_null(note);
    cr_assert_null(strstr(note + 1, "otherwise it opens the store"));
}

Test(manual, keeps_aligned_lines_as_they_are)
{
    AUTO(mem_free) char *page = written(NULL, SPAN_LIT("request"));
    const char *aligned = strstr(page, "\n.nf\n"), *after = strstr(page, "\n.fi\n");
    const char *line = strstr(page, "\nacknowledge      channel=C");

    cr_assert(aligned != NULL && line != NULL && after != NULL);
    cr_assert(aligned < line && line < after);
}

Test(manual, lists_the_settings)
{
    static const char *const names[] = {
#define SETTING(name, text) name,
#include "cli/settings.def"
#undef SETTING
    };
    AUTO(mem_free) char *page = written(manual_settings, SPAN_NONE);

    for (size_t i = 0; i < COUNT_OF(names); i++)
        expect_line(page, "\n.TP\n\\fB", names[i], "\\fP\n");
    expect_known_requests(page);
}

/* Sentences are made of them. */
Test(manual, has_texts_that_begin_small_and_end_without_a_full_stop)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        const char *text = option_texts[i].text;

        cr_assert(strlen(text) > 3 && islower((unsigned char)text[0]) != 0, "%s", text);
        cr_assert_neq(text[strlen(text) - 1], '.', "%s", text);
    }
    for (size_t i = 0; i < command_count; i++)
        cr_assert_neq(commands[i].summary[strlen(commands[i].summary) - 1], '.', "%s",
                      commands[i].name);
}
