/** A temporary file without a name: what is too large for memory and cannot be sent on yet. */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const READ_BYTES = 256 * 1024;

export class Spool {
  #file: FileHandle | undefined;
  #path: string | undefined;
  #size = 0;
  /** Whoever still reads, and the one who made it. */
  #users = 1;

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#file ??= await this.#create();
    let at = 0;
    while (at < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#size);
      at += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  /** The bytes from `start` to `end`, in pieces; any number of times, until the maker and all readers are done. */
  async *read(start: number, end: number): AsyncGenerator<Uint8Array> {
    this.#users += 1;
    try {
      for (let at = start; at < end; ) {
        const buffer = new Uint8Array(Math.min(READ_BYTES, end - at));
        const { bytesRead } = await this.#file!.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) throw new Error("a temporary file is shorter than what was written to it");
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await this.release();
    }
  }

  /** The maker needs it no longer. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0 || this.#file === undefined) return;
    await this.#file.close().catch(() => {});
    if (this.#path !== undefined) await unlink(this.#path).catch(() => {});
  }

  /** Without its name it is gone with the process, however that ends; some systems keep names of open files. */
  async #create(): Promise<FileHandle> {
    const path = join(tmpdir(), `monorelay-${randomUUID()}.upload`);
    const file = await open(path, "wx+", 0o600);
    await unlink(path).catch(() => {
      this.#path = path;
    });
    return file;
  }
}
