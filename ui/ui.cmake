# SPDX-License-Identifier: Apache-2.0
# The data officer's pages: templates, words, style sheet and scripts are compiled in. What draws the pictures comes
# from npm, as the lock file says, byte for byte; without npm there are the tables behind them.
include(ui/files.cmake)

set(ui_npm ${PROJECT_BINARY_DIR}/ui-npm)
set(ui_charts "")
find_program(LETHE_NPM npm)
if(NOT LETHE_CHARTS)
    set(ui_note "without pictures, as LETHE_CHARTS says")
elseif(NOT LETHE_NPM)
    set(ui_note "there is no npm: pages show tables without pictures")
else()
    file(SHA256 ${PROJECT_SOURCE_DIR}/ui/package-lock.json ui_lock)
    set(ui_stamp ${ui_npm}/installed-${ui_lock})
    if(NOT EXISTS ${ui_stamp})
        file(MAKE_DIRECTORY ${ui_npm})
        file(COPY ui/package.json ui/package-lock.json ui/.npmrc DESTINATION ${ui_npm})
        execute_process(COMMAND ${LETHE_NPM} ci --ignore-scripts --no-audit --no-fund
            WORKING_DIRECTORY ${ui_npm} RESULT_VARIABLE ui_result
            OUTPUT_VARIABLE ui_said ERROR_VARIABLE ui_said)
        if(NOT ui_result EQUAL 0)
            message(FATAL_ERROR "npm cannot install what ui/package-lock.json names; "
                "-DLETHE_CHARTS=OFF builds without pictures.\n${ui_said}")
        endif()
        file(TOUCH ${ui_stamp})
    endif()
    set(ui_dist ${ui_npm}/node_modules/uplot/dist)
    set(ui_charts assets/uplot.js=${ui_dist}/uPlot.iife.min.js
        assets/uplot.css=${ui_dist}/uPlot.min.css)
endif()
if(ui_note)
    add_custom_target(ui_note ALL COMMAND ${CMAKE_COMMAND} -E echo "data officer's pages: ${ui_note}" VERBATIM)
endif()
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ui/package.json
    ui/package-lock.json)

file(GLOB ui_found CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/ui
    ui/templates/*.html ui/words/*.json ui/assets/*.css ui/assets/*.js ui/assets/*.svg)
set(ui_pairs ${ui_charts})
foreach(name ${ui_found})
    list(APPEND ui_pairs ${name}=${PROJECT_SOURCE_DIR}/ui/${name})
endforeach()
lethe_ui_files(${PROJECT_BINARY_DIR}/ui_files.c ${ui_pairs})

lethe_library(ui lethe_admin)
target_sources(lethe_ui PRIVATE ${PROJECT_BINARY_DIR}/ui_files.c)
