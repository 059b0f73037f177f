/* SPDX-License-Identifier: Apache-2.0 */
/* `lethe help` and `lethe version`.
 * Runs on: the main thread. Holds: nothing. */
#include <stdio.h>

#include "base/assert.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "version.h"

enum { ONE_LINE = 256 };

static const char STORE_NOTE[] =
    "While a server runs on the store, the command asks it; otherwise it opens the store itself.\n";

static const char PASSPHRASE_NOTE[] = "Where the root key is behind a passphrase it is asked on "
                                      "the terminal, or read from descriptor N "
                                      "with\n--passphrase-fd N, a line a passphrase.\n";

static const char SERVER_NOTE[] =
    "With --server URL --token-file FILE it asks the server at URL over its admin API instead, "
    "with the\naccess token in FILE; --ca FILE trusts the authorities in FILE only. A one-time "
    "code "
    "is asked on the\nterminal, or read from --otp-file FILE or --passphrase-fd N.\n";

static enum cli_exit print(const char *text)
{
    return output_write(span_str(text)) == ERR_OK ? CLI_OK : CLI_FAILED;
}

enum cli_exit help_overview(void)
{
    enum cli_exit code =
        print("Lethe keeps personal data out of the applications behind it, and can "
              "forget.\n\nusage: lethe COMMAND ...\n\n");

    for (size_t i = 0; i < command_count && code == CLI_OK; i++) {
        char line[ONE_LINE];

        (void)snprintf(line, sizeof(line), "  %-18s  %s\n", commands[i].name, commands[i].summary);
        code = print(line);
    }
    return code == CLI_OK
               ? print("\nMore about one: lethe help COMMAND. The configuration is ./lethe.yaml "
                       "unless -c FILE names another.\n"
                       "Exit codes: 0 done, 1 failed, 2 usage, 3 needs attention, "
                       "78 configuration.\n")
               : code;
}

size_t help_notes(const struct command *c, const char *ret[HELP_NOTES_MAX])
{
    size_t count = 0;

    if ((c->options & OPTION_CONFIG) == 0)
        return 0;
    ret[count++] = PASSPHRASE_NOTE;
    if (c->run != cmd_check && c->run != cmd_serve && c->run != cmd_init && c->run != cmd_restore &&
        c->run != cmd_ledger_verify && c->run != cmd_ledger_mirror)
        ret[count++] = STORE_NOTE;
    if ((command_takes(c) & OPTION_SERVER) != 0)
        ret[count++] = SERVER_NOTE;
    return count;
}

enum cli_exit help_command(const struct command *c)
{
    AUTO(mem_free) char *head = NULL;
    const char *notes[HELP_NOTES_MAX];
    size_t count = help_notes(c, notes);
    enum cli_exit code;

    REQUIRE(asprintf(&head, "usage: lethe %s %s\n%s.\n", c->name, c->arguments, c->summary) > 0);
    code = print(head);
    if (code == CLI_OK && c->help != NULL)
        code = print(c->help);
    for (size_t i = 0; i < count && code == CLI_OK; i++)
        code = print(notes[i]);
    return code;
}

enum cli_exit cmd_version(const struct options *options UNUSED)
{
    return print("lethe " LETHE_VERSION " (" LETHE_COMMIT ")\n");
}

enum cli_exit cmd_help(const struct options *o)
{
    const struct command *c;
    int words = 0;

    if (o->argument_count == 0)
        return help_overview();
    c = command_find((int)o->argument_count, o->arguments, &words);
    return c == NULL ? command_unknown(o->arguments[0]) : help_command(c);
}
