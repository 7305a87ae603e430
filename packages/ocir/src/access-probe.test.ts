import { createDirectDispatcher, createSendRequest, Secret } from "@ocir-broker/foundation";
import { createFakeClock, startMswServer } from "@ocir-broker/testkit";
import { HttpResponse, http } from "msw";
import { describe, expect, test } from "vitest";
import { type Access, isProbeable, probeRepository } from "./access-probe.ts";

const send = createSendRequest({
  dispatcher: createDirectDispatcher({ connectMs: 5_000, headersMs: 5_000, bodyMs: 5_000, maxConnectionsPerOrigin: 4 }),
  clock: createFakeClock(),
  totalMs: 20_000,
});

function probe(endpoint: URL, repository = "ns/team/repo"): Promise<Access> {
  return probeRepository(repository, new Secret("the-token"), { send, endpoint }, new AbortController().signal);
}

describe("probeRepository", () => {
  test("asks for the manifest of latest, with the token and every kind of manifest", async () => {
    await using server = await startMswServer(http.head("*/v2/*", () => new HttpResponse(null)));
    expect(await probe(server.baseUrl)).toBe("working");
    expect(server.requests).toMatchObject([
      {
        method: "HEAD",
        target: "/v2/ns/team/repo/manifests/latest",
        headers: {
          authorization: "Bearer the-token",
          accept:
            "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json",
        },
      },
    ]);
  });

  test.each<[number, Access]>([
    [200, "working"],
    [401, "denied"],
    [403, "denied"],
    [202, "unknown"],
    [307, "unknown"],
    [404, "unknown"],
    [503, "unknown"],
  ])("reads status %i as %s, and takes the token nowhere else", async (status, access) => {
    await using elsewhere = await startMswServer();
    const headers = {
      location: new URL("/canary", elsewhere.baseUrl).href,
      "www-authenticate": `Bearer realm="${elsewhere.baseUrl.href}token",service="x",scope=""`,
    };
    await using server = await startMswServer(http.head("*/v2/*", () => new HttpResponse(null, { status, headers })));
    expect(await probe(server.baseUrl)).toBe(access);
    expect(server.requests).toHaveLength(1);
    expect(elsewhere.requests).toEqual([]);
  });

  test("asks for the given tag or digest, and for nothing that is neither", async () => {
    await using server = await startMswServer(http.head("*/v2/*", () => new HttpResponse(null)));
    const options = { send, endpoint: server.baseUrl };
    const { signal } = new AbortController();
    await probeRepository("ns/repo", new Secret("t"), { ...options, reference: "v1.2" }, signal);
    await expect(
      probeRepository("ns/repo", new Secret("t"), { ...options, reference: "../../x" }, signal),
    ).rejects.toThrow(TypeError);
    expect(server.requests.map(({ target }) => target)).toEqual(["/v2/ns/repo/manifests/v1.2"]);
  });

  test("lets through what kept it from an answer", async () => {
    await using server = await startMswServer(http.head("*/v2/*", () => HttpResponse.error()));
    await expect(probe(server.baseUrl)).rejects.toMatchObject({ name: "UpstreamError", code: "connection-broken" });
  });

  test("sends no request for what is not probeable", async () => {
    await using server = await startMswServer();
    await expect(probe(server.baseUrl, "../../20180419/docker/token?")).rejects.toThrow(TypeError);
    expect(server.requests).toEqual([]);
  });
});

describe("isProbeable", () => {
  test.each([
    ["ns/not-oke-public-repo", true],
    ["oke-public-team/repo", true],
    ["ns/team/oke-public-copy", true],
    ["axoxdievda5j/oke-public-kube-proxy", false],
    ["axoxdievda5j/oke-public-cloud/provider", false],
    ["ns/../repo", false],
  ])("knows %s", (repository, expected) => {
    expect(isProbeable(repository)).toBe(expected);
  });
});
