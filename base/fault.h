/* SPDX-License-Identifier: Apache-2.0 */
/* Named points where tests can stop the process or make the code lie. A build without LETHE_FAULTS
 * has neither the points nor their names.
 *
 *   LETHE_FAULT=erase.after_ledger      SIGKILL at that point
 *   LETHE_FAULT=erase.after_ledger:3    ... at its third time
 *   LETHE_FAULT=commit.fail!io          the point reports failure (FAULT_FAILS), every time
 *   LETHE_FAULT=mem.try!3               ... only at its third time
 *   LETHE_MUTANT=erase.ack_before_ledger   FAULT_MUTANT() is true: code that acknowledges early */
#pragma once

#include <stdbool.h>

#ifdef LETHE_FAULTS
#define FAULT_POINT(name)  fault_point(name)
#define FAULT_FAILS(name)  fault_fails(name)
#define FAULT_MUTANT(name) fault_mutant(name)

void fault_point(const char *name);
bool fault_fails(const char *name);
bool fault_mutant(const char *name);
/* For tests in one process: as if the environment held it; NULL clears. */
void fault_test_set(const char *fault, const char *mutant);
/* Has the point been passed as often as the fault says? */
bool fault_test_reached(void);
#else
#define FAULT_POINT(name)  ((void)0)
#define FAULT_FAILS(name)  (false)
#define FAULT_MUTANT(name) (false)
#endif
