#include "passed-environment.h"

#include <stdlib.h>
#include <string.h>

static const char *const READ_BY_EVERY_BROKER[] = {
    "HTTPS_PROXY",   "https_proxy",  "NO_PROXY",              "no_proxy",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "OCI_METADATA_BASE_URL", "OCI_SDK_AUTH_CLIENT_REGION_URL",
    "HOME",          "TZ"};

/* glibc: one arena for all threads, and freed memory returns to the kernel early. Saves a fifth of the private memory. With a
 * mapping threshold of 16384, some 2 MiB more remain in use after 1000 slow clients have gone. */
static char one_arena[] = "MALLOC_ARENA_MAX=1";
static char early_trim[] = "MALLOC_TRIM_THRESHOLD_=65536";
static char own_mapping[] = "MALLOC_MMAP_THRESHOLD_=8192";

void passed_environment_begin(struct passed_environment *environment) {
  for (size_t i = 0; i < sizeof READ_BY_EVERY_BROKER / sizeof *READ_BY_EVERY_BROKER; i++) {
    passed_environment_pass(environment, READ_BY_EVERY_BROKER[i]);
  }
  passed_environment_add(environment, one_arena);
  passed_environment_add(environment, early_trim);
  passed_environment_add(environment, own_mapping);
}

void passed_environment_pass(struct passed_environment *environment, const char *name) {
  char *value = getenv(name);
  if (value != NULL) passed_environment_add(environment, value - strlen(name) - 1); /* after "NAME=" */
}

void passed_environment_add(struct passed_environment *environment, char *entry) {
  if (environment->count < PASSED_ENVIRONMENT_LIMIT) environment->entries[environment->count++] = entry;
}
