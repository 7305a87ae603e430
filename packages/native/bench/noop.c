/* Does nothing: what it costs to start and end a static program on this machine. */
int main(void) {
  return 0;
}
