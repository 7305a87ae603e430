/* Does nothing, to measure the start and end of a static program on this machine. */
int main(void) {
  return 0;
}
