/* SPDX-License-Identifier: Apache-2.0 */
/* Random histories of storing, holding, lifting, restricting, purging, erasing and restarting, beside a
 * simple model of what must be there and who may see it. */
#include "vault/holds.h"

#include "tests/unit/vault/holds_rig.h"

TestSuite(holds_model, .init = setup, .fini = teardown, .timeout = 120);

enum { PEOPLE = 6, VALUES = 400, STEPS = 3000 };

struct model_value {
    struct token_text token;
    int person;
    bool brief; /* else a note, which does not expire here */
    int64_t due_s;
    bool there;
};

static struct model {
    struct model_value values[VALUES];
    size_t count;
    uint64_t slots[PEOPLE];
    char names[PEOPLE][16];
    unsigned generation[PEOPLE];
    struct {
        uint64_t number;
        int person; /* -1: everybody */
        uint16_t class_id;
    } holds[STEPS];
    size_t hold_count;
    bool waits[PEOPLE];
    char ground[PEOPLE]; /* 0: not restricted */
    int64_t now_s;
    uint32_t random;
} m;

static uint32_t draw(uint32_t below)
{
    m.random = m.random * 1664525 + 1013904223;
    return (m.random >> 8) % below;
}

static bool model_holds(int person, uint16_t class_id)
{
    for (size_t i = 0; i < m.hold_count; i++)
        if ((m.holds[i].person < 0 || m.holds[i].person == person) &&
            (m.holds[i].class_id == 0 || m.holds[i].class_id == class_id))
            return true;
    return false;
}

static uint16_t class_of(const struct model_value *value)
{
    return value->brief ? f.brief : f.note;
}

static bool model_binds(int person)
{
    for (size_t i = 0; i < m.hold_count; i++)
        if (m.holds[i].person == person && m.holds[i].class_id == 0)
            return true;
    for (size_t i = 0; i < m.count; i++)
        if (m.values[i].there && m.values[i].person == person &&
            model_holds(person, class_of(&m.values[i])))
            return true;
    return false;
}

static bool model_has_values(int person)
{
    for (size_t i = 0; i < m.count; i++)
        if (m.values[i].there && m.values[i].person == person)
            return true;
    return false;
}

/* Whoever is gone comes again as somebody else. */
static void model_end(int person)
{
    m.waits[person] = false;
    m.ground[person] = 0;
    m.slots[person] = 0;
    m.generation[person]++;
    for (size_t i = 0; i < m.count; i++)
        if (m.values[i].person == person)
            m.values[i].person = -1;
    for (size_t i = 0; i < m.hold_count; i++)
        if (m.holds[i].person == person)
            m.holds[i].person = PEOPLE;
}

static void step_store(int person)
{
    struct model_value *value = &m.values[m.count];

    if (m.count == VALUES)
        return;
    value->brief = draw(2) == 0;
    (void)snprintf(m.names[person], sizeof(m.names[person]), "p%d-%u", person,
                   m.generation[person]);
    value->token = store(class_of(value), m.names[person], "value");
    value->person = person;
    value->due_s = m.now_s + (value->brief ? 10 : 90 * DAY_S);
    value->there = true;
    m.count++;
    m.slots[person] = slot_of(m.names[person]);
}

static void step_hold(int person)
{
    const uint16_t classes[] = {0, f.brief, f.note};
    const uint16_t class_id = classes[draw(3)];
    const bool all = class_id != 0 && draw(3) == 0;

    if (!all && m.slots[person] == 0)
        return;
    m.holds[m.hold_count].number = hold(all ? 0 : m.slots[person], class_id);
    m.holds[m.hold_count].person = all ? -1 : person;
    m.holds[m.hold_count++].class_id = class_id;
}

static void step_lift(void)
{
    const size_t which = m.hold_count == 0 ? 0 : draw((uint32_t)m.hold_count);

    if (m.hold_count == 0)
        return;
    lift(m.holds[which].number);
    m.holds[which] = m.holds[--m.hold_count];
}

static void step_erase(int person)
{
    struct vault_erasure erasure;
    const bool binds = model_binds(person);
    size_t deleted;
    enum err e;

    if (m.slots[person] == 0)
        return;
    e = erase(m.names[person], "", &erasure);
    cr_assert_eq(e, binds ? ERR_HELD : ERR_OK, "%d", person);
    if (binds) {
        m.waits[person] = true;
        return;
    }
    cr_assert_eq(fixture_sweep(&f, erasure.slot, &deleted), ERR_OK);
    vault_erasure_done(&erasure);
    for (size_t i = 0; i < m.count; i++)
        if (m.values[i].person == person)
            m.values[i].there = false;
    model_end(person);
}

static void step_restrict(int person)
{
    if (m.slots[person] == 0)
        return;
    if (m.ground[person] != 0) {
        cr_assert_eq(unrestrict(m.slots[person], m.now_s), ERR_OK);
        m.ground[person] = 0;
        return;
    }
    m.ground[person] = (char)('a' + (char)draw(4));
    cr_assert_eq(restrict_on(m.slots[person], m.ground[person]), ERR_OK);
}

static void step_purge(void)
{
    const size_t limit = 1 + draw(40);

    (void)purge(f.brief, limit, NULL);
    (void)purge(f.note, limit, NULL);
    for (size_t i = 0; i < m.count; i++) {
        struct model_value *value = &m.values[i];
        const char ground = value->there ? m.ground[value->person] : 0;

        if (value->there && value->due_s <= m.now_s &&
            !model_holds(value->person, class_of(value)) && ground != 'b' && ground != 'c')
            value->there = false;
    }
    for (int person = 0; person < PEOPLE; person++)
        if (m.slots[person] != 0 && !model_has_values(person))
            model_end(person);
}

static void check_model(void)
{
    size_t there = 0;

    for (size_t i = 0; i < m.count; i++) {
        const struct model_value *value = &m.values[i];
        const bool alive = value->there && value->due_s > m.now_s;
        const bool held = value->there && model_holds(value->person, class_of(value));
        const bool restricted =
            value->there && (m.ground[value->person] != 0 || m.waits[value->person]);

        there += value->there;
        cr_assert_eq(reveal(&value->token), !alive       ? ERR_NOT_FOUND
                                            : restricted ? ERR_RESTRICTED
                                            : held       ? ERR_HELD
                                                         : ERR_OK);
        cr_assert_eq(reveal_legally(&value->token), held         ? ERR_OK
                                                    : !alive     ? ERR_NOT_FOUND
                                                    : restricted ? ERR_RESTRICTED
                                                                 : ERR_OK);
    }
    cr_assert_eq(fixture_stats(&f, f.note).items + fixture_stats(&f, f.brief).items, there);
}

static void run_model(uint32_t seed)
{
    memset(&m, 0, sizeof(m));
    m.random = seed;
    m.now_s = T0_S;
    for (int i = 0; i < STEPS && m.count < VALUES; i++) {
        const int person = (int)draw(PEOPLE);

        switch (draw(12)) {
        case 0:
            step_hold(person);
            break;
        case 1:
            step_lift();
            break;
        case 2:
            step_erase(person);
            break;
        case 3:
            step_restrict(person);
            break;
        case 4:
        case 5:
            m.now_s += draw(20);
            set_time(m.now_s);
            break;
        case 6:
            step_purge();
            break;
        case 7:
            if (draw(20) == 0)
                restart();
            break;
        default:
            step_store(person);
        }
        if (i % 10 == 0)
            check_model();
    }
    check_model();
}

Test(holds_model, agrees_over_random_histories)
{
    run_model(20261129);
}

Test(holds_model, agrees_over_other_random_histories)
{
    run_model(7);
}
