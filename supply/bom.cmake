# SPDX-License-Identifier: Apache-2.0
# lethe_bom(PROGRAM): compile a bill of materials into it, made from the libraries it is linked with and all that these
# bring in. A program that loads a library which its bill does not have is not built.
function(lethe_bom program)
    set(supply ${PROJECT_SOURCE_DIR}/tools/supply)
    set(bill ${PROJECT_BINARY_DIR}/lethe.cdx.json)
    set(libraries "")
    foreach(module SODIUM SQLITE JANSSON YAML UTF8PROC OATH QRENCODE UV OPENSSL ZLIB BROTLI ARCHIVE CURL P11 H2O SECCOMP XLSXWRITER)
        list(APPEND libraries ${${module}_LINK_LIBRARIES})
    endforeach()
    list(FILTER libraries INCLUDE REGEX "\\.so$")
    list(REMOVE_DUPLICATES libraries)
    list(JOIN libraries "," joined)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    string(STRIP "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}}" flags)
    add_custom_command(OUTPUT ${bill}
        COMMAND ${supply} bom ${bill} libraries=${joined}
            version=${PROJECT_VERSION} commit=${LETHE_COMMIT} date=${LETHE_DATE}
            compiler=${CMAKE_C_COMPILER_ID} compiler_version=${CMAKE_C_COMPILER_VERSION}
            flags=${flags} system=${CMAKE_SYSTEM_NAME}/${CMAKE_SYSTEM_PROCESSOR} page=${ui_charts}
        DEPENDS ${supply} ${PROJECT_SOURCE_DIR}/tools/bom.py ${PROJECT_SOURCE_DIR}/tools/debian.py
            ${PROJECT_SOURCE_DIR}/supply/deps.lock ${libraries}
        VERBATIM)
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/bom.c CONTENT [[
/* Made by supply/bom.cmake. */
#include "cli/bom.h"

__asm__(".section .rodata\n"
        "bom_bytes: .incbin \"@bill@\"\n"
        "bom_bytes_end: .byte 0\n"
        ".previous");
extern const char bom_bytes[], bom_bytes_end[];

struct span bom_text(void)
{
    return span_of(bom_bytes, (size_t)(bom_bytes_end - bom_bytes));
}
]] @ONLY)
    set_source_files_properties(${PROJECT_BINARY_DIR}/bom.c PROPERTIES OBJECT_DEPENDS ${bill})
    target_sources(${program} PRIVATE ${PROJECT_BINARY_DIR}/bom.c)
    install(FILES ${bill} DESTINATION share/doc/lethe)
    if(NOT LETHE_SANITIZE AND NOT LETHE_FUZZ)
        add_custom_command(TARGET ${program} POST_BUILD
            COMMAND ${supply} covers ${bill} $<TARGET_FILE:${program}> VERBATIM)
    endif()
endfunction()
