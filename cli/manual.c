/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages.
 * Runs on: the main thread. Holds: nothing. Invariant: whatever a table says comes out as text, never as a request of
 * roff. Not here: the tables (commands.c, options.def, settings.def), files (cmd_manual.c). */
#include "cli/manual.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"
#include "version.h"

enum { GROUP_NAME_MAX = 64 };

/* ---- text ---- */

static void put_char(FILE *out, char c)
{
    switch (c) {
    case '\\':
        (void)fputs("\\e", out);
        break;
    case '-':
        (void)fputs("\\-", out);
        break;
    case '\'':
        (void)fputs("\\(aq", out);
        break;
    case '^':
        (void)fputs("\\(ha", out);
        break;
    case '~':
        (void)fputs("\\(ti", out);
        break;
    case '"':
        (void)fputs("\\(dq", out);
        break;
    default:
        (void)fputc(c, out);
    }
}

static void put_plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++)
        put_char(out, *text);
}

/* `code` is bold. */
static void put_marked(FILE *out, const char *text, size_t len, bool *bold)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '`') {
            put_char(out, text[i]);
            continue;
        }
        *bold = !*bold;
        (void)fputs(*bold ? "\\fB" : "\\fP", out);
    }
}

/* Lines flow; those that align words with blanks stay as they are. */
static void put_text(FILE *out, const char *text)
{
    const char *begin = text;
    bool bold = false, aligned = false;

    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        bool wide = memmem(text, len, "  ", 2) != NULL;

        if (wide && !aligned)
            (void)fputs(text == begin ? ".nf\n" : ".PP\n.nf\n", out);
        if (!wide && aligned)
            (void)fputs(".fi\n.PP\n", out);
        aligned = wide;
        if (text[0] == '.')
            (void)fputs("\\&", out);
        put_marked(out, text, len, &bold);
        (void)fputc('\n', out);
        text += len + (text[len] == '\n' ? 1 : 0);
    }
    if (aligned)
        (void)fputs(".fi\n", out);
}

/* ---- usage ---- */

static bool is_word_char(char c)
{
    return isalnum((unsigned char)c) != 0 || c == '_' || c == '-';
}

/* What the user fills in stands in capitals. */
static bool is_placeholder(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (isupper((unsigned char)word[i]) == 0 && word[i] != '_')
            return false;
    return len > 0;
}

static void put_word(FILE *out, const char *word, size_t len)
{
    const char *font = word[0] == '-' ? "\\fB" : is_placeholder(word, len) ? "\\fI" : "";

    (void)fputs(font, out);
    for (size_t i = 0; i < len; i++)
        put_char(out, word[i]);
    if (font[0] != '\0')
        (void)fputs("\\fP", out);
}

/* An option and its argument stay on one line; line ends and indents of the table do not count. */
static void put_usage(FILE *out, const char *usage)
{
    bool option = false;

    while (*usage != '\0') {
        size_t len = 0;

        if (isspace((unsigned char)*usage) != 0) {
            usage += strspn(usage, " \n");
            (void)fputs(option && *usage != '[' && *usage != '-' && *usage != '|' ? "\\ " : " ",
                        out);
            option = false;
            continue;
        }
        while (is_word_char(usage[len]))
            len++;
        option = len > 0 && usage[0] == '-';
        if (len == 0)
            put_char(out, usage[len++]);
        else
            put_word(out, usage, len);
        usage += len;
    }
}

static void put_synopsis(FILE *out, const struct command *c)
{
    (void)fputs(".SY lethe\n\\fB", out);
    put_plain(out, c->name);
    (void)fputs("\\fP", out);
    if (c->arguments[0] != '\0')
        (void)fputc(' ', out);
    put_usage(out, c->arguments);
    (void)fputs("\n.YS\n", out);
}

/* ---- parts of pages ---- */

/* name: what follows "lethe" in the page's name. */
static void put_title(FILE *out, struct span name, const char *section)
{
    (void)fputs(".\\\" Written by lethe manual.\n.TH \"LETHE", out);
    for (size_t i = 0; i < name.len; i++)
        put_char(out, (char)toupper((unsigned char)name.at[i]));
    (void)fprintf(out, "\" %s \"%s\" \"lethe %s\" \"Lethe\"\n.ad l\n.nh\n", section, LETHE_DATE,
                  LETHE_VERSION);
}

/* A sentence that begins small and without its full stop. */
static void put_sentence(FILE *out, const char *text)
{
    bool bold = false;

    (void)fputc(toupper((unsigned char)text[0]), out);
    put_marked(out, text + 1, strlen(text + 1), &bold);
    (void)fputs(".\n", out);
}

static void put_notes(FILE *out, const struct command *c, const char *separator)
{
    const char *notes[HELP_NOTES_MAX];
    size_t count = help_notes(c, notes);

    for (size_t i = 0; i < count; i++) {
        (void)fputs(separator, out);
        put_text(out, notes[i]);
        separator = ".PP\n";
    }
}

static void put_command(FILE *out, const struct command *c)
{
    put_sentence(out, c->summary);
    if (c->help != NULL) {
        (void)fputs(".PP\n", out);
        put_text(out, c->help);
    }
}

static void put_option(FILE *out, enum option_index option)
{
    const struct option_text *text = &option_texts[option];

    (void)fputs(".TP\n\\fB", out);
    if (option_letter(option) != '\0')
        (void)fprintf(out, "\\-%c\\fP, \\fB", option_letter(option));
    put_plain(out, "--");
    put_plain(out, text->name);
    (void)fputs("\\fP", out);
    if (text->argument[0] != '\0') {
        (void)fputs("\\ \\fI", out);
        put_plain(out, text->argument);
        (void)fputs("\\fP", out);
    }
    (void)fputc('\n', out);
    put_sentence(out, text->text);
}

static void put_options(FILE *out, uint64_t options)
{
    (void)fputs(".SH OPTIONS\n", out);
    for (int i = 0; i < OPTION_COUNT; i++)
        if (((options | OPTION_HELP) & option_texts[i].with) != 0)
            put_option(out, (enum option_index)i);
}

static void put_exit_status(FILE *out)
{
    (void)fputs(".SH EXIT STATUS\n"
                ".TP 4n\n0\nDone.\n"
                ".TP\n1\nFailed; a message on standard error says why.\n"
                ".TP\n2\nThe command line is wrong.\n"
                ".TP\n3\nDone, and what it shows needs somebody\\(aqs attention.\n"
                ".TP\n78\nThe configuration, or a key file that it names, is wrong.\n",
                out);
}

/* "lethe-subject" in bold; after: what follows at once, the section included. */
static void put_page_name(FILE *out, struct span group)
{
    (void)fputs("\\fBlethe\\-", out);
    for (size_t i = 0; i < group.len; i++)
        put_char(out, group.at[i]);
    (void)fputs("\\fP(1)", out);
}

/* ---- lethe(1) ---- */

static void put_command_list(FILE *out)
{
    for (size_t i = 0; i < command_count; i++) {
        (void)fputs(".TP\n\\fB", out);
        put_plain(out, commands[i].name);
        (void)fputs("\\fP\n", out);
        put_sentence(out, commands[i].summary);
    }
}

static void put_surroundings(FILE *out)
{
    (void)fputs(
        ".SH FILES\n"
        ".TP\n\\&./lethe.yaml\n"
        "The configuration, unless \\fB\\-c\\fP names another: \\fBlethe.yaml\\fP(5).\n"
        ".TP\nSTORE/\n"
        "The folder that \\fBstore\\fP names, mode 0700: \\fIvault.db\\fP (ciphertext), "
        "\\fIkeys.slab\\fP (wrapped keys), \\fIledger.log\\fP (what must stay erased), "
        "\\fIaudit/\\fP, \\fIcontrol.sock\\fP (while a server runs).\n"
        ".TP\nroot.key\n"
        "The root key, where it is kept in a file. Whoever has it and the store can read "
        "everything.\n"
        ".SH ENVIRONMENT\n"
        "No secret is taken from the environment, nor from arguments, where others can read it:\n"
        "where a variable LETHE_... is named as a secret (LETHE_TOKEN, LETHE_ROOT_KEY, ...), or "
        "one\n"
        "holds an access token, nothing is done; where VAULT_TOKEN or its like is set, no root "
        "key\n"
        "is opened.\n"
        ".TP\nTMPDIR\n"
        "Where \\fBlethe explain\\fP and \\fBlethe verify\\-erasure\\fP put what they throw away\n"
        "at once.\n"
        ".TP\nCREDENTIALS_DIRECTORY\n"
        "Where a root key of \\fBcredential:\\fP is, as systemd sets it.\n",
        out);
}

void manual_overview(FILE *out)
{
    put_title(out, SPAN_NONE, "1");
    (void)fputs(
        ".SH NAME\nlethe \\- keep personal data out of applications, and forget it\n"
        ".SH SYNOPSIS\n.SY lethe\n\\fICOMMAND\\fP [\\fIargument\\fP ...]\n.YS\n"
        ".SH DESCRIPTION\n"
        "Lethe stands between clients and the applications behind it, and puts tokens in the\n"
        "place of personal data. What a token stands for is in a store of its own, under a\n"
        "key for each person, which an erasure destroys.\n"
        ".PP\n"
        "Commands on the store ask the server that has it open, or open it themselves when\n"
        "none runs. Values and passphrases are read from standard input, the terminal or an\n"
        "open descriptor; keys come from files.\n"
        ".SH COMMANDS\n",
        out);
    put_command_list(out);
    put_exit_status(out);
    put_surroundings(out);
    (void)fputs(".SH SEE ALSO\n", out);
    for (const struct command *c = commands; c < commands + command_count; c++)
        if (command_begins_group(c)) {
            put_page_name(out, command_group(c));
            (void)fputs(",\n", out);
        }
    (void)fputs("\\fBlethe.yaml\\fP(5)\n", out);
}

/* ---- lethe-GROUP(1) ---- */

static bool is_of(const struct command *c, struct span group)
{
    return span_equal(command_group(c), group);
}

static size_t size_of(struct span group)
{
    size_t count = 0;

    for (size_t i = 0; i < command_count; i++)
        if (is_of(&commands[i], group))
            count++;
    return count;
}

/* The same notes for all: they are said once. */
static bool shares_notes(struct span group)
{
    const char *notes[HELP_NOTES_MAX];
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < command_count; i++) {
        if (!is_of(&commands[i], group))
            continue;
        if (first == SIZE_MAX)
            first = help_notes(&commands[i], notes);
        else if (help_notes(&commands[i], notes) != first)
            return false;
    }
    return true;
}

/* The command's own summary, or the names of several. */
static void put_name(FILE *out, struct span group)
{
    bool several = size_of(group) > 1, first = true;

    (void)fprintf(out, ".SH NAME\nlethe\\-");
    for (size_t i = 0; i < group.len; i++)
        put_char(out, group.at[i]);
    (void)fputs(" \\- ", out);
    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        bool bold = false;

        if (!is_of(c, group))
            continue;
        if (!first)
            (void)fputs(", ", out);
        if (several)
            put_plain(out, c->name);
        else
            put_marked(out, c->summary, strlen(c->summary), &bold);
        first = false;
    }
    (void)fputc('\n', out);
}

static void put_descriptions(FILE *out, struct span group)
{
    const struct command *last = NULL;
    bool several = size_of(group) > 1, shared = shares_notes(group);

    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];

        if (!is_of(c, group))
            continue;
        if (several) {
            (void)fputs(".SS lethe ", out);
            put_plain(out, c->name);
            (void)fputc('\n', out);
        }
        put_command(out, c);
        if (!shared)
            put_notes(out, c, ".PP\n");
        last = c;
    }
    if (shared && last != NULL)
        put_notes(out, last, several ? ".SS All of them\n" : ".PP\n");
}

void manual_group(FILE *out, struct span group)
{
    char name[GROUP_NAME_MAX];
    uint64_t options = 0;

    (void)snprintf(name, sizeof(name), "-%.*s", (int)group.len, group.at);
    put_title(out, span_str(name), "1");
    put_name(out, group);
    (void)fputs(".SH SYNOPSIS\n", out);
    for (size_t i = 0; i < command_count; i++)
        if (is_of(&commands[i], group)) {
            put_synopsis(out, &commands[i]);
            options |= command_takes(&commands[i]);
        }
    (void)fputs(".SH DESCRIPTION\n", out);
    put_descriptions(out, group);
    put_options(out, options);
    put_exit_status(out);
    (void)fputs(".SH SEE ALSO\n\\fBlethe\\fP(1),\n\\fBlethe.yaml\\fP(5)\n", out);
}

/* ---- lethe.yaml(5) ---- */

void manual_settings(FILE *out)
{
    static const struct {
        const char *name, *text;
    } settings[] = {
#define SETTING(name, text) {name, text},
#include "cli/settings.def"
#undef SETTING
    };

    put_title(out, SPAN_LIT(".yaml"), "5");
    (void)fputs(
        ".SH NAME\nlethe.yaml \\- configuration of lethe\n"
        ".SH DESCRIPTION\n"
        "One YAML file. \\fBlethe init\\fP writes one that works, and \\fBlethe check\\fP says\n"
        "\\(dqok\\(dq or the first mistake with its line. A key that is not known is refused.\n"
        "Paths are relative to the folder of the file. No secret stands in it: keys are named\n"
        "by their files.\n"
        ".PP\n"
        "These are the keys of the top level. docs/CONFIGURATION.md of the documentation has\n"
        "all about each of them, and says which take effect on \\fBlethe reload\\fP.\n"
        ".SH KEYS\n",
        out);
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        (void)fputs(".TP\n\\fB", out);
        put_plain(out, settings[i].name);
        (void)fputs("\\fP\n", out);
        put_sentence(out, settings[i].text);
    }
    (void)fputs(
        ".SH SEE ALSO\n\\fBlethe\\fP(1),\n\\fBlethe\\-check\\fP(1),\n\\fBlethe\\-reload\\fP(1)\n",
        out);
}
