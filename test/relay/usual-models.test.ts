/** Calls that name no model where the vendor takes one of its own: that one, if it is served here, else they are told to name one. */
import { afterEach, describe, expect, test } from "bun:test";
import { readJson } from "../support/json.ts";
import { KEY, startRelay, type TestRelay } from "../support/relay.ts";
import { startUpstream, type Upstream } from "../support/upstream.ts";

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.stop();
});

const ALL = "[dall-e-2, gpt-image-1.5, omni-moderation-latest, whisper-1, tts-1]";

async function start(include = ALL, more = ""): Promise<{ up: Upstream; under: TestRelay }> {
  const up = await startUpstream({ json: { created: 1, data: [], results: [] } });
  open.push(up);
  const under = await startRelay(`
providers:
  main: { base_url: "${up.url}/v1", keys: [{ key: vendor-key-1 }], models: { include: ${include} } }
${more}`);
  open.push(under);
  return { up, under };
}

const BOUNDARY = "----b0undary";
const part = (name: string, value: string, more = "") =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const FORM = `${part("prompt", "a cat")}${part("image", "\x89PNG", '; filename="a.png"')}--${BOUNDARY}--\r\n`;
const asForm = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };

const send = (under: TestRelay, path: string, body: string, headers: Record<string, string>): Promise<Response> =>
  fetch(under.url + path, { method: "POST", headers: { authorization: `Bearer ${KEY}`, ...headers }, body });

const USUAL: readonly (readonly [path: string, body: string, headers: Record<string, string>, model: string])[] = [
  ["/v1/images/generations", '{"prompt":"a cat"}', {}, "dall-e-2"],
  ["/v1/images/edits", FORM, asForm, "gpt-image-1.5"],
  ["/v1/images/edits", '{"prompt":"a cat","images":[{"file_id":"f"}]}', {}, "gpt-image-1.5"],
  ["/v1/images/variations", FORM, asForm, "dall-e-2"],
  ["/v1/moderations", '{"input":"a cat"}', {}, "omni-moderation-latest"],
];
/** What arrives for a model that was not named. */
function withModel(body: string, model: string): string {
  return body === FORM ? part("model", model) + FORM : `${body.slice(0, -1)},"model":"${model}"}`;
}
const json = (headers: Record<string, string>) => ({ "content-type": "application/json", ...headers });

describe.each(USUAL)("%s without a model", (path, body, headers, model) => {
  test("is asked of the vendor's usual one, which is named to it; every other byte stays", async () => {
    const { up, under } = await start();
    const answer = await send(under, path, body, json(headers));
    expect(answer.status).toBe(200);
    expect(up.received.map(({ text }) => text)).toEqual([withModel(body, model)]);
    expect((await under.recorded(1))[0]).toMatchObject({ requestedModel: model, model, status: 200 });
  });

  test("follows an alias of that name", async () => {
    const { up, under } = await start("[house-model]", `model_routing: { aliases: { "${model}": house-model } }`);
    expect((await send(under, path, body, json(headers))).status).toBe(200);
    expect(up.received.map(({ text }) => text)).toEqual([withModel(body, "house-model")]);
  });

  test("is refused where nobody serves that: the answer says what to do, and nobody is asked", async () => {
    const { up, under } = await start("[other-model]");
    const answer = await send(under, path, body, json(headers));
    const { error } = (await readJson(answer)) as { error: { message: string } };
    expect([answer.status, error]).toMatchObject([
      400,
      { type: "invalid_request_error", param: "model", code: "missing_required_parameter" },
    ]);
    expect(error.message).toContain(model);
    expect(error.message).toContain("/v1/models");
    expect(up.received).toEqual([]);
  });
});

test("a part may stand behind a preamble, and a form may be too large to be kept: the model comes first all the same", async () => {
  const { up, under } = await start();
  const large = `ignored\r\n${part("image", "x".repeat(5 * 1024 * 1024), '; filename="a.png"')}--${BOUNDARY}--\r\n`;
  const stream = new Blob([large]).stream();
  const answer = await fetch(`${under.url}/v1/images/edits`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, ...asForm },
    body: stream,
  });
  expect(answer.status).toBe(200);
  const text = up.received[0]!.text;
  expect(text.length).toBe(large.length + part("model", "gpt-image-1.5").length);
  expect(text.startsWith(`ignored\r\n${part("model", "gpt-image-1.5")}--${BOUNDARY}`)).toBe(true);
});

describe("is refused, and nobody is asked", () => {
  test.each([
    [
      "a picture with what the usual model does not take",
      "/v1/images/generations",
      '{"prompt":"x","background":"auto"}',
    ],
    ["speech, of which the vendor has no usual model", "/v1/audio/speech", '{"input":"x","voice":"alloy"}'],
    ["a name that is none", "/v1/images/generations", '{"prompt":"x","model":""}'],
  ])("%s", async (_name, path, body) => {
    const { up, under } = await start();
    const answer = await send(under, path, body, json({}));
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { param: "model" } }]);
    expect(up.received).toEqual([]);
  });

  test.each(["/v1/audio/transcriptions", "/v1/audio/translations"])("%s, which needs one", async (path) => {
    const { up, under } = await start();
    const answer = await send(under, path, FORM, asForm);
    expect([answer.status, await readJson(answer)]).toMatchObject([400, { error: { param: "model" } }]);
    expect(up.received).toEqual([]);
  });

  test("a model that was named and is not served is not found, whatever the usual one is", async () => {
    const { up, under } = await start();
    const answer = await send(under, "/v1/images/generations", '{"prompt":"x","model":"dall-e-9"}', json({}));
    expect(answer.status).toBe(404);
    expect(up.received).toEqual([]);
  });

  test("JSON where only forms are taken", async () => {
    const { up, under } = await start();
    const answer = await send(under, "/v1/images/variations", '{"model":"dall-e-2"}', json({}));
    expect(answer.status).toBe(415);
    expect(up.received).toEqual([]);
  });
});
