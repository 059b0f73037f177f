#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone and says #pragma once; those that know
# of fault points with and without them.
set -eu
status=0
flags=$(pkg-config --cflags libsodium sqlite3 jansson yaml-0.1 libuv openssl zlib libh2o-evloop criterion)
export flags

for header in $(git ls-files '*.h'); do
    [ -f "$header" ] || continue
    grep -q '^#pragma once$' "$header" || {
        echo "$header:1: no #pragma once"
        status=1
    }
done

# shellcheck disable=SC2016 # expanded by the inner shell, once a header
git ls-files '*.h' | xargs -P2 -I{} sh -c '
    [ -f "{}" ] || exit 0
    builds=-ULETHE_FAULTS
    case "{}" in
    tests/*) builds=-DLETHE_FAULTS=1 ;;
    *) ! grep -q LETHE_FAULTS "{}" || builds="$builds -DLETHE_FAULTS=1" ;;
    esac
    for faults in $builds; do
        echo "#include \"{}\"" | ${CC:-cc} -std=gnu17 -D_GNU_SOURCE -DH2O_USE_LIBUV=0 $faults -I. \
            $flags -Wall -Wextra -Wundef -Werror -fsyntax-only -x c - || exit 1
    done' || status=1
exit $status
