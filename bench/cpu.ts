/** What a process and everything below it used: CPU time and memory, as the kernel counts them. */
import { readdirSync, readFileSync } from "node:fs";

/** `getconf CLK_TCK`; 100 on every Linux that matters. The kernel's own count behind it is exact. */
const TICKS_PER_SECOND = 100;

export interface Memory {
  /** Bytes resident, shared pages included in each process that has them. */
  readonly rss: number;
  /** Bytes resident that belong to no file: heaps and stacks. */
  readonly anonymous: number;
}

/** User and system time so far in µs, of the process, its threads and its living descendants. */
export function cpuMicroseconds(pid: number): number {
  let ticks = 0;
  for (const id of treeOf(pid)) {
    const fields = statFields(id);
    ticks += Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
  }
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

export function memoryOf(pid: number): Memory {
  let rss = 0;
  let anonymous = 0;
  for (const id of treeOf(pid)) {
    const status = readText(`/proc/${id}/status`) ?? "";
    rss += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    anonymous += Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return { rss, anonymous };
}

/** The process and all its living descendants, parents first. */
export function treeOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const id = Number(name);
    const parent = Number.isInteger(id) ? Number(statFields(id)?.[1] ?? 0) : 0;
    if (parent > 0) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const tree = [pid];
  for (const id of tree) tree.push(...(children.get(id) ?? []));
  return tree;
}

/** The fields of `/proc/<pid>/stat` behind the name, which may itself contain blanks: state, parent, ... */
function statFields(pid: number): string[] | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Ended since the listing.
    return undefined;
  }
}
