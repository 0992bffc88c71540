/** A request whose body stops short of its end until the test lets it go on, over a socket of its own. */

export interface SlowRequest {
  /** Sends what was held back, and waits for the whole answer. */
  finish(): Promise<{ readonly status: number; readonly text: string }>;
}

/**
 * Sends the head and the body without its last byte, and returns once the server has answered a request that came
 * after: by then it has long let this one in and waits for the rest. `url`: of the server, `line`: e.g. `POST /api/keys`.
 */
export async function beginSlowly(
  url: string,
  line: string,
  credential: string,
  body: unknown,
  probe: () => Promise<unknown>,
): Promise<SlowRequest> {
  const { hostname, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<string>();
  const parts: Buffer[] = [];
  const socket = await Bun.connect({
    hostname,
    port: Number(port),
    socket: {
      data: (_each, data) => {
        parts.push(Buffer.from(data));
      },
      close: () => resolve(Buffer.concat(parts).toString("utf8")),
      error: () => resolve(""),
    },
  });
  const bytes = Buffer.from(JSON.stringify(body));
  const head = [
    `${line} HTTP/1.1`,
    `Host: ${hostname}`,
    `Authorization: Bearer ${credential}`,
    "Content-Type: application/json",
    `Content-Length: ${bytes.length}`,
    "Connection: close",
    "",
    "",
  ].join("\r\n");
  socket.write(Buffer.concat([Buffer.from(head), bytes.subarray(0, -1)]));
  socket.flush();
  for (let times = 0; times < 2; times += 1) await probe();
  return {
    async finish() {
      socket.write(bytes.subarray(-1));
      socket.flush();
      const text = await promise;
      return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text };
    },
  };
}
