/* SPDX-License-Identifier: Apache-2.0 */
/* Who is responsible for the data (Art. 4(7), 30(1)(a) of the GDPR), and by whose calendar it ends. */
#pragma once

#include "base/conf.h"

struct controller {
    char *name;           /* NULL: not said; so are the others but for the zone */
    char *contact;        /* of the controller */
    char *representative; /* Art. 27 */
    char *dpo;            /* contact of the data protection officer */
    char *country;        /* "DE", or with a part of it "DE-BY": whose holidays count */
    char *timezone;       /* "UTC" unless set */
};

/* Read `controller:` of a configuration; without it nothing is said, and the zone is UTC. CONFIG with its
 * place: a zone that this host does not know, a country that is none. Blocks. */
enum err controller_read(struct conf_node node, struct controller *ret, struct errmsg *msg)
    MUST_CHECK;
/* Empty after; fine on an empty one. */
void controller_done(struct controller *controller);
