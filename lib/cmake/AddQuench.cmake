# Build helpers of this tree.

# quench_add_library(NAME source...)
#   One folder is one object library; all of them become libQuenchCompiler.so.
#   One shared library owns every dialect and type identifier, so that tools,
#   tests and plugins agree on them.
function(quench_add_library name)
  add_library(${name} OBJECT ${ARGN})
  llvm_update_compile_flags(${name})
  add_dependencies(${name} quench-headers)
  set_property(GLOBAL APPEND PROPERTY QUENCH_OBJECT_LIBS ${name})
endfunction()

# quench_set_sanitizer_options(NAME)
#   Where this build has sanitizers, the executable says what it asks of them.
function(quench_set_sanitizer_options name)
  if(QUENCH_SANITIZE)
    target_sources(${name} PRIVATE
      ${PROJECT_SOURCE_DIR}/tools/SanitizerOptions.c)
  endif()
endfunction()

# quench_set_install_rpath(NAME FOLDER)
#   An installed NAME finds libraries in FOLDER, where the packages of LLVM put
#   theirs, and, where this build has sanitizers, theirs.
function(quench_set_install_rpath name folder)
  set(folders ${folder} ${LLVM_LIBRARY_DIRS} ${QUENCH_SANITIZER_FOLDER})
  set_target_properties(${name} PROPERTIES INSTALL_RPATH "${folders}")
endfunction()

# quench_add_tool(NAME source...)
#   An executable over libQuenchCompiler.so that is installed. The libraries of
#   MLIR are found beside it or where the packages put them.
function(quench_add_tool name)
  add_executable(${name} ${ARGN})
  quench_set_sanitizer_options(${name})
  llvm_update_compile_flags(${name})
  add_dependencies(${name} quench-headers)
  target_link_libraries(${name} PRIVATE QuenchCompiler)
  quench_set_install_rpath(${name} "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
  install(TARGETS ${name} EXPORT QuenchTargets
          RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# quench_tablegen(TD OUTPUT args... [OUTPUT args...])
#   Runs mlir-tblgen once per output and hangs the result on quench-headers.
function(quench_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(pending ${ARGN})
  get_filename_component(base ${td} NAME_WE)
  file(RELATIVE_PATH place ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  string(REPLACE "/" "-" target "tablegen-${place}-${base}")
  while(pending)
    list(POP_FRONT pending output)
    set(flags)
    while(pending)
      list(GET pending 0 next)
      if(NOT next MATCHES "^-")
        break()
      endif()
      list(APPEND flags ${next})
      list(POP_FRONT pending)
    endwhile()
    mlir_tablegen(${output} ${flags})
  endwhile()
  add_public_tablegen_target(${target})
  add_dependencies(quench-headers ${target})
endfunction()
