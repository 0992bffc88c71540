/** Relay's documented requests for keys (`guides/authentication`), in an order in which they follow from one another. */
import { expect } from "bun:test";
import type { Example } from "../documented.ts";

export const RELAY_HOSTS = ["https://api.relayai.dev"];

const text = expect.any(String);
/** Times of that product have no fraction. */
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
const uuid = expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/);
const key = (own: object) => ({
  id: uuid,
  name: text,
  key_prefix: "rl_live_",
  scopes: [],
  created_at: time,
  expires_at: null,
  last_used_at: null,
  ...own,
});
export const RELAY_UNAUTHORIZED = '{"detail":"Invalid or missing API key"}';
const KEYS = "https://api.relayai.dev/api/v1/auth/api-keys";
const WITH_KEY = '-H "X-API-Key: $RELAY_API_KEY"';
const JSON_HEADER = '-H "Content-Type: application/json"';

/** `$RELAY_API_KEY` is an existing key, as in the documentation; `$NEW_KEY` and `{key_id}` come of the first answer. */
export const RELAY_EXAMPLES: readonly Example[] = [
  {
    what: "making a key with an existing one",
    shell: `curl -X POST ${KEYS} \\
  ${WITH_KEY} \\
  ${JSON_HEADER} \\
  -d '{
    "name": "Production Server",
    "expires_at": "2095-12-31T23:59:59Z"
  }'`,
    status: 201,
    answer: key({
      name: "Production Server",
      key: expect.stringMatching(/^rl_live_\w{20,}$/),
      expires_at: "2095-12-31T23:59:59Z",
    }),
    keep: ({ id, key: secret }) => ({ "{key_id}": id, $NEW_KEY: secret }),
  },
  {
    what: "the very date of the documentation",
    shell: `curl -X POST ${KEYS} ${WITH_KEY} ${JSON_HEADER} -d '{"name": "Production Server", "expires_at": "2025-12-31T23:59:59Z"}'`,
    status: 422,
    answer: { detail: [{ loc: ["body", "expires_at"], msg: text, type: text }] },
    differs: "it has passed, and no key is made that is over already",
  },
  {
    what: "a key without an end",
    shell: `curl -X POST ${KEYS} ${WITH_KEY} ${JSON_HEADER} -d '{"name": "CI/CD Pipeline"}'`,
    status: 201,
    answer: key({ name: "CI/CD Pipeline", key: text }),
  },
  {
    what: "all keys of the account, none with its secret",
    shell: `curl ${KEYS} \\
  ${WITH_KEY}`,
    status: 200,
    answer: [
      key({ name: "CI/CD Pipeline" }),
      key({ name: "Production Server", expires_at: "2095-12-31T23:59:59Z" }),
      expect.objectContaining({ name: "first", key_prefix: "rl_live_" }),
    ],
  },
  {
    what: "the new key in its header, at a route of the relay",
    shell: `curl https://api.relayai.dev/v1/chat/completions -H "X-API-Key: $NEW_KEY" ${JSON_HEADER} -d '{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'`,
    status: 200,
    answer: { object: "chat.completion", choices: [{ message: { content: "hello" } }] },
  },
  {
    what: "another product's route",
    shell: `curl https://api.relayai.dev/api/v1/datasets \\
  -H "X-API-Key: $NEW_KEY"`,
    status: 404,
    differs: "the keys are Relay's, its data sets are not",
  },
  {
    what: "revoking a key",
    shell: `curl -X DELETE ${KEYS}/{key_id} \\
  ${WITH_KEY}`,
    status: 204,
    answer: "",
  },
  {
    what: "revoking it again",
    shell: `curl -X DELETE ${KEYS}/{key_id} ${WITH_KEY}`,
    status: 404,
    answer: '{"detail":"API key not found"}',
  },
  {
    what: "the revoked key",
    shell: `curl ${KEYS} -H "X-API-Key: $NEW_KEY"`,
    status: 401,
    answer: RELAY_UNAUTHORIZED,
  },
  { what: "no X-API-Key header", shell: `curl ${KEYS}`, status: 401, answer: RELAY_UNAUTHORIZED },
  {
    what: "a key that is none",
    shell: `curl ${KEYS} -H "X-API-Key: rl_live_a1b2c3d4e5f6g7h8i9j0"`,
    status: 401,
    answer: RELAY_UNAUTHORIZED,
  },
  {
    what: "a key with white space around it",
    shell: `curl ${KEYS} -H "X-API-Key:   $RELAY_API_KEY  "`,
    status: 200,
  },
];
