# The Debian package: cmake --build build --target package makes zapkeep_VERSION_amd64.deb.

install(FILES deploy/systemd/zapkeep.target deploy/systemd/zapkeep-hub.service deploy/systemd/zapkeep-ingest.service
              deploy/systemd/zapkeep-ingest.socket deploy/systemd/zapkeep-monitor.service
              deploy/systemd/zapkeep-reconnect@.service deploy/systemd/zapkeep-forward.service
        DESTINATION lib/systemd/system)
if(TARGET zapkeep-console)
  install(FILES deploy/systemd/zapkeep-console.service DESTINATION lib/systemd/system)
  install(DIRECTORY deploy/proxy DESTINATION share/doc/zapkeep)
  install(FILES services/console/openapi.json DESTINATION share/doc/zapkeep)
endif()
install(FILES deploy/systemd/zapkeep.sysusers DESTINATION lib/sysusers.d RENAME zapkeep.conf)
# Holds secrets: readable by its group alone.
install(FILES deploy/systemd/zapkeep.env DESTINATION /etc/zapkeep PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES deploy/man/zapkeep.1 DESTINATION share/man/man1)
install(FILES deploy/man/zapkeep.8 DESTINATION share/man/man8)
install(FILES deploy/debian/completion.bash DESTINATION share/bash-completion/completions RENAME zapkeep)
install(FILES README.md ARCHITECTURE.md CHANGELOG.md deploy/SETTINGS.md proto/PROTOCOL.md DESTINATION share/doc/zapkeep)
# The bill of materials (SPDX), of the programs as they are linked here.
set(programs zapkeep zapkeep-hub zapkeep-ingest zapkeep-monitor zapkeep-reconnect zapkeep-forward)
if(TARGET zapkeep-console)
  list(APPEND programs zapkeep-console)
endif()
add_custom_command(OUTPUT "${CMAKE_BINARY_DIR}/zapkeep.spdx.json"
  COMMAND "${CMAKE_SOURCE_DIR}/deploy/sbom" "${CMAKE_RUNTIME_OUTPUT_DIRECTORY}" "${PROJECT_VERSION}" "${CMAKE_BINARY_DIR}/zapkeep.spdx.json"
  DEPENDS ${programs} "${CMAKE_SOURCE_DIR}/deploy/sbom" VERBATIM)
add_custom_target(sbom ALL DEPENDS "${CMAKE_BINARY_DIR}/zapkeep.spdx.json")
install(FILES "${CMAKE_BINARY_DIR}/zapkeep.spdx.json" DESTINATION share/doc/zapkeep)

install(FILES LICENSE DESTINATION share/doc/zapkeep RENAME copyright)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "zapkeep maintainers <maintainers@zapkeep.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "keeps WhatsApp sessions alive and loses no webhook")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS systemd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${CMAKE_SOURCE_DIR}/deploy/debian/postinst;${CMAKE_SOURCE_DIR}/deploy/debian/prerm;${CMAKE_SOURCE_DIR}/deploy/debian/postrm;${CMAKE_SOURCE_DIR}/deploy/debian/conffiles")
include(CPack)
