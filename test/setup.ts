/** Runs before every test file: one time zone, nobody's own cloud credentials, and no way out to the real network. */
process.env.TZ = "UTC";
process.env.NO_COLOR = "1";
for (const name of Object.keys(process.env)) {
  if (/^(AWS|GOOGLE|AZURE|GCE|CLOUDSDK|IDENTITY)_/.test(name)) delete process.env[name];
}
for (const name of ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "CLOUDSDK_CONFIG"])
  process.env[name] = "/nonexistent";

const realFetch = globalThis.fetch;
const guarded = (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
  const url = new URL(typeof input === "string" || input instanceof URL ? input : input.url);
  const isLocal = url.hostname === "127.0.0.1" || url.hostname === "localhost" || url.hostname === "[::1]";
  if (!isLocal) throw new Error(`test/setup.ts: a test tried to reach ${url.hostname}; tests talk to loopback only`);
  return realFetch(input, init);
};
globalThis.fetch = Object.assign(guarded, { preconnect: realFetch.preconnect }) as typeof fetch;
