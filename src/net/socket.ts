/** What the runtime's sockets tell us, passed on to whoever uses a socket at the moment. */

/** As much of the runtime's sockets as is used, so that what leads through a proxy can stand in for one. */
export interface Socket {
  data: SocketUser;
  readonly authorized: boolean;
  readonly remoteAddress: string;
  /** How many bytes were taken; negative: the connection is broken. */
  write(bytes: Uint8Array, from: number, length: number): number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/** Somebody who dials, then the connection that came of it. */
export interface SocketUser {
  opened(socket: Socket): void;
  /** The end of a TLS handshake. `error`: why the certificate is not to be trusted. */
  shaken(socket: Socket, isTrusted: boolean, error: Error | null): void;
  /** `bytes` belong to whoever gets them. */
  receive(bytes: Buffer): void;
  /** The system takes more bytes again. */
  drained(): void;
  /** TLS has failed on an established connection; or a fault of our own. `closed` follows. */
  failed(error: Error): void;
  /** The socket is gone. `error`: not in good order. */
  closed(error: Error | undefined): void;
}

export const HANDLERS: Bun.SocketHandler<SocketUser> = {
  open: (socket) => socket.data.opened(socket),
  handshake: (socket, isTrusted, error) => socket.data.shaken(socket, isTrusted, error),
  data: (socket, bytes) => socket.data.receive(bytes),
  drain: (socket) => socket.data.drained(),
  error: (socket, error) => socket.data.failed(error),
  close: (socket, error) => socket.data.closed(error),
  // The promise of the attempt says the same.
  connectError: () => {},
};
