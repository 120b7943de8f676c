# What `cmake --install` puts where: the program, its unit for systemd, and the package holdfast::embed for programs that
# replicate a state machine of their own, or vote on what redundant modules give.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# The room and all that it uses.
function(holdfast_rooms_behind name result)
  set(todo ${name})
  set(seen "")
  while(todo)
    list(POP_FRONT todo room)
    if(NOT room IN_LIST seen)
      list(APPEND seen ${room})
      get_property(uses GLOBAL PROPERTY holdfast_${room}_USES)
      list(APPEND todo ${uses})
    endif()
  endwhile()
  set(${result} ${seen} PARENT_SCOPE)
endfunction()

holdfast_rooms_behind(embed rooms)
set(HOLDFAST_PKG_CONFIG_CHECKS "")
foreach(room ${rooms})
  set_target_properties(holdfast_${room} PROPERTIES EXPORT_NAME ${room})
  install(TARGETS holdfast_${room} EXPORT holdfastTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/holdfast)
  get_property(libraries GLOBAL PROPERTY holdfast_${room}_LIBRARIES)
  foreach(library ${libraries})
    if(library MATCHES "^PkgConfig::(.*)$")
      string(APPEND HOLDFAST_PKG_CONFIG_CHECKS
             "pkg_check_modules(${CMAKE_MATCH_1} REQUIRED QUIET IMPORTED_TARGET ${${CMAKE_MATCH_1}_MODULE_NAME})\n")
    endif()
  endforeach()
endforeach()
install(EXPORT holdfastTargets NAMESPACE holdfast:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)
configure_file(${CMAKE_SOURCE_DIR}/cmake/holdfastConfig.cmake.in ${CMAKE_BINARY_DIR}/holdfastConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/holdfastConfig.cmake ${CMAKE_BINARY_DIR}/holdfastConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/holdfast)

# The headers that embed/node.h and model/modular.h need, and no others: what is installed is what is promised.
foreach(header base/fixed_bytes.h base/status.h crypto/crypto.h embed/node.h model/modular.h replica/image_reader.h
        replica/state_machine.h)
  get_filename_component(folder ${header} DIRECTORY)
  install(FILES ${CMAKE_SOURCE_DIR}/holdfast/${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/holdfast/${folder})
endforeach()

install(TARGETS holdfast RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_SOURCE_DIR}/packaging/holdfast.service DESTINATION lib/systemd/system)
