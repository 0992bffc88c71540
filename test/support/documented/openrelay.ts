/** OpenRelay's documented requests for keys, organisations and inference, in an order in which they follow from one another. */
import { expect } from "bun:test";
import type { Example } from "../documented.ts";

export const OPENRELAY_HOSTS = ["https://api.openrelay.inc", "https://example.com"];

const text = expect.any(String);
const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const scopes = expect.arrayContaining([text]);
const UNAUTHORIZED = '{"error":"Unauthorized","code":"unauthorized"}';
const FORBIDDEN = { error: text, code: "forbidden" };
const made = (own: object) => ({
  id: expect.stringMatching(/^key_/),
  key: expect.stringMatching(/^vl_\w{20,}$/),
  keyPrefix: expect.stringMatching(/^vl_\w{5}$/),
  scopes,
  createdAt: time,
  organizationId: expect.stringMatching(/^org_/),
  ...own,
});
const listed = (own: object) => ({
  id: expect.stringMatching(/^key_/),
  keyPrefix: expect.stringMatching(/^vl_\w{5}$/),
  scopes,
  lastUsedAt: null,
  expiresAt: null,
  revokedAt: null,
  createdAt: time,
  ...own,
});
const JSON_HEADER = '-H "Content-Type: application/json"';
const KEYS = "https://api.openrelay.inc/v1/orgs/$ORG_ID/api-keys";
const BEARER = '-H "Authorization: Bearer $OPENRELAY_API_KEY"';

/** `vl_your_api_key` and `$OPENRELAY_API_KEY` are an existing key; `{orgId}` and `$ORG_ID` its organisation. */
export const OPENRELAY_EXAMPLES: readonly Example[] = [
  {
    what: "docs/authentication: whose key is it",
    shell: `curl https://api.openrelay.inc/v1/me \\
  -H "Authorization: Bearer vl_your_api_key"`,
    status: 200,
    answer: {
      id: expect.stringMatching(/^key_/),
      type: "api_key",
      orgId: expect.stringMatching(/^org_/),
      name: "first",
      email: "alice@example.com",
      role: "owner",
      scopes,
    },
    differs:
      "flat and open to keys, as the page about authentication shows; its later description (user, organizations) is of dashboard sessions alone",
  },
  {
    what: "whoami: which organisation does the key act in",
    shell: `curl https://api.openrelay.inc/v1/whoami ${BEARER}`,
    status: 200,
    answer: {
      principalType: "api_key",
      organizationId: expect.stringMatching(/^org_/),
      organizationName: "Default",
      scopes,
    },
  },
  {
    what: "whoami: a session, with all its organisations",
    shell: `curl https://api.openrelay.inc/v1/whoami -H "Authorization: Bearer $SESSION"`,
    status: 200,
    answer: {
      principalType: "user",
      userId: "1",
      email: "alice@example.com",
      organizationId: expect.stringMatching(/^org_/),
      organizationName: "Default",
      role: "owner",
      availableOrgs: ["Default", "Team"].map((name) => ({
        organizationId: expect.stringMatching(/^org_/),
        name,
        role: "owner",
        features: { batch: false, publicEndpoint: false },
      })),
    },
  },
  {
    what: "docs/authentication: minting a key with an existing one",
    shell: `curl -X POST https://api.openrelay.inc/v1/orgs/{orgId}/api-keys/create \\
  -H "Authorization: Bearer vl_existing_key" \\
  ${JSON_HEADER} \\
  -d '{ "name": "ci-pipeline" }'`,
    status: 200,
    answer: made({ name: "ci-pipeline" }),
    keep: ({ id, key }) => ({ $KEY_ID: id, $NEW_KEY: key }),
  },
  {
    what: "createOrgApiKey: scopes of that product are kept",
    shell: `curl -X POST ${KEYS}/create ${BEARER} ${JSON_HEADER} -d '{"name": "ci-deploy", "scopes": ["clusters:read", "clusters:write", "vms:read"]}'`,
    status: 200,
    answer: made({ name: "ci-deploy", scopes: ["clusters:read", "clusters:write", "vms:read"] }),
    keep: ({ key }) => ({ $CLUSTER_KEY: key }),
  },
  {
    what: "createOrgApiKey: the scope of inference and a lifetime",
    shell: `curl -X POST ${KEYS}/create ${BEARER} ${JSON_HEADER} -d '{"name": "brief", "scopes": ["inference"], "expiresInSeconds": 3600}'`,
    status: 200,
    answer: made({ name: "brief", scopes: expect.arrayContaining(["chat:write", "models:read"]) }),
    keep: ({ key }) => ({ $INFERENCE_KEY: key }),
  },
  {
    what: "listOrgApiKeys",
    shell: `curl -X GET "${KEYS}" ${BEARER}`,
    status: 200,
    answer: [
      listed({ name: "brief", expiresAt: time }),
      listed({ name: "ci-deploy", scopes: ["clusters:read", "clusters:write", "vms:read"] }),
      listed({ name: "ci-pipeline" }),
      expect.objectContaining({ name: "first", revokedAt: null }),
    ],
  },
  ...(["Authorization: Bearer $INFERENCE_KEY", "x-api-key: $INFERENCE_KEY"] as const).map(
    (header): Example => ({
      what: `the Inference API, ${header}`,
      shell: `curl https://api.openrelay.inc/v1/chat/completions -H "${header}" ${JSON_HEADER} -d '{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'`,
      status: 200,
      answer: { object: "chat.completion", choices: [{ message: { role: "assistant", content: "hello" } }] },
    }),
  ),
  {
    what: "the Inference API's errors are OpenAI's",
    shell: `curl https://api.openrelay.inc/v1/chat/completions -H "x-api-key: vl_nobody" ${JSON_HEADER} -d '{}'`,
    status: 401,
    answer: { error: { message: text, type: text } },
  },
  {
    what: "docs/authentication: no key",
    shell: "curl https://api.openrelay.inc/v1/me",
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "docs/errors: an invalid key",
    shell: `curl ${KEYS} -H "Authorization: Bearer vl_your_lost_api_key"`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "docs/authentication: a key without the scope",
    shell: `curl ${KEYS} -H "Authorization: Bearer $INFERENCE_KEY"`,
    status: 403,
    answer: FORBIDDEN,
  },
  {
    what: "docs/authentication: scopes of that product open nothing here",
    shell: `curl https://api.openrelay.inc/v1/chat/completions -H "Authorization: Bearer $CLUSTER_KEY" ${JSON_HEADER} -d '{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}'`,
    status: 403,
    answer: { error: { message: text, type: "permission_error", code: "insufficient_scope" } },
  },
  {
    what: "docs/authentication: another organisation",
    shell: `curl https://api.openrelay.inc/v1/orgs/org_of_somebody/api-keys ${BEARER}`,
    status: 403,
    answer: FORBIDDEN,
  },
  {
    what: "docs/errors: malformed JSON",
    shell: `curl -X POST ${KEYS}/create ${BEARER} ${JSON_HEADER} -d '{"name": '`,
    status: 400,
    answer: { error: text, code: "invalid_request" },
  },
  {
    what: "docs/errors: well-formed, but without the name",
    shell: `curl -X POST ${KEYS}/create ${BEARER} ${JSON_HEADER} -d '{}'`,
    status: 422,
    answer: { error: text, code: "invalid_request" },
  },
  {
    what: "revokeOrgApiKey",
    shell: `curl -X DELETE "${KEYS}/$KEY_ID" ${BEARER}`,
    status: 204,
    answer: "",
  },
  {
    what: "the revoked key",
    shell: `curl https://api.openrelay.inc/v1/me -H "Authorization: Bearer $NEW_KEY"`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "revokeOrgApiKey: a key that never was",
    shell: `curl -X DELETE "${KEYS}/key_nothing" ${BEARER}`,
    status: 404,
    answer: { error: text, code: "not_found" },
  },
  {
    what: "docs/errors: a cluster, which is another product's",
    shell: `curl https://api.openrelay.inc/v1/orgs/$ORG_ID/clusters \\
  ${BEARER}`,
    status: 404,
    answer: { error: text, code: "not_found" },
    differs: "the keys are OpenRelay's, its machines are not",
  },
  {
    what: "the organisations of a session",
    shell: `curl https://api.openrelay.inc/v1/orgs -H "Authorization: Bearer $SESSION"`,
    status: 200,
    answer: ["Default", "Team"].map((name) => ({ id: expect.stringMatching(/^org_/), name, role: "owner" })),
  },
  {
    what: "addOrgMember: somebody with an account",
    shell: `curl -X POST "https://example.com/v1/orgs/$TEAM_ID/members/add" -H "Authorization: Bearer $SESSION" ${JSON_HEADER} -d '{ "email": "bob@example.com", "role": "admin" }'`,
    status: 200,
    answer: {
      userId: 2,
      role: "admin",
      email: "bob@example.com",
      fullName: null,
      avatarUrl: null,
      invitedAt: null,
      joinedAt: time,
    },
    differs: "numbers for people, null for what nobody is asked for here; whose address is vouched for joins at once",
  },
  {
    what: "addOrgMember: somebody who has told an address that nobody vouches for",
    shell: `curl -X POST "https://example.com/v1/orgs/$TEAM_ID/members/add" -H "Authorization: Bearer $SESSION" ${JSON_HEADER} -d '{ "email": "dave@example.com", "role": "member" }'`,
    status: 200,
    answer: { userId: null, role: "member", email: "dave@example.com", invitedAt: time, joinedAt: null },
    differs: "an address is somebody's when somebody else says so: until then it is invited",
  },
  {
    what: "addOrgMember: somebody who is invited",
    shell: `curl -X POST "https://example.com/v1/orgs/$TEAM_ID/members/add" -H "Authorization: Bearer $SESSION" ${JSON_HEADER} -d '{ "email": "carol@example.com", "role": "member" }'`,
    status: 200,
    answer: { userId: null, role: "member", email: "carol@example.com", invitedAt: time, joinedAt: null },
    differs: "null rather than an empty text for whoever has no account yet",
  },
];
