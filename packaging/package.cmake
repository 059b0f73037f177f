# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts beside the program, and the Debian package that CPack makes of it (scripts/package).
install(FILES packaging/systemd/lethe.service DESTINATION lib/systemd/system)
install(FILES packaging/systemd/sysusers.conf DESTINATION lib/sysusers.d RENAME lethe.conf)
install(FILES packaging/systemd/tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME lethe.conf)
install(FILES packaging/lethe.yaml DESTINATION share/doc/lethe/examples)
install(FILES README.md SECURITY.md DESTINATION share/doc/lethe)
install(DIRECTORY docs DESTINATION share/doc/lethe FILES_MATCHING PATTERN *.md PATTERN *.yaml PATTERN *.json
    PATTERN *.png)

if(LETHE_PACKAGE AND (LETHE_COMMIT MATCHES "\\+$" OR LETHE_COMMIT STREQUAL ""))
    message(FATAL_ERROR "a package is built from a commit: there are changes that are not committed, or no commit")
endif()
if(NOT LETHE_PACKAGE)
    return()
endif()

set(CPACK_PACKAGE_CONTACT "The Lethe authors <lethe@lethe.invalid>")
# What Debian wants of its own packages. `-n`: no time in the archive.
install(FILES packaging/debian/copyright DESTINATION share/doc/lethe)
install(FILES packaging/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME lethe)
install(FILES CHANGELOG.md DESTINATION share/doc/lethe RENAME changelog)
execute_process(COMMAND git log -1 --format=%cD WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    OUTPUT_VARIABLE LETHE_MAIL_DATE OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/changelog.Debian CONTENT [[
lethe (@PROJECT_VERSION@-1) bookworm; urgency=medium

  * Built from commit @LETHE_COMMIT@; see changelog.gz.

 -- @CPACK_PACKAGE_CONTACT@  @LETHE_MAIL_DATE@
]] @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/changelog.Debian DESTINATION share/doc/lethe)
install(CODE [[
    set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/share")
    file(GLOB texts ${root}/man/man*/*.[15] ${root}/doc/lethe/changelog*)
    execute_process(COMMAND gzip -9nf ${texts} COMMAND_ERROR_IS_FATAL ANY)
]])

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lethe)
set(CPACK_PACKAGE_VENDOR "The Lethe authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "proxy that keeps personal data out of applications")
set(CPACK_PACKAGE_DESCRIPTION
    "Lethe stands between clients and an application: it replaces personal data
by tokens on the way in, keeps the values in an encrypted vault with a deletion
rule for each, gives them back to callers who may see them, and destroys them
when their time is over or the person asks for it, with a receipt.
It speaks HTTP/1.1, with an admin API and pages for data protection officers.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
    "ca-certificates, tzdata, systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "nginx | haproxy, softhsm2")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/packaging/debian/postinst"
    "${PROJECT_SOURCE_DIR}/packaging/debian/prerm" "${PROJECT_SOURCE_DIR}/packaging/debian/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
