/* SPDX-License-Identifier: Apache-2.0 */
/* What --server takes, and words that may be secrets: an address that is taken is of this host when it is plain,
 * and holds nothing that could end a line of a request; no message repeats what was refused. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cli/leaks.h"
#include "cli/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const char *url)
{
    const bool plain = strncmp(url, "http://", 7) == 0;

    REQUIRE(plain || strncmp(url, "https://", 8) == 0);
    for (const char *c = url; *c != '\0'; c++)
        REQUIRE(*c > ' ' && *c <= '~' && strchr("@?#\\%", *c) == NULL);
    REQUIRE(!plain || strncmp(url + 7, "127.", 4) == 0 || strncmp(url + 7, "[", 1) == 0 ||
            strncmp(url + 7, "localhost", 9) == 0);
}

static void check_word(char *text)
{
    char name[] = "lethe";
    char *argv[] = {name, text, NULL}, *variables[] = {text, NULL};
    struct errmsg msg = {""};

    if (leaks_in_arguments(2, argv, &msg) != ERR_OK && strlen(text) > 200)
        REQUIRE(strstr(msg.text, text) == NULL);
    if (leaks_in_environment(variables, &msg) != ERR_OK)
        REQUIRE(strchr(text, '=') != NULL && strchr(text, '=')[1] != '\0');
    (void)leaks_instead_of_file(text);
    (void)leaks_in_header(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct options options = {.server = text, .token_file = "f"};
    struct errmsg msg = {""};

    REQUIRE(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (remote_check(&options, &msg) == ERR_OK)
        check_url(text);
    check_word(text);
    free(text);
    return 0;
}
