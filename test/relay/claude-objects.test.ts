/** Anthropic's files and skills, at paths that OpenAI has too: told apart by the header, and never mixed. */
import { afterEach, describe, expect, test } from "bun:test";
import { CLAUDE_ROUTES, OBJECT_ROUTES } from "../../src/http/object-routes.ts";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { type Received, type Script, startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

async function start(script: Script): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream(script);
  open.push(up);
  const under = await startRelay(`
providers:
  one: { base_url: "${up.url}/one/v1", keys: [{ key: secret-one-1 }], models: { include: [gpt-4o] } }
  claude: { provider_type: anthropic, base_url: "${up.url}/claude", keys: [{ key: secret-claude-1, label: a }, { key: secret-claude-2, label: b }], models: { include: ["claude-*"] } }
`);
  open.push(under);
  return { up, under };
}

const ANTHROPIC = { "anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14" };
const keyOf = ({ headers }: Received) => headers.get("x-api-key");

function ask(
  under: TestRelay,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = ANTHROPIC,
): Promise<Response> {
  const form = new FormData();
  form.set("file", new File(["x"], "a.txt"));
  return fetch(under.url + path, {
    method,
    headers: { "x-api-key": KEY, ...headers },
    ...(method === "POST" ? { body: form } : {}),
  });
}

const FILE = { id: "file_made", type: "file", filename: "a.txt", mime_type: "text/plain", size_bytes: 1 };

describe("a file of Anthropic's", () => {
  test("is made at Anthropic, with the beta that was asked for, and what follows goes to its key", async () => {
    const { up, under } = await start({ json: FILE });
    const made = await ask(under, "POST", "/v1/files?beta=true");
    expect([made.status, await readJson(made)]).toEqual([200, FILE]);
    expect(up.received[0]).toMatchObject({ path: "/claude/v1/files", query: "?beta=true" });
    expect(up.received[0]!.headers.get("anthropic-beta")).toBe("files-api-2025-04-14");
    expect(up.received[0]!.text).toContain('filename="a.txt"');
    for (const path of ["/v1/files/file_made", "/v1/files/file_made/content"]) {
      expect((await ask(under, "GET", path)).status).toBe(200);
      expect(up.received.at(-1)!.path).toBe(`/claude${path}`);
    }
    expect(new Set(up.received.map(keyOf)).size).toBe(1);
    expect((await ask(under, "DELETE", "/v1/files/file_made")).status).toBe(200);
    expect((await ask(under, "GET", "/v1/files/file_made")).status).toBe(404);
  });

  test("stands in Anthropic's lists alone, paged its way", async () => {
    const { up, under } = await start({ json: FILE });
    await ask(under, "POST", "/v1/files");
    up.script({ json: { data: [{ id: "file_of_others" }, FILE], has_more: false } });
    up.forget();
    const list = await readJson(await ask(under, "GET", "/v1/files?limit=5"));
    expect(list).toEqual({ data: [FILE], has_more: false, first_id: FILE.id, last_id: FILE.id });
    expect(up.received.map(({ path }) => path)).toEqual(["/claude/v1/files"]);
    up.forget();
    const openai = await readJson(await ask(under, "GET", "/v1/files", {}));
    expect(openai).toMatchObject({ object: "list", data: [] });
    expect(up.received).toEqual([]);
  });

  test("skills are paged by tokens: the vendor's towards it, ours towards the client", async () => {
    const { up, under } = await start(({ query }) => {
      const isSecond = query.includes("page=second");
      const data = (isSecond ? ["c", "theirs"] : ["theirs-too", "a", "b"]).map((id) => ({ id, type: "skill" }));
      return { json: { data, has_more: !isSecond, next_page: isSecond ? null : "second" } };
    });
    const { entry } = under.holder.current.providers.find(({ name }) => name === "claude")!;
    const place = { provider: "claude", keyId: entry!.keys.keys[0]!.id, orgId: null, userId: null };
    const own = { kind: "claude-skill", ...place, principal: "access-key" };
    await under.services.objects.add(["a", "b", "c"].map((id) => ({ id, ...own })));
    const skill = (id: string) => ({ id, type: "skill" });
    expect(await readJson(await ask(under, "GET", "/v1/skills?limit=2"))).toEqual({
      data: [skill("a"), skill("b")],
      has_more: true,
      next_page: "b",
    });
    expect(await readJson(await ask(under, "GET", "/v1/skills?limit=2&page=b"))).toEqual({
      data: [skill("c")],
      has_more: false,
      next_page: null,
    });
    up.forget();
    for (const query of ["?page=theirs", "?limit=0"]) {
      const refused = await ask(under, "GET", `/v1/skills${query}`);
      expect([refused.status, await readJson(refused)]).toMatchObject([
        400,
        { error: { type: "invalid_request_error" } },
      ]);
    }
    expect(up.received).toEqual([]);
  });

  test("without the header, files are OpenAI's", async () => {
    const { up, under } = await start({ json: { id: "file-openai", object: "file" } });
    await ask(under, "POST", "/v1/files", {});
    expect(up.received[0]!.path).toBe("/one/v1/files");
  });

  test("errors are told in Anthropic's words, whoever asks", async () => {
    const { up, under } = await start({ json: FILE });
    const unknown = await ask(under, "GET", "/v1/files/file_unknown");
    expect([unknown.status, await readJson(unknown)]).toMatchObject([
      404,
      { type: "error", error: { type: "not_found_error" } },
    ]);
    const stranger = await ask(under, "GET", "/v1/files/file_unknown", { ...ANTHROPIC, "x-api-key": "wrong" });
    expect([stranger.status, await readJson(stranger)]).toEqual([
      401,
      { type: "error", error: { type: "auth_error", message: "Unauthorized" } },
    ]);
    expect(up.received).toEqual([]);
  });
});

describe("each of Anthropic's routes", () => {
  const uses = CLAUDE_ROUTES.filter(({ object }) => object!.action === "use");

  test.each(uses.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s goes where its thing lies; of another's it knows nothing, and asks nobody",
    async (_name, { method, path, object }) => {
      const { up, under } = await start({ json: { id: "made", type: "thing" } });
      const maker = CLAUDE_ROUTES.find(
        (each) => each.object!.kind === object!.kind && each.object!.action === "create",
      )!;
      expect((await ask(under, "POST", maker.path)).status).toBe(200);
      const key = keyOf(up.received[0]!);
      up.forget();
      const asked = path.replace("{id}", "made").replace(/\{\w+\}/g, "inner");
      expect((await ask(under, method, asked)).status).toBe(200);
      expect(up.received.map((received) => [received.path, keyOf(received)])).toEqual([[`/claude${asked}`, key]]);
      up.forget();
      await under.services.objects.remove("made");
      const place = { provider: "claude", keyId: "x", orgId: "org_other", userId: 1, principal: "key_other" };
      await under.services.objects.add([{ id: "made", kind: object!.kind, ...place }]);
      expect((await ask(under, method, asked)).status).toBe(404);
      expect(up.received).toEqual([]);
    },
  );

  test("needs the scope that OpenAI's of the same path needs", () => {
    for (const { method, path, scope } of CLAUDE_ROUTES) {
      expect(OBJECT_ROUTES.find((each) => each.method === method && each.path === path)?.scope).toBe(scope);
    }
  });
});
