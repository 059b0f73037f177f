/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration text from anywhere: refused with a message that starts with the file's name, or a
 * tree in which every value can be read and has its place. */
#include "base/assert.h"
#include "base/conf.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const struct errmsg *msg)
{
    REQUIRE(strncmp(msg->text, "f:", 2) == 0);
}

/* Read a value as everything that it could be. */
static void read_as_all(struct conf_node node)
{
    static const char *const known[] = {"listen", "classes", NULL};
    struct errmsg msg;
    const char *text = NULL;
    int64_t n = -1, ms = -1;
    bool b;

    if (conf_str(node, &text, &msg) == ERR_OK)
        REQUIRE(text != NULL);
    if (conf_int(node, 0, 10, &n, &msg) == ERR_OK)
        REQUIRE(n >= 0 && n <= 10);
    if (conf_duration_ms(node, &ms, &msg) == ERR_OK)
        REQUIRE(ms >= 0);
    if (conf_bool(node, &b, &msg) != ERR_OK)
        check_message(&msg);
    if (conf_only(node, known, &msg) != ERR_OK)
        check_message(&msg);
    REQUIRE(conf_fail(node, &msg, "here") == ERR_CONFIG);
    check_message(&msg);
}

static void walk(struct conf_node node, int depth)
{
    struct conf_node member;
    void *it = NULL;

    REQUIRE(depth <= LIMIT_JSON_DEPTH_MAX);
    read_as_all(node);
    while (conf_next(node, &it, &member)) {
        REQUIRE(conf_get(node, member.name).value == member.value);
        walk(member, depth + 1);
    }
    if (json_kind(node.value) == JSON_LIST)
        for (size_t i = 0; i < json_count(node.value); i++)
            walk(conf_at(node, i), depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(conf_free) struct conf *conf = NULL;
    struct errmsg msg = {""};

    if (size > 4096) /* places are searched one after the other: quadratic here */
        return 0;
    if (conf_parse("f", span_of(data, size), &conf, &msg) != ERR_OK) {
        check_message(&msg);
        return 0;
    }
    walk(conf_root(conf), 0);
    return 0;
}
