/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash.
 * Runs on: the main thread. Holds: nothing. Invariant: names in the tables are plain words, so that none needs quoting
 * (a unit test looks). Not here: the tables (commands.c, options.def). */
#include "cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "cli/commands.h"

/* What an argument is, by the word that stands for it. */
static bool is_file(struct span word)
{
    static const char *const words[] = {"FILE", "PATH", "RECEIPT"};

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_equal(word, span_str(words[i])))
            return true;
    return false;
}

static bool is_dir(struct span word)
{
    return span_equal(word, SPAN_LIT("DIR"));
}

/* ---- commands ---- */

static void put_groups(FILE *out)
{
    for (const struct command *c = commands; c < commands + command_count; c++)
        if (command_begins_group(c))
            (void)fprintf(out, "%s%.*s", c == commands ? "" : " ", (int)command_group(c).len,
                          command_group(c).at);
}

/* The second words of a group, if it has any. */
static void put_second_words(FILE *out, struct span group)
{
    bool any = false;

    for (size_t i = 0; i < command_count; i++) {
        const struct command *c = &commands[i];
        const char *second = c->name + command_group(c).len;

        if (!span_equal(command_group(c), group) || *second == '\0')
            continue;
        if (!any)
            (void)fprintf(out, "        %.*s) words='", (int)group.len, group.at);
        (void)fprintf(out, "%s%s", any ? " " : "", second + 1);
        any = true;
    }
    if (any)
        (void)fputs("' ;;\n", out);
}

/* The first word of a usage line that is no option's argument and names a path: "FILE", "DIR" or "". */
static const char *path_argument(const char *usage)
{
    bool after_option = false;

    while (*usage != '\0') {
        size_t len = strspn(usage, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");

        if (len > 0 && !after_option && is_file(span_of(usage, len)))
            return "FILE";
        if (len > 0 && !after_option && is_dir(span_of(usage, len)))
            return "DIR";
        if (*usage == '-') {
            after_option = true;
            len = strcspn(usage, " ]|\n");
            after_option = usage[len] == ' ';
            len += after_option ? 1 : 0;
        } else {
            after_option = false;
        }
        usage += len > 0 ? len : 1;
    }
    return "";
}

static void put_command(FILE *out, const struct command *c)
{
    const char *separator = "";

    (void)fprintf(out, "        '%s')\n            options='", c->name);
    for (int i = 0; i < OPTION_COUNT; i++) {
        char letter = option_letter((enum option_index)i);

        if ((command_takes(c) & option_texts[i].with) == 0)
            continue;
        (void)fprintf(out, "%s--%s", separator, option_texts[i].name);
        separator = " ";
        if (letter != '\0')
            (void)fprintf(out, " -%c", letter);
    }
    (void)fprintf(out, "' paths='%s' ;;\n", path_argument(c->arguments));
}

/* ---- arguments of options ---- */

static void put_option_argument(FILE *out, enum option_index option)
{
    const char *argument = option_texts[option].argument;

    if (argument[0] == '\0')
        return;
    (void)fputs("        ", out);
    if (option_letter(option) != '\0')
        (void)fprintf(out, "-%c | ", option_letter(option));
    (void)fprintf(out, "--%s)", option_texts[option].name);
    if (is_file(span_str(argument)) || is_dir(span_str(argument))) {
        (void)fprintf(out, " _lethe_paths %s \"$cur\";",
                      is_dir(span_str(argument)) ? "DIR" : "FILE");
    } else if (strchr(argument, '|') != NULL) {
        (void)fputs(" _lethe_words '", out);
        for (; *argument != '\0'; argument++)
            (void)fputc(*argument == '|' ? ' ' : *argument, out);
        (void)fputs("' \"$cur\";", out);
    }
    (void)fputs(" return ;;\n", out);
}

/* ---- the script ---- */

static const char HEAD[] = "# Completion of lethe for bash, written by `lethe manual`.\n"
                           "# shellcheck shell=bash\n"
                           "\n"
                           "_lethe_words() # WORDS CURRENT\n"
                           "{\n"
                           "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$2\")\n"
                           "}\n"
                           "\n"
                           "_lethe_paths() # FILE|DIR CURRENT\n"
                           "{\n"
                           "    compopt -o filenames 2>/dev/null\n"
                           "    if [[ $1 == DIR ]]; then\n"
                           "        mapfile -t COMPREPLY < <(compgen -d -- \"$2\")\n"
                           "    else\n"
                           "        mapfile -t COMPREPLY < <(compgen -f -- \"$2\")\n"
                           "    fi\n"
                           "}\n"
                           "\n";

static const char HELP[] = "    COMPREPLY=()\n"
                           "    # Bash takes the \"=\" of --config=FILE for a word of its own.\n"
                           "    if [[ $cur == = ]]; then\n"
                           "        cur=\n"
                           "    elif [[ $prev == = ]]; then\n"
                           "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                           "    fi\n"
                           "    # What follows help is a command again.\n"
                           "    [[ ${COMP_WORDS[1]} == help ]] && at=2\n"
                           "    if ((COMP_CWORD <= at)); then\n"
                           "        _lethe_words \"$groups\" \"$cur\"\n"
                           "        return\n"
                           "    fi\n"
                           "    command=${COMP_WORDS[at]}\n"
                           "    case $command in\n";

/* A command of one word may stand beside those of two, as request does. */
static const char SECOND[] =
    "    esac\n"
    "    second=${COMP_WORDS[at + 1]}\n"
    "    if ((COMP_CWORD == at + 1)) && [[ $words && $cur != -* ]]; then\n"
    "        _lethe_words \"$words\" \"$cur\"\n"
    "        return\n"
    "    fi\n"
    "    ((at == 1)) || return\n"
    "    [[ \" $words \" == *\" $second \"* ]] && command=\"$command $second\"\n"
    "    case $prev in\n";

static const char TAIL[] = "    esac\n"
                           "    if [[ $cur == -* ]]; then\n"
                           "        _lethe_words \"$options\" \"$cur\"\n"
                           "    elif [[ $paths ]]; then\n"
                           "        _lethe_paths \"$paths\" \"$cur\"\n"
                           "    fi\n"
                           "}\n"
                           "complete -F _lethe lethe\n";

void completion_bash(FILE *out)
{
    (void)fputs(HEAD, out);
    (void)fputs("_lethe()\n{\n    local groups='", out);
    put_groups(out);
    (void)fputs("'\n    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} "
                "at=1\n"
                "    local command second words='' options='' paths=''\n\n",
                out);
    (void)fputs(HELP, out);
    for (const struct command *c = commands; c < commands + command_count; c++)
        if (command_begins_group(c))
            put_second_words(out, command_group(c));
    (void)fputs(SECOND, out);
    for (int i = 0; i < OPTION_COUNT; i++)
        put_option_argument(out, (enum option_index)i);
    (void)fputs("    esac\n    case $command in\n", out);
    for (size_t i = 0; i < command_count; i++)
        put_command(out, &commands[i]);
    (void)fputs(TAIL, out);
}
