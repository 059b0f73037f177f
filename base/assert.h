/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions on our own bugs: on in every build, print place and expression, never values. Bytes
 * from network, database or configuration are never asserted on: those are error codes. */
#pragma once

#define REQUIRE(x) ((x) ? (void)0 : assert_fail(__FILE__, __LINE__, #x))

void assert_fail(const char *file, int line, const char *expression) __attribute__((noreturn));
