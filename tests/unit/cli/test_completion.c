/* SPDX-License-Identifier: Apache-2.0 */
/* What bash does with the script is in the system tests. */
#include "cli/completion.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"

TestSuite(completion, .timeout = 20);

static char *written(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert_not_null(out);
    completion_bash(out);
    cr_assert_eq(fclose(out), 0);
    return text;
}

/* From the entry of a command to its end. */
static char *entry_of(const char *script, const char *command)
{
    char head[128];
    const char *begin, *end;

    (void)snprintf(head, sizeof(head), "        '%s')\n", command);
    begin = strstr(script, head);
    cr_assert_not_null(begin, "%s", command);
    end = strstr(begin, ";;\n");
    cr_assert_not_null(end);
    return strndup(begin, (size_t)(end - begin));
}

static bool has_word(const char *text, const char *word)
{
    const size_t len = strlen(word);

    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        if (strchr(" '", at[-1]) != NULL && strchr(" '", at[len]) != NULL)
            return true;
    return false;
}

Test(completion, knows_every_command_and_its_options_only)
{
    AUTO(mem_free) char *script = written();

    for (size_t i = 0; i < command_count; i++) {
        AUTO(mem_free) char *entry = entry_of(script, commands[i].name);

        for (int k = 0; k < OPTION_COUNT; k++) {
            bool takes = (command_takes(&commands[i]) & option_texts[k].with) != 0;
            char option[64];

            (void)snprintf(option, sizeof(option), "--%s", option_texts[k].name);
            cr_assert_eq(has_word(entry, option), takes, "%s %s", commands[i].name, option);
        }
    }
}

Test(completion, tells_paths_among_arguments_from_those_of_options)
{
    static const struct {
        const char *command, *paths;
    } cases[] = {{"init", "paths='DIR'"},           {"verify-receipt", "paths='FILE'"},
                 {"ledger verify", "paths='FILE'"}, {"verify-erasure", "paths='FILE'"},
                 {"manual", "paths='DIR'"},         {"check", "paths=''"},
                 {"restore", "paths=''"},           {"tokenize", "paths=''"}};
    AUTO(mem_free) char *script = written();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO(mem_free) char *entry = entry_of(script, cases[i].command);

        cr_assert_not_null(strstr(entry, cases[i].paths), "%s", entry);
    }
}

/* Nothing in the script is quoted. */
Test(completion, finds_plain_words_in_the_tables)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz-";

    for (size_t i = 0; i < command_count; i++) {
        size_t first = strspn(commands[i].name, LETTERS);

        cr_assert(commands[i].name[first] == '\0' || commands[i].name[first] == ' ');
        if (commands[i].name[first] == ' ')
            cr_assert_eq(strspn(commands[i].name + first + 1, LETTERS),
                         strlen(commands[i].name + first + 1));
    }
    for (int i = 0; i < OPTION_COUNT; i++) {
        cr_assert_eq(strspn(option_texts[i].name, LETTERS), strlen(option_texts[i].name));
        cr_assert_null(strpbrk(option_texts[i].argument, "'\"\\$`"));
    }
}
