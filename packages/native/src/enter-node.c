/*
 * enter-node: process 1 of the container that installs ocir-broker on its node. The image has no shell and no other programs,
 * so this runs the node's /bin/sh, in the node's mount namespace, on the image's script.
 *
 *   OCIR_BROKER_IMAGE  the path of the image's files for the script and its children: through an open descriptor, so it works
 *                      in any mount namespace until the last process that has the descriptor ends
 *
 * If the script exits with 0, the installation is complete, and this program sleeps until a signal ends it. It exits with any
 * other exit status of the script. It passes SIGTERM and SIGINT to the shell alone, as SIGTERM, so that the script can finish its
 * current step.
 *
 *   enter-node --doctor  runs the script with the argument "doctor" instead, and exits with its exit status. For `helm test`.
 *   enter-node --ready   exits with 0 if the script has created /status/ready. For the kubelet's probe.
 *
 * Changes nothing on the node itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY "/status/ready"
#define NODE_NAMESPACE "/proc/1/ns/mnt"
#define OWN_NAMESPACE "/proc/self/ns/mnt"
#define SCRIPT "/ocir-broker/daemonset.sh"

enum {
  /* Higher than the descriptors that scripts use. */
  IMAGE_FD = 100,
  PATH_BYTES = 64,
  EXIT_USAGE = 2,
  EXIT_SIGNALLED = 128
};

static _Noreturn void fail(const char *what, const char *what_to_do) {
  const char *why = errno == 0 ? "" : strerror(errno);
  fprintf(stderr, "ocir-broker-daemonset: %s%s%s%s%s\n", what, *why == '\0' ? "" : ": ", why, what_to_do == NULL ? "" : "; ",
          what_to_do == NULL ? "" : what_to_do);
  _exit(EXIT_FAILURE);
}

static int open_image(void) {
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int image = root < 0 ? -1 : fcntl(root, F_DUPFD, IMAGE_FD);
  if (image < 0) fail("cannot open /", NULL);
  close(root);
  return image;
}

/* The namespace of process 1: the node's, unless the container hides the node's processes. */
static int open_node_namespace(void) {
  struct stat node, own;
  int node_namespace = open(NODE_NAMESPACE, O_RDONLY | O_CLOEXEC);
  if (node_namespace < 0 || fstat(node_namespace, &node) < 0 || stat(OWN_NAMESPACE, &own) < 0) {
    fail("cannot open " NODE_NAMESPACE, "the pod needs hostPID: true, and its container privileged: true");
  }
  if (node.st_dev == own.st_dev && node.st_ino == own.st_ino) {
    errno = 0;
    fail("the first process is in this container's own mount namespace", "the pod needs hostPID: true");
  }
  return node_namespace;
}

static _Noreturn void become_shell(int image, int node_namespace, pid_t parent, const sigset_t *signals, const char *argument) {
  char path[PATH_BYTES], script[PATH_BYTES + sizeof SCRIPT];
  snprintf(path, sizeof path, "/proc/self/fd/%d", image);
  snprintf(script, sizeof script, "%s%s", path, SCRIPT);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) _exit(EXIT_FAILURE);
  if (setns(node_namespace, CLONE_NEWNS) < 0) fail("cannot enter the node's mount namespace", "the container needs privileged: true");
  if (chdir("/") < 0 || setenv("OCIR_BROKER_IMAGE", path, 1) < 0) fail("cannot prepare the shell", NULL);
  sigprocmask(SIG_SETMASK, signals, NULL);
  execl("/bin/sh", "sh", script, argument, (char *)NULL);
  fail("cannot run the node's /bin/sh", NULL);
}

/* Returns this program's exit status; if `stays`, not before a signal or a failure of the shell. */
static int watch_over(pid_t shell, const sigset_t *signals, bool stays) {
  bool is_told_to_end = false;
  for (;;) {
    int signal;
    if (sigwait(signals, &signal) != 0) continue;
    if (signal != SIGCHLD) {
      if (shell == 0) return EXIT_SUCCESS;
      is_told_to_end = true;
      kill(shell, SIGTERM);
      continue;
    }
    int status;
    if (shell == 0 || waitpid(shell, &status, WNOHANG) != shell) continue;
    if (!WIFEXITED(status)) return EXIT_SIGNALLED + WTERMSIG(status);
    if (!stays || is_told_to_end || WEXITSTATUS(status) != EXIT_SUCCESS) return WEXITSTATUS(status);
    shell = 0;
  }
}

int main(int argument_count, char **arguments) {
  const char *option = argument_count == 2 ? arguments[1] : "";
  if (strcmp(option, "--ready") == 0) return access(READY, F_OK) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  if (strcmp(option, "--version") == 0) return printf("enter-node %s\n", SHIM_VERSION) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
  bool is_doctor = strcmp(option, "--doctor") == 0;
  if (argument_count != 1 && !is_doctor) {
    fprintf(stderr, "usage: enter-node [--doctor | --ready | --version]\n");
    return EXIT_USAGE;
  }
  /* The folder outlives the container, so the file may be an earlier run's. */
  if (unlink(READY) < 0 && errno != ENOENT) fail("cannot remove " READY, "mount an emptyDir at /status");
  int image = open_image();
  int node_namespace = open_node_namespace();

  sigset_t signals, before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, &before);
  pid_t self = getpid();
  pid_t shell = fork();
  if (shell < 0) fail("cannot fork", NULL);
  if (shell == 0) become_shell(image, node_namespace, self, &before, is_doctor ? "doctor" : NULL);
  close(image);
  close(node_namespace);
  return watch_over(shell, &signals, !is_doctor);
}
