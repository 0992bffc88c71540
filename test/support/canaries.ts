/** Secrets of every shape that must not get anywhere: each holds the word that tests look for. */

export const CANARIES: readonly (readonly [kind: string, secret: string])[] = [
  ["provider key", "sk-proj-CANARY0123456789abcdef"],
  ["Anthropic key", "sk-ant-api03-CANARY-0123456789_abc"],
  ["our API key", "mr_CANARY0123456789abcdefghij"],
  ["relay-style key", "rl_live_CANARY0123456789abcdef"],
  ["openrelay-style key", "vl_CANARY0123456789abcdef"],
  ["GitHub token", "ghp_CANARY0123456789abcdefghijklmnop"],
  ["fine-grained GitHub token", "github_pat_CANARY0123456789_abcdefg"],
  ["Google key", "AIzaCANARY0123456789abcdefghijklmnopqrs"],
  ["Google access token", "ya29.c.CANARY0123456789-abc"],
  ["AWS key id", "AKIACANARY0123456789"],
  ["Slack token", "xoxb-CANARY0123456789"],
  ["Groq key", "gsk_CANARY0123456789abcdef"],
  ["JWT", "eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkiOjF9.CANARY0123456789abcdef"],
];
