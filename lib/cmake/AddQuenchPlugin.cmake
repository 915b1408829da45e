# Helpers for the authors of plugins; find_package(Quench) includes them.

set(QUENCH_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})

# add_quench_plugin(NAME source...
#   [TABLEGEN file.td OUTPUT flag... [OUTPUT flag...] [file.td ...]])
#
# Builds the plugin NAME.so. TABLEGEN runs mlir-tblgen once for each OUTPUT,
# with its flags, on the .td file before it; the sources include the outputs by
# their names.
function(add_quench_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "TABLEGEN")
  set(td)
  set(outputs)
  foreach(argument ${ARG_TABLEGEN})
    if(argument MATCHES "\\.td$")
      get_filename_component(td ${argument} ABSOLUTE)
    elseif(NOT td)
      message(FATAL_ERROR "add_quench_plugin: TABLEGEN needs a .td file first")
    elseif(argument MATCHES "\\.inc$")
      set(output ${argument})
      list(APPEND outputs ${output})
      set(td_${output} ${td})
      set(flags_${output})
    elseif(NOT outputs)
      message(FATAL_ERROR "add_quench_plugin: '${argument}' needs an output "
                          "before it, as in Passes.h.inc")
    else()
      list(APPEND flags_${output} ${argument})
    endif()
  endforeach()

  set(includes ${CMAKE_CURRENT_SOURCE_DIR} ${QUENCH_INCLUDE_DIR}
               ${MLIR_INCLUDE_DIRS})
  list(TRANSFORM includes PREPEND -I)
  foreach(output ${outputs})
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${output})
    get_filename_component(folder ${file} DIRECTORY)
    file(MAKE_DIRECTORY ${folder})
    add_custom_command(OUTPUT ${file}
      COMMAND ${MLIR_TABLEGEN_EXE} ${flags_${output}} ${includes}
              ${td_${output}} -o ${file} -d ${file}.d
      DEPENDS ${td_${output}}
      DEPFILE ${file}.d
      COMMENT "Generating ${output}"
      VERBATIM)
    list(APPEND ARG_UNPARSED_ARGUMENTS ${file})
  endforeach()

  add_library(${name} MODULE ${ARG_UNPARSED_ARGUMENTS})
  # Hidden symbols keep plugins apart that use the same names.
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    CXX_EXTENSIONS OFF
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_compile_features(${name} PRIVATE cxx_std_17)
  # As the packages of LLVM: it changes the layout of some classes.
  target_compile_definitions(${name} PRIVATE NDEBUG)
  if(NOT LLVM_ENABLE_RTTI)
    target_compile_options(${name} PRIVATE -fno-rtti)
  endif()
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
  target_link_libraries(${name} PRIVATE Quench::QuenchCompiler)
  target_link_options(${name} PRIVATE -Wl,--no-undefined)
endfunction()

# add_quench_plugin_test(NAME PLUGIN file.mlir option...)
#
# A test for ctest: quench-opt loads the target PLUGIN, reads the file with the
# options, and FileCheck compares what it prints with the CHECK lines in the
# file. Call enable_testing() before.
function(add_quench_plugin_test name plugin file)
  find_program(QUENCH_FILECHECK NAMES FileCheck
               FileCheck-${LLVM_VERSION_MAJOR}
               HINTS ${LLVM_TOOLS_BINARY_DIR} REQUIRED)
  get_filename_component(file ${file} ABSOLUTE)
  add_test(NAME ${name} COMMAND ${CMAKE_COMMAND}
    -DOPT=$<TARGET_FILE:Quench::quench-opt>
    -DFILECHECK=${QUENCH_FILECHECK}
    -DPLUGIN=$<TARGET_FILE:${plugin}>
    -DFILE=${file}
    "-DOPTIONS=${ARGN}"
    -P ${QUENCH_CMAKE_DIR}/RunQuenchPluginTest.cmake)
endfunction()
