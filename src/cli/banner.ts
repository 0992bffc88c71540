/** What a person sees when the relay is ready. */

export interface BannerFacts {
  readonly version: string;
  readonly readyMs: number;
  readonly url: string;
  readonly dataDir: string;
  readonly configPath: string | null;
  /** Only at the very first start; shown this once. */
  readonly accessKey: string | null;
  /** Nobody has an account yet. */
  readonly isFirstRun: boolean;
  readonly providers: number;
  readonly models: number;
  readonly generation: number;
  readonly hasEcho: boolean;
  /** Names of well-known keys that lie in the environment and are not used. */
  readonly unusedKeys: readonly string[];
}

const KEY_VARIABLES = [
  "OPENAI_API_KEY",
  "ANTHROPIC_API_KEY",
  "GEMINI_API_KEY",
  "OPENROUTER_API_KEY",
  "GROQ_API_KEY",
  "MISTRAL_API_KEY",
  "DEEPSEEK_API_KEY",
  "XAI_API_KEY",
];

/** Vendors' keys that lie ready but that no setting refers to. */
export function unusedKeys(env: Readonly<Record<string, string | undefined>>, configText: string): string[] {
  return KEY_VARIABLES.filter((name) => (env[name] ?? "") !== "" && !configText.includes(name));
}

export function renderBanner(facts: BannerFacts): string {
  const ready = `ready in ${Math.round(facts.readyMs)} ms`;
  const title = `MonoRelay ${facts.version}`;
  const lines = [
    `  ${title}${" ".repeat(Math.max(2, 60 - title.length - ready.length))}${ready}`,
    "",
    `  API         ${facts.url}/v1      OpenAI · Anthropic`,
    `  Data        ${facts.dataDir}`,
    `  Config      ${facts.configPath ?? "none, using defaults"}`,
    `  Serving     ${facts.providers} providers · ${facts.models} models · generation ${facts.generation}`,
  ];
  if (facts.isFirstRun) {
    lines.push("", "  First run. The first account becomes super admin: monorelay user create NAME");
  }
  if (facts.accessKey !== null) {
    lines.push("", `  Access key (shown once, may call models): ${facts.accessKey}`);
    if (facts.hasEcho) lines.push("  Try it now, no provider needed:", ...curl(facts.url, facts.accessKey));
  }
  if (facts.unusedKeys.length > 0) {
    lines.push("", `  Seen in the environment, not used: ${facts.unusedKeys.join(", ")}`);
  }
  lines.push("  Ctrl-C stops.", "");
  return `${lines.join("\n")}\n`;
}

function curl(url: string, key: string): string[] {
  return [
    `    curl ${url}/v1/chat/completions \\`,
    `      -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\`,
    `      -d '{"model":"echo","messages":[{"role":"user","content":"hello"}]}'`,
  ];
}
