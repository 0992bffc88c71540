/** Paths: relative to the config file, `./data/…` in the data directory, never to the working directory. */
import { isAbsolute, join, resolve, sep } from "node:path";
import { bad } from "./formats.ts";
import type { Parsed, ScalarSpec, Surroundings } from "./kit.ts";
import { hasControlCharacters } from "./names.ts";
import { parseText, str } from "./scalars.ts";

/** `sun_path` holds 108 bytes with its end mark. */
const SOCKET_PATH_BYTES_MAX = 107;

/** Kept absolute. `./data/…` lies in the data directory, everything else is relative to the config file. */
export function path(kind: "file" | "socket" = "file"): ScalarSpec<string, ""> {
  return {
    ...str(),
    isConverted: true,
    parse(written, surroundings) {
      const text = parseText(written, { max: 4096 });
      if ("fault" in text) return text;
      const resolved = resolvePath(text.value, surroundings);
      if ("fault" in resolved || kind === "file") return resolved;
      return Buffer.byteLength(resolved.value) <= SOCKET_PATH_BYTES_MAX
        ? resolved
        : {
            fault: {
              code: "out_of_range",
              message: `must be at most ${SOCKET_PATH_BYTES_MAX} bytes as an absolute path`,
            },
          };
    },
  };
}

export function resolvePath(text: string, surroundings: Surroundings): Parsed<string> {
  const { baseDir, dataDir, allowsPath } = surroundings;
  if (hasControlCharacters(text)) return bad("must not contain control characters");
  if (text.startsWith("~")) return bad('must be a path without "~", which is not expanded here');
  if (/^[A-Za-z]:[\\/]|^\\\\/.test(text) && sep === "/") return bad("must be a path of this system, with /");
  let absolute: string;
  if (/^\.\/data(?:\/|$)/.test(text)) {
    absolute = join(dataDir, text.slice("./data".length));
    const isInside = absolute === dataDir || absolute.startsWith(dataDir.endsWith(sep) ? dataDir : dataDir + sep);
    if (!isInside) return bad("must stay inside the data directory");
  } else {
    absolute = isAbsolute(text) ? resolve(text) : resolve(baseDir, text);
  }
  if (allowsPath !== undefined && !allowsPath(absolute)) return bad("must stay inside the data directory");
  return { value: absolute };
}

/** `sqlite:<path>`; kept as the absolute path. */
export function databaseUrl(): ScalarSpec<string, ""> {
  return {
    ...str(),
    isConverted: true,
    encode: (value) => `sqlite:${value}`,
    parse(written, surroundings) {
      const text = parseText(written, { max: 4096 });
      if ("fault" in text) return text;
      if (/^postgres(?:ql)?:/i.test(text.value)) {
        return { fault: { code: "unsupported", message: "PostgreSQL is not supported yet; write sqlite:<path>" } };
      }
      const file = /^sqlite:(?:\/\/)?(.+)$/.exec(text.value)?.[1];
      return file === undefined || file === ":memory:"
        ? bad("must be sqlite:<path>", "sqlite:./data/monorelay.db")
        : resolvePath(file, surroundings);
    },
  };
}
