# SPDX-License-Identifier: Apache-2.0
# lethe_ui_files(OUT FILE...): the table of ui/files.h as a C source, with each file's bytes in it. A file is given as
# NAME=PATH.
function(lethe_ui_files out)
    set(code "/* Made by ui/files.cmake. */\n#include \"ui/files.h\"\n\n")
    set(rows "")
    set(paths "")
    set(n 0)
    foreach(pair ${ARGN})
        string(REGEX MATCH "^([^=]+)=(.+)$" matched "${pair}")
        set(name "${CMAKE_MATCH_1}")
        set(path "${CMAKE_MATCH_2}")
        list(APPEND paths "${path}")
        string(APPEND code
            "__asm__(\".section .rodata\\n.balign 16\\nfile_${n}:\\n.incbin \\\"${path}\\\"\\nfile_${n}_end:\\n.byte 0\\n.previous\");\n"
            "extern const char file_${n}[], file_${n}_end[];\n")
        string(APPEND rows "    {\"${name}\", file_${n}, file_${n}_end},\n")
        math(EXPR n "${n} + 1")
    endforeach()
    string(APPEND code "\nconst struct file files[] = {\n${rows}};\nconst size_t file_count = ${n};\n")
    file(CONFIGURE OUTPUT "${out}" CONTENT "${code}" @ONLY)
    set_source_files_properties("${out}" PROPERTIES OBJECT_DEPENDS "${paths}")
endfunction()
