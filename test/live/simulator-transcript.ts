/** What `doctor --record` records of the simulator, to compare a tenancy's transcript with. */
import { checkConfig } from "@ocir-broker/credentials/config/load";
import { recordTranscript, type Transcript } from "@ocir-broker/doctor/recording/transcript";
import { systemRandom } from "@ocir-broker/foundation/random";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { startSimulator } from "@ocir-broker/oci-simulator/simulator";

const HOST = "us-ashburn-1.ocir.io";

export async function simulatorTranscript(version: string): Promise<Transcript> {
  const simulator = await startSimulator();
  try {
    const sections = {
      metadata: { baseUrl: simulator.metadataUrl.href },
      auth: { endpoint: simulator.authUrl.origin },
      registries: { endpoints: { [HOST]: simulator.registryUrl.origin } },
    };
    const checked = checkConfig(JSON.stringify(sections));
    if ("errors" in checked) throw new Error(checked.errors.join("\n"));
    const common = { environment: {}, clock: createSystemClock(), random: systemRandom, version };
    return await recordTranscript({ ...common, config: checked.config, image: `${HOST}/acme/live:1` });
  } finally {
    await simulator.close();
  }
}
