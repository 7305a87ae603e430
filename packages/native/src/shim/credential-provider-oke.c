/*
 * The kubelet's exec plugin: sends the request from stdin to the daemon, and writes the response to stdout, or one line to stderr with
 * exit status 1 (forward.h). Under the name credential-provider-oke-sa it responds with the anonymous entries if no daemon does
 * (decision 0034).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../contract.h"
#include "../error-line.h"
#include "../error-texts.h"
#include "../posix.h"
#include "forward.h"
#include "without-installation.h"

#define VERSION_LINE PLUGIN_NAME " " SHIM_VERSION "\n"

static const char HELP[] =
    PLUGIN_NAME ": the kubelet's credential provider for OCIR\n"
    "\n"
    "The kubelet runs it. It sends the CredentialProviderRequest from stdin to the daemon ocir-broker, and writes the\n"
    "CredentialProviderResponse to stdout. By hand, use:\n"
    "\n"
    "  ocir-broker get IMAGE       credentials for an image\n"
    "  ocir-broker doctor IMAGE    why a pull fails\n"
    "  ocir-broker status          what the daemon holds\n"
    "\n"
    "OCIR_BROKER_SOCKET  the daemon's socket (default: " CREDENTIALS_SOCKET ")\n"
    "--version           prints the version\n"
    "Other arguments are ignored.\n";

static const char HEAD[] = FORWARD_HEAD(CREDENTIALS_ROUTE, "application/json");
FORWARD_HEAD_FITS(HEAD);

/*
 * Writes the reason to the journal and to stderr, and the anonymous entries to stdout, without which a container whose image is on
 * the node would not start. The time may be up: a short write needs none.
 */
static bool respond_alone(enum request_outcome outcome, const char *socket_path) {
  error_line_to_journal("<28>" SERVICE_ACCOUNT_PLUGIN_NAME ": "); /* daemon, warning */
  (void)forward_deliver(outcome, socket_path);
  return forward_write_stdout(ANONYMOUS_RESPONSE, sizeof ANONYMOUS_RESPONSE - 1) || error_line_write(SHIM_OUTPUT_FAILED);
}

static bool is_absent(enum request_outcome outcome) {
  return outcome == REQUEST_NO_SOCKET || outcome == REQUEST_REFUSED;
}

/*
 * Arguments are ignored, except a single --version or --help, because a kubelet's configuration may still have those of Oracle's
 * provider, which had the same name.
 */
static bool run(int argument_count, char **arguments) {
  const char *option = argument_count == 2 ? arguments[1] : "";
  if (strcmp(option, "--version") == 0) return forward_write_stdout(VERSION_LINE, sizeof VERSION_LINE - 1);
  if (strcmp(option, "--help") == 0) return forward_write_stdout(HELP, sizeof HELP - 1);

  const char *socket_path = forward_socket_path();
  const char *awaited =
      "a CredentialProviderRequest in JSON, as the kubelet sends; for one image use: ocir-broker get IMAGE";
  if (!forward_read_stdin(awaited)) return false;
  enum request_outcome outcome = forward_request(socket_path, HEAD, false);
  if (is_absent(outcome) && !is_without_installation(socket_path)) outcome = forward_request(socket_path, HEAD, true);
  if (is_absent(outcome) && is_without_installation(socket_path)) return respond_without_installation(arguments[0]);
  bool is_alone = is_named(arguments[0], SERVICE_ACCOUNT_PLUGIN_NAME) && !forward_is_response(outcome);
  return is_alone ? respond_alone(outcome, socket_path) : forward_deliver(outcome, socket_path);
}

int main(int argument_count, char **arguments) {
  forward_begin();
  return run(argument_count, arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
}
