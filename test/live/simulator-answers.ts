/** The simulator's answers, to compare those of a tenancy with. */
import { configOf } from "@ocir-broker/config/test/config";
import { type Simulator, type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { ABSENT_NAMESPACE, ABSENT_REPOSITORY, type Answers, askAll, OTHER_NAMES } from "./questions.ts";

export const OTHER_HOST = "ocir.us-ashburn-1.oci.oraclecloud.com";
const HOST = "us-ashburn-1.ocir.io";
/** Nothing listens there. */
const NOWHERE = "http://127.0.0.1:1";

interface Changes {
  readonly options?: SimulatorOptions;
  prepare?(simulator: Simulator): void;
  /** Registry hosts with another address. */
  endpoints?(simulator: Simulator): Readonly<Record<string, string>>;
}

export async function simulatorAnswers({ options, prepare, endpoints }: Changes = {}): Promise<Answers> {
  await using simulator = await startSimulator({ registry: ["127.0.0.1:0", "127.0.0.1:0"], ...options });
  for (const repository of [`acme/${ABSENT_REPOSITORY}`, ABSENT_NAMESPACE])
    simulator.iam({ repository, exists: false });
  prepare?.(simulator);
  const [first, second] = simulator.registryUrls.map(({ origin }) => origin) as [string, string];
  const nowhere = OTHER_NAMES.map((name) => [
    name.replace("<region>", "us-ashburn-1").replace("<domain>", "oraclecloud.com"),
    NOWHERE,
  ]);
  const places = { ...Object.fromEntries(nowhere), [HOST]: first, [OTHER_HOST]: second, ...endpoints?.(simulator) };
  const sections = {
    metadata: { baseUrl: simulator.metadataUrl.href },
    auth: { endpoint: simulator.authUrl.origin },
    registries: { endpoints: places, extraHosts: Object.keys(places) },
  };
  return await askAll({ config: configOf(sections), image: `${HOST}/acme/live:1` });
}
