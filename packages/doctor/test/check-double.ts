/** The context of one check, on an empty node. */
import { configSchema } from "@ocir-broker/config/schema";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createNodeFiles } from "@ocir-broker/node/node-files";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { type CheckContext, createCheckContext } from "../src/check-context.ts";
import { type Cloud, createCloud } from "../src/cloud.ts";

interface Given extends Partial<Pick<CheckContext, "image">> {
  /** Replaces parts of a cloud that no request reaches. */
  readonly cloud: Partial<Cloud>;
  /** Sections of the configuration. */
  readonly sections?: object;
}

export function contextOf({ cloud, sections = {}, ...given }: Given): CheckContext {
  const clock = createFakeClock();
  const config = configSchema.parse(sections);
  const { signal } = new AbortController();
  return createCheckContext({
    ...{ config, environment: {}, version: "1", clock, ownerId: 0, signal },
    files: createNodeFiles("/no/such/root"),
    runProgram: async () => ({ failure: "ENOENT" }),
    cloud: { ...createCloud({ config, environment: {}, clock, random: systemRandom, signal }), ...cloud },
    ...given,
  });
}
