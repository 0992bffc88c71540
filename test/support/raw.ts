/** Requests as no HTTP library would send them: bytes onto a socket of their own, and the status that came back. */

/** The status of the answer; 0 when the connection just ended. `port`: on 127.0.0.1. */
export async function rawStatus(port: number, bytes: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (each, data) => {
        text += data.toString("latin1");
        if (text.includes("\r\n")) each.end();
      },
      close: () => resolve(text),
      error: () => resolve(text),
    },
  });
  socket.write(bytes);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await promise)?.[1] ?? 0);
}

/** `Header: value` lines as they are given, without a body. */
export function rawRequest(line: string, headers: readonly string[]): string {
  return [`${line} HTTP/1.1`, "Host: localhost", "Content-Length: 0", ...headers, "", ""].join("\r\n");
}
