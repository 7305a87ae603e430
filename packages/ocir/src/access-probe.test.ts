import { Secret } from "@ocir-broker/foundation/secret";
import { type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { type Access, isProbeable, type ProbeOptions, probeRepository } from "./access-probe.ts";

const ENDPOINT = new URL("https://registry.test");
const { signal } = new AbortController();
const send = vi.fn<SendRequest>();

beforeEach(() => void send.mockReset());

function probe(status: number, repository = "ns/team/repo", options: Partial<ProbeOptions> = {}): Promise<Access> {
  send.mockResolvedValue({ status, headers: {}, body: Buffer.alloc(0), sentAtMs: 0, serverDateMs: undefined });
  return probeRepository(repository, new Secret("the-token"), { send, endpoint: ENDPOINT, ...options }, signal);
}

describe("probeRepository", () => {
  test("requests the manifest of latest, with the token and every manifest type", async () => {
    expect(await probe(200)).toBe("working");
    const url = new URL("/v2/ns/team/repo/manifests/latest", ENDPOINT);
    const accept =
      "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
    const headers = { authorization: "Bearer the-token", accept };
    expect(send.mock.calls).toEqual([[{ method: "HEAD", url, headers, signal }]]);
  });

  test.each<[number, Access]>([
    [200, "working"],
    [401, "denied"],
    [403, "denied"],
    [202, "unknown"],
    [307, "unknown"],
    [404, "unknown"],
    [503, "unknown"],
  ])("maps status %i to %s, with one request", async (status, access) => {
    expect(await probe(status)).toBe(access);
    expect(send).toHaveBeenCalledOnce();
  });

  test("requests the given tag or digest, and nothing for an invalid reference or repository", async () => {
    await probe(200, "ns/repo", { reference: "v1.2" });
    await expect(probe(200, "ns/repo", { reference: "../../x" })).rejects.toThrow(TypeError);
    await expect(probe(200, "../../20180419/docker/token?")).rejects.toThrow(TypeError);
    expect(send.mock.calls.map(([{ url }]) => url.pathname)).toEqual(["/v2/ns/repo/manifests/v1.2"]);
  });

  test("rethrows the error when there is no response", async () => {
    send.mockRejectedValue(new UpstreamError("refused", "registry.test"));
    const probed = probeRepository("ns/repo", new Secret("t"), { send, endpoint: ENDPOINT }, signal);
    await expect(probed).rejects.toMatchObject({ code: "refused" });
  });
});

test.each([
  ["ns/not-oke-public-repo", true],
  ["oke-public-team/repo", true],
  ["ns/team/oke-public-copy", true],
  ["axoxdievda5j/oke-public-kube-proxy", false],
  ["axoxdievda5j/oke-public-cloud/provider", false],
  ["ns/../repo", false],
])("isProbeable recognises %s", (repository, expected) => {
  expect(isProbeable(repository)).toBe(expected);
});
