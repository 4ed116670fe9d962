/* names.c: names of errors and faults, from the generated tables. */
#include <bailiwick.h>

#define ENTRIES(table) (sizeof(table) / sizeof(table)[0])

static const char *const errors[] = {[0] = "none", BW_ERROR_NAMES};
static const char *const faults[] = {[0] = "none", BW_FAULT_NAMES};

const char *bw_error_name(bw_err error) { return error < ENTRIES(errors) && errors[error] != NULL ? errors[error] : "unknown"; }
const char *bw_fault_name(uint32_t fault) { return fault < ENTRIES(faults) && faults[fault] != NULL ? faults[fault] : "unknown"; }
