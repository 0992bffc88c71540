/** Words, headers and shapes that MonoRelay's documentation uses again and again. */
import { expect } from "bun:test";

/** Hosts that stand for the relay. */
export const HOSTS = [
  "https://relay.example.com",
  "https://your-domain",
  "https://<host>",
  "http://localhost:8787",
  "http://127.0.0.1:8787",
];
export const ACCESS = "documented-access-key-0123456789";
/** What stands in the place of the access key, or of any credential. */
export const ACCESS_WORDS = ["prisma-relay-change-me", "your-secret-access-key", "YOUR_ACCESS_KEY", "<token>"];
export const PASSWORD = "a-documented-password";

export const JSON_HEADER = `-H "Content-Type: application/json"`;
export const hello = (model: string) => `-d '{
    "model": "${model}",
    "messages": [{"role": "user", "content": "Hello!"}]
  }'`;

export const text = expect.any(String);
export const number = expect.any(Number);
export const UNAUTHORIZED = '{"error":{"message":"Unauthorized","type":"auth_error"}}';

/** `api/overview`: the envelope of a chat answer. */
export const CHAT = {
  id: text,
  object: "chat.completion",
  created: number,
  model: text,
  choices: [{ index: 0, message: { role: "assistant", content: text }, finish_reason: "stop" }],
  usage: { prompt_tokens: number, completion_tokens: number, total_tokens: number },
};
