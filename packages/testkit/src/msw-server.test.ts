import { HttpResponse, http } from "msw";
import { request } from "undici";
import { describe, expect, test } from "vitest";
import { startMswServer } from "./msw-server.ts";

describe("startMswServer", () => {
  test("answers a real client from msw handlers and records what came", async () => {
    await using server = await startMswServer(
      http.post("*/echo", async ({ request }) =>
        HttpResponse.json(
          { said: await request.text(), query: new URL(request.url).search },
          { headers: { date: "Thu, 01 Jan 2026 00:00:00 GMT" } },
        ),
      ),
    );
    const { statusCode, headers, body } = await request(new URL("/echo?a=1", server.baseUrl), {
      method: "POST",
      headers: { "x-name": "value" },
      body: "hello",
    });
    expect([statusCode, await body.json()]).toEqual([200, { said: "hello", query: "?a=1" }]);
    expect(headers["date"]).toBe("Thu, 01 Jan 2026 00:00:00 GMT");
    expect(server.requests).toMatchObject([{ method: "POST", target: "/echo?a=1", headers: { "x-name": "value" } }]);
  });

  test("lets a later handler come first and answers 501 where none fits", async () => {
    await using server = await startMswServer(http.get("*/a", () => new HttpResponse("first")));
    server.use(http.get("*/a", () => new HttpResponse("second"), { once: true }));
    const get = async (path: string): Promise<[number, string]> => {
      const { statusCode, body } = await request(new URL(path, server.baseUrl));
      return [statusCode, await body.text()];
    };
    expect(await get("/a")).toEqual([200, "second"]);
    expect(await get("/a")).toEqual([200, "first"]);
    expect(await get("/b")).toEqual([501, "no handler for this request\n"]);
  });

  test("sends no Date of its own and no body to HEAD", async () => {
    await using server = await startMswServer(http.head("*/a", () => new HttpResponse(null, { status: 404 })));
    const { statusCode, headers, body } = await request(new URL("/a", server.baseUrl), { method: "HEAD" });
    expect([statusCode, headers["date"], await body.text()]).toEqual([404, undefined, ""]);
  });

  test("breaks the connection for HttpResponse.error() and for a body that fails", async () => {
    await using server = await startMswServer(
      http.get("*/refused", () => HttpResponse.error()),
      http.get("*/cut", () => {
        let pulls = 0;
        const body = new ReadableStream({
          pull(controller) {
            if (pulls++ === 0) controller.enqueue(new TextEncoder().encode("half"));
            else controller.error(new Error("cut here"));
          },
        });
        return new HttpResponse(body, { headers: { "content-length": "100" } });
      }),
    );
    await expect(request(new URL("/refused", server.baseUrl))).rejects.toThrow();
    const { body } = await request(new URL("/cut", server.baseUrl));
    await expect(body.text()).rejects.toThrow();
  });

  test("closes while a handler hangs", async () => {
    const server = await startMswServer(http.get("*/hang", () => new Promise<never>(() => {})));
    const hanging = request(new URL("/hang", server.baseUrl));
    hanging.catch(() => {});
    while (server.requests.length === 0) await new Promise(setImmediate);
    await server.close();
    await server.close();
    await expect(hanging).rejects.toThrow();
  });
});
