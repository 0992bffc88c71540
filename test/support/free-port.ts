/** A port for servers that have to be told one: below the range from which the system gives ports to connections. */
const FIRST = 20_000;
const COUNT = 12_000;

export function freePort(): number {
  const start = Math.floor(Math.random() * COUNT);
  for (let step = 0; step < 100; step += 1) {
    const port = FIRST + ((start + step) % COUNT);
    try {
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
      return port;
    } catch {
      // Somebody else's.
    }
  }
  throw new Error("no port is free");
}
