/** Listens, says on which port, and then stands still: the system takes connections until its queue is full. */
const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
await Bun.write(Bun.stdout, `${server.port}\n`);
process.kill(process.pid, "SIGSTOP");
