import { execFileSync, spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, describe, expect, it } from "vitest";
import { distPath, hasProgram, make } from "../../test/native-builds.ts";

const LIBRARY = distPath("libatomic.so.1");

/** Calls the library as Node does: with a size, and with values that need no alignment. */
const CALLER = `
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
_Bool exchange(size_t, void *, void *, void *, int, int) __asm__("__atomic_compare_exchange");
static struct { char before; uint64_t value __attribute__((aligned(8))); } object;
static struct __attribute__((packed)) { char before; uint64_t expected, desired; } given;
static void *count(void *unused) {
  for (int i = 0; i < 100000; i++) {
    uint64_t expected = 0, desired = 1;
    while (!exchange(8, &object.value, &expected, &desired, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) desired = expected + 1;
  }
  return unused;
}
int main(int argument_count, char **arguments) {
  if (argument_count == 3) {
    exchange((size_t)atoi(arguments[1]), (char *)&object.value + atoi(arguments[2]), &given.expected, &given.desired, 5, 5);
    return 0;
  }
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, count, NULL);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  printf("%llu", (unsigned long long)object.value);
  given.expected = 1, given.desired = 7;
  for (int i = 0; i < 2; i++)
    printf(" %d", exchange(8, &object.value, &given.expected, &given.desired, 5, 5)),
      printf(" %llu %llu", (unsigned long long)object.value, (unsigned long long)given.expected);
  return 0;
}
`;

describe.skipIf(!hasProgram("cc"))("libatomic.so.1", () => {
  const caller = join(temporaryFolder(), "caller");
  const run = (...args: string[]) =>
    spawnSync(caller, args, { encoding: "utf8", env: { LD_LIBRARY_PATH: dirname(LIBRARY) } });

  beforeAll(() => {
    make("install");
    execFileSync("cc", ["-x", "c", "-", "-o", caller, "-pthread", "-x", "none", LIBRARY], { input: CALLER });
  });

  it("loses no change of four threads, and returns the value that it did not expect", () => {
    expect(run().stdout).toBe("400000 0 400000 400000 1 7 400000");
  });

  it.each([
    ["of another size", "16", "0"],
    ["that is not aligned", "8", "1"],
  ])("ends the process for an object %s, instead of a change that is not atomic", (_what, ...args) => {
    expect(run("8", "0").status).toBe(0);
    expect(run(...args).signal).toMatch(/^SIG(?:ILL|TRAP)$/);
  });

  it("exports only the function that Node imports, and needs no other library", () => {
    const dynamic = execFileSync("readelf", ["--wide", "--dynamic", "--dyn-syms", LIBRARY], { encoding: "utf8" });
    expect(dynamic.match(/\w+@@\w+[\w.]+/g)).toEqual(["__atomic_compare_exchange@@LIBATOMIC_1.0"]);
    expect(dynamic).not.toContain("NEEDED");
  });
});
