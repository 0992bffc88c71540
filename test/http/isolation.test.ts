/** R71: for one user the house is the same whether or not another one has anything in it, on every route, by every filter. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { apiRoutes, describeRoutes } from "../../src/http/routes.ts";
import { ORIGIN } from "../auth/support.ts";
import { type AccountRelay, type Answer, KEY, PASSWORD, type SignedIn, startAccounts } from "../support/accounts.ts";
import { type Received, startUpstream, type Upstream } from "../support/upstream.ts";
import { call } from "../store/samples.ts";
import { type Names, READABLE, type Row } from "./readable-routes.ts";

const CANARY = "canary";
/** A count that nothing else comes to. */
const TOKENS = 424_242;
const TAIL = `${CANARY}-alice`;
/** Names of nothing, in the form of hers. */
const NOBODY: Names = {
  userId: 999_999,
  orgId: `org_${"0".repeat(20)}`,
  keyId: "01900000-0000-7000-8000-000000000000",
  publicId: `key_${"0".repeat(20)}`,
  cursor: "999998",
  tail: "nobody",
};

const ROUTES = describeRoutes(apiRoutes(undefined as never, "/nonexistent"));
const PATHS = ROUTES.filter(({ method }) => method === "GET").map(({ path }) => path);

const CREATED: readonly (readonly [path: string, body: (tail: string) => object, word: string])[] = [
  ["/v1/files", () => form(), "file"],
  ["/v1/batches", (tail) => ({ input_file_id: `file-${tail}` }), "batch"],
  ["/v1/fine_tuning/jobs", (tail) => ({ model: "gpt-4o", training_file: `file-${tail}` }), "job"],
  ["/v1/assistants", () => ({ model: "gpt-4o" }), "assistant"],
  ["/v1/threads", () => ({}), "thread"],
  ["/v1/vector_stores", () => ({}), "store"],
  ["/v1/containers", () => ({ name: "n" }), "container"],
  ["/v1/skills", () => form(), "skill"],
  ["/v1/evals", () => ({ name: "n" }), "eval"],
  ["/v1/videos", () => ({ model: "gpt-4o", prompt: "x" }), "video"],
  ["/v1/conversations", () => ({}), "conversation"],
  ["/v1/responses", () => ({ model: "gpt-4o", input: "x" }), "response"],
  ["/v1/messages/batches", () => ({ requests: [{ custom_id: "1", params: { model: "claude-x" } }] }), "messages"],
];

function form(): FormData {
  const data = new FormData();
  data.set("purpose", "batch");
  data.set("file", new File(["x"], "a.jsonl"));
  return data;
}

let house: AccountRelay;
let upstream: Upstream;
let owner: SignedIn;
let alice: SignedIn;
let aliceKey: string;
let names: Names;
/** Names that mean the same before and after: the organisation everybody is in, and ids that she will have. */
let shared: Names;
/** Callers that have nothing to do with Alice, by what they show. */
const strangers = new Map<string, Readonly<Record<string, string>>>();
/** As each of them saw it before Alice came. */
const before = new Map<string, string>();
/** Who leaves things with the upstream just now. */
let making = "";
const lying: string[] = [];

/** All callers share one upstream and its key: it knows everything, and tells whoever asks. */
function answerOf({ method, path }: Received) {
  const shown = (id: string) => ({ id, object: "thing", filename: id.includes(CANARY) ? `${CANARY}.txt` : "own.txt" });
  if (method === "POST") {
    const [, , word] = CREATED.findLast(([each]) => path.endsWith(each.slice("/v1".length)))!;
    const id = `${word}-${making}`;
    lying.push(id);
    return { json: { ...shown(id), status: "completed", output: [], usage: { input_tokens: 1, output_tokens: 1 } } };
  }
  if (path.endsWith("/models")) return { json: { object: "list", data: [{ id: "gpt-4o" }] } };
  const named = lying.find((id) => path.includes(id));
  if (named !== undefined) return { json: shown(named) };
  return { json: { object: "list", data: lying.map(shown), has_more: false } };
}

const ask = (path: string, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  house.ask(`GET ${path}`, { headers: { ...headers, "user-agent": "test" } });

async function leave(tail: string, headers: Readonly<Record<string, string>>): Promise<void> {
  making = tail;
  for (const [path, body] of CREATED) {
    const sent = body(tail);
    const answer = await fetch(house.relay.url + path, {
      method: "POST",
      headers: { ...headers, ...(sent instanceof FormData ? {} : { "content-type": "application/json" }) },
      body: sent instanceof FormData ? sent : JSON.stringify(sent),
    });
    if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
  }
}

function pathOf(path: string, row: Row, of: Names): string {
  const named = row.path?.(of) ?? "";
  const whole = named.startsWith("/") ? named : path.replace("{id}", named);
  return whole.replace(/\{\w+\}/g, "part").replace(/:\w+/g, "nothing");
}

/** The bare path, each value of each filter by itself, and everything at once. */
function requestsOf(path: string, row: Row, of: Names): string[] {
  const filters = Object.entries(row.filters ?? {}).map(([name, values]) => [name, values(of)] as const);
  const queries = filters.flatMap(([name, values]) => values.map((value) => [[name, value]]));
  const all = filters.flatMap(([name, values]) => values.slice(0, 1).map((value) => [name, value]));
  const whole = pathOf(path, row, of);
  return [[], ...queries, all].map((pairs) => {
    const query = new URLSearchParams(pairs as [string, string][]).toString();
    return query === "" ? whole : `${whole}?${query}`;
  });
}

/** What an answer says, but for the request's own id and how busy the machine is. */
const said = ({ status, text }: Answer) =>
  `${status} ${text.replace(/req_[0-9A-Za-z]+/g, "req").replace(/"system":\{[^}]*\}/, "")}`;

beforeAll(async () => {
  upstream = await startUpstream(answerOf);
  house = await startAccounts("", undefined, {
    providers: `providers:
  one: { base_url: "${upstream.url}/v1", keys: [{ id: k1, key: secret-one-1 }], models: { include: ["gpt-*"] }, dialects: [openai-chat, openai-responses] }
  claude: { provider_type: anthropic, base_url: "${upstream.url}", keys: [{ id: k2, key: secret-two-1 }], models: { include: ["claude-*"] } }`,
  });
  owner = await house.person("olive");
  const mallory = await house.person("mallory");
  const orgOf = async (name: string, member: SignedIn) => {
    const { body } = await house.ask("POST /api/orgs", { as: owner, body: { name } });
    await house.ask(`POST /api/orgs/${body.id}/members`, { as: owner, body: { user_id: member.id, role: "owner" } });
    return body.id as string;
  };
  const malloryOrg = await orgOf("mallory's", mallory);
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
  strangers.set("a user", bearer(mallory.token));
  strangers.set("a user in an organisation of his own", { ...bearer(mallory.token), "x-relay-org": malloryOrg });
  strangers.set("a user's key", bearer(await house.key(mallory, ["account"])));
  strangers.set("the access key", bearer(KEY));
  await leave("own-user", strangers.get("a user")!);
  await leave("own-access-key", strangers.get("the access key")!);
  shared = { ...NOBODY, orgId: (await mallory.identity()).orgId!, tail: TAIL };
  for (const [name, headers] of strangers) {
    for (const path of PATHS) {
      for (const request of requestsOf(path, READABLE[path] ?? {}, shared)) {
        before.set(`${name} ${request}`, said(await ask(request, headers)));
      }
    }
  }

  const registered = await house.ask("POST /api/auth/register", {
    body: { username: TAIL, email: `${TAIL}@example.com`, password: PASSWORD },
    headers: { "user-agent": `${CANARY}-agent` },
  });
  alice = {
    ...mallory,
    id: registered.body.user.id,
    name: TAIL,
    token: registered.body.access_token,
    identity: async () => (await house.services.sessions.find(registered.body.access_token))!,
  };
  const orgId = await orgOf(`${CANARY}-org`, alice);
  const made = [];
  for (const name of [`${CANARY}-one`, `${CANARY}-two`]) {
    const body = { name, org_id: orgId, scopes: ["account"], metadata: { note: CANARY } };
    made.push((await house.ask("POST /api/keys", { as: alice, body })).body);
  }
  aliceKey = made[0].key;
  await house.ask("POST /api/v1/auth/api-keys", { as: alice, body: { name: `${CANARY}-relay` } });
  await house.ask("POST /api/invites", { as: owner, body: { email: `${CANARY}@example.com`, org_id: orgId } });
  const { sessionId } = await alice.identity();
  const by = { actor: `user:${alice.id}`, userId: alice.id, via: "test", ip: null, requestId: null };
  const linked = { provider: "corp", subject: `${CANARY}-subject`, email: null };
  await house.store.accounts.users.link(alice.id, linked, sessionId!, by);
  await leave(TAIL, bearer(alice.token));
  const used = { userId: alice.id, apiKeyId: made[0].id, orgId, principal: made[0].public_id, error: CANARY };
  house.store.calls.append(call({ ...used, startedAt: house.clock.now(), inputTokens: TOKENS, outputTokens: TOKENS }));
  house.store.calls.flush();
  const { next_cursor: cursor } = (await house.ask("GET /api/keys?limit=1", { as: alice })).body;
  names = { userId: alice.id, orgId, keyId: made[0].id, publicId: made[0].public_id, cursor, tail: TAIL };
}, 60_000);
afterAll(async () => {
  await house?.stop();
  await upstream?.stop();
});

describe("R71 ★ objects of others", () => {
  test("every route that is read has a row, and no row is left over", () => {
    expect(PATHS.filter((path) => !(path in READABLE))).toEqual([]);
    expect(Object.keys(READABLE).filter((path) => !PATHS.includes(path))).toEqual([]);
  });

  test.each(Object.entries(READABLE))("GET %s: its row names every parameter it reads", async (path, row) => {
    const read = new Set<string>();
    const { get, getAll, has } = URLSearchParams.prototype;
    const note = (own: (name: string) => unknown) =>
      function (this: URLSearchParams, name: string) {
        read.add(name);
        return own.call(this, name);
      };
    const patched = { get: note(get), getAll: note(getAll), has: note(has) };
    Object.assign(URLSearchParams.prototype, patched);
    try {
      for (const headers of [{ authorization: `Bearer ${owner.token}` }, { authorization: `Bearer ${aliceKey}` }]) {
        for (const request of requestsOf(path, row, names)) await ask(request, headers);
      }
    } finally {
      Object.assign(URLSearchParams.prototype, { get, getAll, has });
    }
    expect([...read].filter((name) => !(name in (row.filters ?? {})))).toEqual([]);
  });

  test.each(Object.entries(READABLE))("GET %s tells a stranger nothing of them", async (path, row) => {
    const secrets = [CANARY, String(TOKENS), names.orgId, names.keyId, names.publicId, aliceKey, alice.token];
    for (const [name, headers] of strangers) {
      // As before she came: no row, no count, no page more.
      for (const request of requestsOf(path, row, shared)) {
        const answer = await ask(request, headers);
        expect([name, request, said(answer)]).toEqual([name, request, before.get(`${name} ${request}`)!]);
        for (const secret of secrets)
          expect([name, request, answer.text.includes(secret)]).toEqual([name, request, false]);
      }
      // What is hers is answered as what is nobody's.
      const [asked, unknown] = [
        requestsOf(path, row, names),
        requestsOf(path, row, { ...NOBODY, cursor: names.cursor }),
      ];
      for (const [index, request] of asked.entries()) {
        const answer = await ask(request, headers);
        expect([name, request, said(answer)]).toEqual([name, request, said(await ask(unknown[index]!, headers))]);
        for (const secret of secrets)
          expect([name, request, answer.text.includes(secret)]).toEqual([name, request, false]);
      }
    }
  });

  test.each(Object.entries(READABLE).filter(([, { seenBy }]) => seenBy !== undefined))(
    "GET %s shows them to whom they belong",
    async (path, row) => {
      const secret = { owner: owner.token, alice: alice.token, "alice's key": aliceKey }[row.seenBy!];
      const answer = await ask(requestsOf(path, row, names)[0]!, { authorization: `Bearer ${secret}` });
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.text).toMatch(new RegExp(`${CANARY}|${TOKENS}`));
    },
  );

  test("her organisation is closed to them by header too, whether or not it exists", async () => {
    for (const [name, headers] of strangers) {
      for (const path of PATHS) {
        const row = READABLE[path] ?? {};
        const [request = ""] = requestsOf(path, row, names);
        const hers = await ask(request, { ...headers, "x-relay-org": names.orgId });
        const nobodys = await ask(request, { ...headers, "x-relay-org": NOBODY.orgId });
        expect([name, path, said(hers)]).toEqual([name, path, said(nobodys)]);
        expect(hers.text).not.toContain(CANARY);
      }
    }
  });

  test("R112 ★ nor do they get at her things by naming them in what they send", async () => {
    const sent: [path: string, body: object][] = [
      ["/v1/batches", { input_file_id: `file-${TAIL}` }],
      ["/v1/fine_tuning/jobs", { model: "gpt-4o", training_file: `file-${TAIL}` }],
      ["/v1/vector_stores", { file_ids: [`file-${TAIL}`] }],
      ["/v1/threads/runs", { assistant_id: `assistant-${TAIL}` }],
      ["/v1/responses", { model: "gpt-4o", input: "x", previous_response_id: `response-${TAIL}` }],
      ["/v1/responses", { model: "gpt-4o", input: "x", conversation: `conversation-${TAIL}` }],
      ["/v1/responses", { model: "gpt-4o", input: "x", conversation: { id: `conversation-${TAIL}` } }],
      ["/v1/responses/compact", { model: "gpt-4o", previous_response_id: `response-${TAIL}` }],
      ["/v1/responses/input_tokens", { model: "gpt-4o", conversation: `conversation-${TAIL}` }],
      ["/v1/containers", { name: "n", file_ids: [`file-${TAIL}`] }],
      ["/v1/responses", { model: "gpt-4o", input: [{ content: [{ type: "input_file", file_id: `file-${TAIL}` }] }] }],
      ["/v1/responses", { model: "gpt-4o", input: "x", tools: [{ type: "t", container: `container-${TAIL}` }] }],
      ["/v1/responses", { model: "gpt-4o", input: "x", tools: [{ type: "t", vector_store_ids: [`store-${TAIL}`] }] }],
      ["/v1/conversations", { items: [{ content: [{ type: "input_file", file_id: `file-${TAIL}` }] }] }],
      ["/v1/chat/completions", { model: "gpt-4o", messages: [{ content: [{ file: { file_id: `file-${TAIL}` } }] }] }],
      [
        "/v1/messages",
        {
          model: "claude-x",
          max_tokens: 1,
          messages: [{ role: "user", content: "x" }],
          container: `container-${TAIL}`,
        },
      ],
      ["/v1/assistants", { model: "gpt-4o", tool_resources: { code: { file_ids: [`file-${TAIL}`] } } }],
      ["/v1/containers", { name: "n", skills: [{ skill_id: `skill-${TAIL}` }] }],
      [`/v1/conversations/conversation-${TAIL}/items`, { items: [] }],
      [`/v1/videos/video-${TAIL}/remix`, { prompt: "x" }],
      [`/v1/evals/eval-${TAIL}/runs`, { name: "x" }],
      [`/v1/threads/thread-${TAIL}/messages`, { role: "user", content: "x" }],
      [`/v1/batches/batch-${TAIL}/cancel`, {}],
    ];
    upstream.forget();
    for (const headers of strangers.values()) {
      for (const [path, body] of sent) {
        expect([path, (await house.ask(`POST ${path}`, { headers, body })).status]).toEqual([path, 404]);
      }
      for (const path of [`/v1/files/file-${TAIL}`, `/v1/responses/response-${TAIL}`, `/v1/threads/thread-${TAIL}`]) {
        expect([path, (await house.ask(`DELETE ${path}`, { headers })).status]).toEqual([path, 404]);
      }
    }
    expect(upstream.received).toEqual([]);
    expect((await house.ask(`GET /v1/files/file-${TAIL}`, { as: alice })).status).toBe(200);
  });

  test("an owner of the organisation sees what its members left there; a member sees the owner's things not", async () => {
    const { items } = (await house.ask("GET /api/orgs", { as: owner })).body;
    const home = items.find(({ is_default }: { is_default: boolean }) => is_default).id;
    const asOwner = await house.ask("GET /v1/files", { as: owner, headers: { "x-relay-org": home } });
    expect(asOwner.text).toContain(`file-${TAIL}`);
    await leave("of-the-owner", { authorization: `Bearer ${owner.token}` });
    expect((await house.ask("GET /v1/files/file-of-the-owner", { as: alice })).status).toBe(404);
    expect((await house.ask("GET /v1/files", { as: alice })).text).not.toContain("of-the-owner");
  });

  test("a key of hers in another organisation does not see what she left at home", async () => {
    const answer = await house.ask(`GET /v1/files/file-${TAIL}`, { as: aliceKey });
    expect(answer.status).toBe(404);
    const atHome = await house.services.apiKeys.create(
      { name: "home", scopes: ["account"], orgId: (await alice.identity()).orgId! },
      { style: "native" },
      { identity: await alice.identity(), origin: ORIGIN },
    );
    expect((await house.ask(`GET /v1/files/file-${TAIL}`, { as: atHome.secret! })).status).toBe(200);
  });
});
