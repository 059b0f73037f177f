/* SPDX-License-Identifier: Apache-2.0 */
/* The history's people: they come, and events of theirs start timers. */
#include "tests/history/history.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "vault/events.h"

/* How many of a hundred have a value of the class. */
static const unsigned percent[HISTORY_CLASSES] = {
    [EMAIL] = 100,  [PHONE] = 80, [ADDRESS] = 70, [NOTE] = 60,
    [INVOICE] = 50, [VISIT] = 90, [HEALTH] = 4,   [NEWSLETTER] = 30,
};

struct birth {
    struct vault_tokenize op;
    struct vault_item items[HISTORY_VALUES_MAX];
    char values[HISTORY_VALUES_MAX][64];
    struct person *person;
    struct births *all;
};

struct births {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
};

static void on_stored(struct vault_op *op)
{
    struct birth *b = CONTAINER_OF(op, struct birth, op.op);

    (void)pthread_mutex_lock(&b->all->lock);
    b->all->left--;
    (void)pthread_cond_signal(&b->all->done);
    (void)pthread_mutex_unlock(&b->all->lock);
}

static uint16_t class_id(const struct history *h, enum history_class class)
{
    return vault_class_id(h->vault, &vault_classes(h->vault)->defs[class]);
}

static void write_value(char out[64], enum history_class class, const char *name, unsigned number)
{
    if (class == EMAIL)
        (void)snprintf(out, 64, "%.30s@mail.example", name);
    else
        (void)snprintf(out, 64, "%s %u", history_classes[class], number);
    if (class == PHONE)
        (void)snprintf(out, 64, "+49 151 %08u", number % 100000000);
}

static void prepare(struct history *h, struct birth *b)
{
    const unsigned number = (unsigned)h->people_count;
    struct person *p = &h->people[h->people_count++];

    *b = (struct birth){.person = p, .all = b->all};
    (void)snprintf(p->name, sizeof(p->name), "person-%06u", number);
    for (int class = 0; class < HISTORY_CLASSES; class ++) {
        struct vault_item *item = &b->items[b->op.count];

        if (!history_chance(h, percent[class]))
            continue;
        write_value(b->values[b->op.count], (enum history_class) class, p->name, number);
        *item = (struct vault_item){.class_id = class_id(h, (enum history_class) class),
                                    .kind = VALUE_STRING,
                                    .value = span_str(b->values[b->op.count])};
        b->op.count++;
        h->account.created[class]++;
    }
    b->op.op = (struct vault_op){.kind = VAULT_TOKENIZE, .done = on_stored};
    b->op.domain = VAULT_DOMAIN_DEFAULT;
    b->op.names[0] = span_str(p->name);
    b->op.name_count = 1;
    b->op.items = b->items;
}

/* What is looked at later. */
static void keep_tokens(const struct history *h, struct birth *b)
{
    static const enum history_class kept[HISTORY_TOKENS] = {EMAIL, NOTE, NEWSLETTER};

    if (b->op.op.result != ERR_OK)
        history_fail("a person could not be stored: %s", err_name(b->op.op.result));
    for (size_t i = 0; i < b->op.count; i++)
        for (size_t k = 0; k < HISTORY_TOKENS; k++)
            if (b->items[i].class_id == class_id(h, kept[k]))
                b->person->tokens[k] = b->items[i].token;
}

/* As the proxy records what it stored. */
static void record(struct history *h, size_t values)
{
    const struct audit_entry entry = {.class_id = class_id(h, EMAIL), .tokens = (uint16_t)values};
    const struct audit_record r = {.action = AUDIT_TOKENIZE,
                                   .outcome = AUDIT_DONE,
                                   .role = AUDIT_CALLER,
                                   .who = SPAN_LIT("shop"),
                                   .route = SPAN_LIT("/users/{id}"),
                                   .entries = &entry,
                                   .entry_count = 1};

    REQUIRE(audit_write(vault_audit(h->vault), &r) == ERR_OK);
}

void history_births(struct history *h, size_t count)
{
    AUTO(mem_free) struct birth *list = mem_alloc((count + 1) * sizeof(*list));
    struct births all = {.left = count};
    size_t values = 0;

    if (count == 0)
        return;
    REQUIRE(pthread_mutex_init(&all.lock, NULL) == 0 && pthread_cond_init(&all.done, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        list[i].all = &all;
        prepare(h, &list[i]);
        values += list[i].op.count;
        REQUIRE(vault_submit(h->vault, &list[i].op.op) == ERR_OK);
    }
    (void)pthread_mutex_lock(&all.lock);
    while (all.left > 0)
        (void)pthread_cond_wait(&all.done, &all.lock);
    (void)pthread_mutex_unlock(&all.lock);
    for (size_t i = 0; i < count; i++)
        keep_tokens(h, &list[i]);
    record(h, values > UINT16_MAX ? UINT16_MAX : values);
    (void)pthread_cond_destroy(&all.done);
    (void)pthread_mutex_destroy(&all.lock);
}

/* A case was closed: of some, and of others never. */
void history_events(struct history *h)
{
    struct person *p = history_somebody(h);

    if (p == NULL || p->tokens[1].len == 0)
        return;
    if (history_do(h, ERR_NOT_FOUND,
                   "{\"op\":\"subject.event\",\"subject\":\"%s\",\"event\":\"case_closed\"}",
                   p->name))
        h->account.events++;
}
