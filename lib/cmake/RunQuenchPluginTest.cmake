# quench-opt | FileCheck; fails when either does. See add_quench_plugin_test.
execute_process(
  COMMAND ${OPT} --load-plugin=${PLUGIN} ${OPTIONS} ${FILE}
  COMMAND ${FILECHECK} ${FILE}
  RESULTS_VARIABLE results)
if(NOT results STREQUAL "0;0")
  message(FATAL_ERROR "failed: ${OPT} --load-plugin=${PLUGIN} ${OPTIONS} "
                      "${FILE} | ${FILECHECK} ${FILE}")
endif()
