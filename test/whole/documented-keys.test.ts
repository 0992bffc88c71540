/** Relay's and OpenRelay's documented requests, as they stand, against the binary: only base URL and key are ours. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RunningBinary, startBinary } from "../support/binary.ts";
import { OPENRELAY_EXAMPLES, OPENRELAY_HOSTS } from "../support/documented/openrelay.ts";
import { RELAY_EXAMPLES, RELAY_HOSTS, RELAY_UNAUTHORIZED } from "../support/documented/relay.ts";
import { Desk, missingForExamples, titled } from "../support/documented.ts";
import { readJson } from "../support/json.ts";

setDefaultTimeout(20_000);
const unless = missingForExamples === undefined ? "" : ` (${missingForExamples})`;

/** A relay with three accounts, and the session of its owner. */
async function start(): Promise<{
  relay: RunningBinary;
  session: string;
  post: (path: string, body: object) => Promise<ReturnType<typeof readJson>>;
}> {
  const relay = await startBinary();
  let session = "";
  const post = async (path: string, body: object) => {
    const authorization = session === "" ? {} : { authorization: `Bearer ${session}` };
    const headers = { "content-type": "application/json", ...authorization };
    const answer = await fetch(relay.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return readJson(answer);
  };
  const person = (username: string) => ({
    username,
    email: `${username}@example.com`,
    password: "correct horse 7 battery",
  });
  session = (await post("/api/auth/register", person("alice"))).access_token;
  // An admin stands for his address; for dave's nobody does.
  await post("/api/users", person("bob"));
  await post("/api/auth/register", person("dave"));
  return { relay, session, post };
}

describe.skipIf(missingForExamples !== undefined)(`Relay's documented requests${unless}`, () => {
  let relay: RunningBinary;
  let desk: Desk;

  beforeAll(async () => {
    const { relay: started, post } = await start();
    relay = started;
    desk = new Desk(relay, RELAY_HOSTS);
    desk.set({ $RELAY_API_KEY: (await post("/api/v1/auth/api-keys", { name: "first" })).key });
  });
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
  });

  test.each(titled(RELAY_EXAMPLES))("%s", async (_title, example) => void (await desk.check(example)));

  test("a key that has expired", async () => {
    const soon = new Date(Math.ceil(Date.now() / 1000) * 1000 + 1000).toISOString().replace(/\.\d+/, "");
    const { body } = await desk.run(
      `curl -X POST https://api.relayai.dev/api/v1/auth/api-keys -H "X-API-Key: $RELAY_API_KEY" -H "Content-Type: application/json" -d '{"name": "brief", "expires_at": "${soon}"}'`,
    );
    const { key, expires_at } = body as { key: string; expires_at: string };
    expect(expires_at).toBe(soon);
    desk.set({ $BRIEF_KEY: key });
    const asked = () => desk.run(`curl https://api.relayai.dev/api/v1/auth/api-keys -H "X-API-Key: $BRIEF_KEY"`);
    let answer = await asked();
    while (answer.status === 200) {
      expect(Date.now()).toBeLessThan(Date.parse(soon) + 1000);
      await Bun.sleep(50);
      answer = await asked();
    }
    expect([answer.status, answer.text]).toEqual([401, RELAY_UNAUTHORIZED]);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon));
  });
});

describe.skipIf(missingForExamples !== undefined)(`OpenRelay's documented requests${unless}`, () => {
  let relay: RunningBinary;
  let desk: Desk;

  beforeAll(async () => {
    const { relay: started, session, post } = await start();
    relay = started;
    desk = new Desk(relay, OPENRELAY_HOSTS);
    desk.set({ $SESSION: session });
    const { body } = await desk.run('curl https://api.openrelay.inc/v1/me -H "Authorization: Bearer $SESSION"');
    const { orgId } = body as { orgId: string };
    const { key } = await post(`/v1/orgs/${orgId}/api-keys/create`, { name: "first", scopes: ["account"] });
    desk.set({ "{orgId}": orgId, $ORG_ID: orgId });
    desk.set({ vl_your_api_key: key, vl_existing_key: key, $OPENRELAY_API_KEY: key });
    desk.set({ $TEAM_ID: (await post("/api/orgs", { name: "Team" })).id });
  });
  afterAll(async () => {
    expect(await relay.stop()).toBe(0);
  });

  test.each(titled(OPENRELAY_EXAMPLES))("%s", async (_title, example) => void (await desk.check(example)));
});
