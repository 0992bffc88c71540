/** MonoRelay's documented requests with the access key, and those that need no credential. */
import { expect } from "bun:test";
import type { Example } from "../documented.ts";
import { CHAT, hello, JSON_HEADER, number, text, UNAUTHORIZED } from "./monorelay-words.ts";

const MODEL = { id: text, object: "model", created: number, owned_by: text };

export const ACCESS_KEY_EXAMPLES: Example[] = [
  {
    what: "api/authentication: the access key as a Bearer token",
    shell: `curl https://relay.example.com/v1/chat/completions \\
  -H "Authorization: Bearer prisma-relay-change-me" \\
  ${JSON_HEADER} \\
  ${hello("gpt-4o")}`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "api/authentication: the access key in X-Access-Key",
    shell: `curl https://relay.example.com/v1/chat/completions \\
  -H "X-Access-Key: prisma-relay-change-me" \\
  ${JSON_HEADER} \\
  ${hello("gpt-4o")}`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "auth/local: the access key as a Bearer token, on one line",
    shell: `curl https://your-domain/v1/chat/completions \\
  -H "Authorization: Bearer your-secret-access-key" \\
  ${JSON_HEADER} \\
  -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "auth/local: the access key in X-Access-Key, on one line",
    shell: `curl https://your-domain/v1/chat/completions \\
  -H "X-Access-Key: your-secret-access-key" \\
  ${JSON_HEADER} \\
  -d '{"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}'`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "docs/README and the help page: a model of a named provider",
    shell: `curl -X POST http://localhost:8787/v1/chat/completions \\
  ${JSON_HEADER} \\
  -H "Authorization: Bearer YOUR_ACCESS_KEY" \\
  ${hello("gpt-4o@openai")}`,
    status: 200,
    answer: CHAT,
  },
  {
    what: "docs/README and api/models: the models, without a credential",
    shell: "curl http://localhost:8787/v1/models",
    status: 200,
    answer: { object: "list", data: expect.arrayContaining([{ ...MODEL, id: "gpt-4o", created: 1_710_000_000 }]) },
  },
  {
    what: "api/authentication: a public endpoint, /health",
    shell: "curl http://localhost:8787/health",
    status: 200,
    answer: { status: "ok", providers: { openai: { enabled: true, keys: 1, base_url: text } } },
  },
  {
    what: "api/admin-providers: a public endpoint, /api/info",
    shell: "curl http://localhost:8787/api/info",
    status: 200,
    answer: {
      local_ip: text,
      host: "127.0.0.1",
      port: number,
      base_url: expect.stringMatching(/^http:\/\/.*\/v1$/),
      access_key_enabled: true,
      system: {
        cpu_percent: number,
        memory_total: number,
        memory_used: number,
        memory_percent: number,
        disk_total: number,
        disk_used: number,
        disk_percent: number,
      },
    },
  },
  {
    what: "auth/local: no credential",
    shell: `curl https://your-domain/v1/chat/completions ${JSON_HEADER} ${hello("gpt-4o")}`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "auth/local: the wrong access key",
    shell: `curl https://your-domain/v1/chat/completions -H "Authorization: Bearer not-the-access-key" ${JSON_HEADER} ${hello("gpt-4o")}`,
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "api/admin-providers: management without a token",
    shell: "curl http://localhost:8787/api/users",
    status: 401,
    answer: UNAUTHORIZED,
  },
  {
    what: "docs/README: the access key at a management route",
    shell: `curl http://localhost:8787/api/users -H "Authorization: Bearer YOUR_ACCESS_KEY"`,
    status: 403,
    answer: { code: "insufficient_scope" },
    differs: "the access key calls models alone, unless server.access_key_scopes says more",
  },
];
