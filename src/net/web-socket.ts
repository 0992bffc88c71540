/** A WebSocket to an upstream: stands, or is given up in time; then messages in both directions, as they are. */
import { NetError } from "./errors.ts";

export interface UpstreamSocketUser {
  message(data: string | Uint8Array): void;
  closed(code: number, reason: string): void;
}

export interface UpstreamSocket {
  /** The subprotocol agreed upon; empty = none. */
  readonly protocol: string;
  /** Bytes that wait to be sent. */
  readonly waiting: number;
  send(data: string | Uint8Array): void;
  /** Nothing more is read until `resume`. */
  pause(): void;
  resume(): void;
  ping(): void;
  close(code: number, reason: string): void;
  /** Breaks it off. */
  abort(): void;
}

export interface Opening {
  readonly socket: Promise<UpstreamSocket>;
  abort(): void;
}

/** `url`: ws or wss. The socket comes paused: its taker resumes it when it is ready for messages. */
export function openWebSocket(
  url: string,
  headers: Readonly<Record<string, string>>,
  protocols: readonly string[],
  connectMs: number,
  user: UpstreamSocketUser,
): Opening {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamSocket>();
  const socket = new WebSocket(url, { headers: { ...headers }, protocols: [...protocols] } as never);
  socket.binaryType = "nodebuffer";
  let isOpen = false;
  const timer = setTimeout(() => {
    socket.terminate();
    reject(new NetError("connect-timeout", "The upstream could not be reached in time."));
  }, connectMs);
  socket.onopen = () => {
    isOpen = true;
    clearTimeout(timer);
    // The taker may not be ready yet, and messages must not be lost to it.
    socket.pause();
    resolve({
      protocol: socket.protocol,
      get waiting() {
        return socket.bufferedAmount;
      },
      send: (data) => void socket.send(data as never),
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      ping: () => void socket.ping(),
      close: (code, reason) => socket.close(code, reason),
      abort: () => socket.terminate(),
    });
  };
  socket.onmessage = ({ data }) => user.message(data as string | Uint8Array);
  socket.onclose = ({ code, reason }) => {
    clearTimeout(timer);
    if (isOpen) user.closed(code, reason);
    else reject(new NetError("closed", "The upstream refused the WebSocket."));
  };
  return { socket: promise, abort: () => socket.terminate() };
}
