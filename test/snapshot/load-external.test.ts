/** Plugin files that load: through the same door as the built-ins, again when they change, and not when they do not. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  type AnyProviderPlugin,
  type Codec,
  openaiChat,
  type ProviderHost,
  RelayError,
} from "../../src/plugin/index.ts";
import type { LoadedExternal } from "../../src/snapshot/load-external.ts";
import { complaintOf } from "../../src/snapshot/load-external-find.ts";
import { PluginFolder } from "./plugin-folder.ts";

let folder: PluginFolder;
beforeEach(() => {
  folder = new PluginFolder();
});
afterEach(() => folder.remove());

const corp = (body = "", url = `"https://llm.corp.example"`): string => `/** Corp. */
import { defineProvider, openaiChat, RelayError } from "monorelay/plugin";
${body}
export default defineProvider({
  id: "corp-ai",
  homepage: "https://corp.example",
  setup: () => ({
    codecs: [openaiChat],
    request: () => ({ url: ${url}, headers: {} }),
    dispose() {
      throw new RelayError("internal", "made by the plugin");
    },
  }),
});
`;

const gate = `import { defineAuth, Type } from "monorelay/plugin";
export default defineAuth({
  id: "gate",
  options: Type.Object({ open: Type.Boolean({ default: false, description: "Lets everybody in" }), word: Type.Optional(Type.Secret({ description: "To say" })) }),
  setup: () => ({ authenticate: () => ({ type: "skip" }) }),
});
`;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What the plugin's `request` answers: the part of these fixtures that changes. */
async function urlOf({ providers, problems }: LoadedExternal): Promise<string> {
  expect(problems).toEqual([]);
  const provider = await (providers[0] as AnyProviderPlugin).setup({} as never, {} as ProviderHost);
  const request = await provider.request({} as never);
  return request.url;
}

describe("a listed file", () => {
  test("loads as a single file or as a folder, whatever its plugin calls itself", async () => {
    const single = folder.write("corp.ts", corp());
    const index = folder.write("door/index.ts", gate);
    const { providers, auth, loaded, problems, warnings } = await folder.load(["door", "corp"]);
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
    expect(providers.map(({ id, homepage }) => [id, homepage])).toEqual([["corp-ai", "https://corp.example"]]);
    expect(auth.map(({ id }) => id)).toEqual(["gate"]);
    expect(loaded).toEqual([
      { name: "door", id: "gate", kind: "auth", file: index, sha256: sha256(gate), pinned: false },
      { name: "corp", id: "corp-ai", kind: "provider", file: single, sha256: sha256(corp()), pinned: false },
    ]);
    expect(folder.log.map(({ level, message, fields }) => [level, message, fields["name"], fields["sha256"]])).toEqual([
      ["info", "plugin loaded", "door", sha256(gate)],
      ["info", "plugin loaded", "corp", sha256(corp())],
    ]);
  });

  test("gets the codecs and the error class the relay itself uses", async () => {
    folder.write("corp.ts", corp());
    const { providers } = await folder.load(["corp"]);
    const provider = await (providers[0] as AnyProviderPlugin).setup({} as never, {} as ProviderHost);
    expect(provider.codecs[0]).toBe(openaiChat as Codec);
    expect(() => provider.dispose?.()).toThrow(RelayError);
  });

  test("may import types, modules of the runtime, JSON, helpers above it, and packages of its own", async () => {
    folder.write("corp/node_modules/greeting/index.js", `module.exports = "hello";\n`);
    folder.write("corp/names.json", `{ "path": "from-json" }`);
    folder.write("shared/host.ts", `#!/usr/bin/env bun\nexport const host = "shared.example";\n`);
    const imports = [
      `import { join } from "node:path";`,
      `import { createHash } from "crypto";`,
      `import { sleep } from "bun";`,
      `import type { Nothing } from "not-installed";`,
      `import { AlsoNothing } from "not-installed-either";`,
      `import greeting from "greeting";`,
      `import names from "./names.json";`,
      `import { host } from "../shared/host";`,
      `export type Both = Nothing | AlsoNothing;`,
      `export const used = [createHash, sleep];`,
    ];
    folder.write("corp/index.ts", corp(imports.join("\n"), `"https://" + join(host, greeting, names.path)`));
    const result = await folder.load(["corp"]);
    expect(await urlOf(result)).toBe("https://shared.example/hello/from-json");
    const inFolder = (path: string): string => join(folder.dir, path);
    expect(result.files).toContain(inFolder("shared/host.ts"));
    expect(result.files).toContain(inFolder("corp/names.json"));
    expect(result.files.filter((file) => file.includes("node_modules"))).toEqual([]);
  });

  test("may be a link inside the folder, as mounted configuration has it", async () => {
    folder.write("..2026_01/corp.ts", corp(`import { host } from "./host.ts";`, "host"));
    folder.write("..2026_01/host.ts", `export const host = "https://mounted.example";\n`);
    symlinkSync("..2026_01", join(folder.dir, "..data"));
    symlinkSync("..data/corp.ts", join(folder.dir, "corp.ts"));
    const first = await folder.load(["corp"]);
    expect(await urlOf(first)).toBe("https://mounted.example");
    expect(first.files).toContain(join(folder.dir, "corp.ts"));

    folder.write("..2026_02/corp.ts", corp("", `"https://swapped.example"`));
    symlinkSync("..2026_02", join(folder.dir, "..new"));
    renameSync(join(folder.dir, "..new"), join(folder.dir, "..data"));
    const second = await folder.load(["corp"], { knownBefore: first.known });
    expect(await urlOf(second)).toBe("https://swapped.example");
    expect(second.digests).not.toBe(first.digests);
  });

  test("with options that nobody explains is loaded with a warning", async () => {
    folder.write("corp.ts", gate.replace(`, description: "Lets everybody in"`, ""));
    const { auth, problems, warnings } = await folder.load(["corp"]);
    expect(problems).toEqual([]);
    expect(auth).toHaveLength(1);
    expect(warnings).toEqual([
      {
        path: "plugins.list[0]",
        line: 0,
        column: 0,
        code: "plugin",
        message:
          "plugins/corp.ts describes no option open: give it a description, operators see it in forms and errors",
        suggestion: null,
      },
    ]);
  });

  test("may name options like house keys when it is an auth plugin: they stand in a block of their own", async () => {
    folder.write("corp.ts", gate.replace("open:", "weight:"));
    expect((await folder.load(["corp"])).problems).toEqual([]);
  });
});

describe("a pin", () => {
  test("of one file is what sha256sum prints for it", async () => {
    folder.write("corp.ts", corp());
    const { loaded, problems } = await folder.load([{ name: "corp", sha256: sha256(corp()) }], { requireHash: true });
    expect(problems).toEqual([]);
    expect(loaded[0]).toMatchObject({ name: "corp", pinned: true });
  });

  test("of several files is that of their sha256sum listing, and one byte in a helper breaks it", async () => {
    const entry = corp(`import { host } from "./host.ts";\nimport "../a.ts";`, "host");
    folder.write("corp/index.ts", entry);
    folder.write("corp/host.ts", "export const host = 1;\n");
    folder.write("a.ts", "export {};\n");
    const listing = `${sha256("export {};\n")}  a.ts\n${sha256("export const host = 1;\n")}  corp/host.ts\n${sha256(entry)}  corp/index.ts\n`;
    const list = [{ name: "corp", sha256: sha256(listing) }];
    const first = await folder.load(list, { requireHash: true });
    expect(first.problems).toEqual([]);

    folder.write("corp/host.ts", "export const host = 2;\n");
    const second = await folder.load(list, { requireHash: true, knownBefore: first.known });
    expect(second.problems[0]?.message).toStartWith("PLUGIN_HASH plugins/corp/index.ts has changed");
    expect(second.providers).toEqual([]);
  });

  test("that was taken away or added later rules although the file is the same", async () => {
    folder.write("corp.ts", corp());
    const first = await folder.load(["corp"]);
    const second = await folder.load([{ name: "corp", sha256: "f".repeat(64) }], { knownBefore: first.known });
    expect(second.loaded).toEqual([]);
    expect(second.problems).toHaveLength(1);
  });
});

describe("the next load", () => {
  test("keeps the instance of an unchanged plugin, and says nothing about it again", async () => {
    folder.write("corp.ts", corp());
    folder.write("gate.ts", gate);
    const first = await folder.load(["corp", "gate"]);
    folder.log.length = 0;
    folder.write("gate.ts", `${gate}// one more line\n`);
    const second = await folder.load(["corp", "gate"], { knownBefore: first.known });
    expect(second.providers[0]).toBe(first.providers[0]!);
    expect(second.auth[0]).not.toBe(first.auth[0]!);
    expect(second.digests).not.toBe(first.digests);
    expect(folder.log.map(({ fields }) => fields)).toEqual([
      expect.objectContaining({ name: "gate", before: sha256(gate), sha256: sha256(`${gate}// one more line\n`) }),
    ]);
    const third = await folder.load(["corp", "gate"], { knownBefore: second.known });
    expect(third.digests).toBe(second.digests);
    expect(folder.log).toHaveLength(1);
  });

  test("reads a helper again when only the helper has changed, however deep it is", async () => {
    folder.write("corp/index.ts", corp(`import { host } from "./lib/host.ts";`, "host"));
    folder.write("corp/lib/host.ts", `export { host } from "./deep";\n`);
    folder.write("corp/lib/deep.ts", `export const host = "https://one.example";\n`);
    const first = await folder.load(["corp"]);
    expect(await urlOf(first)).toBe("https://one.example");
    folder.write("corp/lib/deep.ts", `export const host = "https://two.example";\n`);
    const second = await folder.load(["corp"], { knownBefore: first.known });
    expect(await urlOf(second)).toBe("https://two.example");
    expect(second.digests).not.toBe(first.digests);
    expect(await urlOf(first)).toBe("https://one.example");
  });

  test.each([
    ["does not parse", "export default {"],
    ["imports a file that is not there", corp(`import "./late.ts";`)],
    ["imports a folder that is not there", corp(`import "./late";`)],
    ["imports a name that is not there", corp(`import { nobody } from "monorelay/plugin";\nexport { nobody };`)],
    ["throws", corp(`throw new Error("not yet");`)],
    ["exports nothing", "export const nothing = 1;\n"],
    ["never ends", "while (true);\n"],
    ["exits", "process.exit(1);\n"],
  ])("mends a plugin that %s, at the same path and in the same process", async (_name, broken) => {
    folder.write("corp.ts", broken);
    const first = await folder.load(["corp"], { importMaxMs: broken.startsWith("while") ? 50 : 1000 });
    expect(first.problems).toHaveLength(1);
    expect(first.files).toContain(join(folder.dir, "corp.ts"));
    folder.write("late/index.ts", "export {};\n");
    folder.write("late.ts", "export {};\n");
    folder.write("corp.ts", corp(`import "./late";\nimport "./late.ts";`, `"https://mended.example"`));
    const second = await folder.load(["corp"], { knownBefore: first.known });
    expect(await urlOf(second)).toBe("https://mended.example");
    expect(second.digests).not.toBe(first.digests);
  });

  test("finds a helper that appeared, and asked to watch for it", async () => {
    folder.write("corp/index.ts", corp(`import { host } from "./host";`, "host"));
    const first = await folder.load(["corp"]);
    expect(first.problems).toHaveLength(1);
    const helper = join(folder.dir, "corp/host.ts");
    expect(first.files).toContain(helper);
    folder.write("corp/host.ts", `export const host = "https://late.example";\n`);
    expect(await urlOf(await folder.load(["corp"], { knownBefore: first.known }))).toBe("https://late.example");
  });

  test("finds a plugin that appeared, and asked to watch for it", async () => {
    const first = await folder.load(["corp"]);
    expect(first.files).toEqual([join(folder.dir, "corp.ts"), join(folder.dir, "corp")]);
    folder.write("corp/index.ts", corp());
    const second = await folder.load(["corp"], { knownBefore: first.known });
    expect(second.problems).toEqual([]);
    expect(second.digests).not.toBe(first.digests);
  });

  test("asks to watch what can be watched: every path in a folder that exists, and no more than counts", async () => {
    folder.write("corp.ts", corp(`import "./lib/late.ts";`));
    folder.write("gate/index.ts", gate);
    const { files } = await folder.load(["corp", "gate", "missing"]);
    const paths = files.map((file) => file.slice(folder.dir.length + 1));
    expect(paths.toSorted()).toEqual(["corp.ts", "gate.ts", "gate/index.ts", "lib", "missing", "missing.ts"]);
    const nowhere = await folder.load(["corp"], { dir: join(folder.base, "not/there") });
    expect(nowhere.files).toEqual([join(folder.base, "not")]);
  });

  test("forgets a plugin that is gone", async () => {
    folder.write("corp.ts", corp());
    const first = await folder.load(["corp"]);
    rmSync(join(folder.dir, "corp.ts"));
    const second = await folder.load(["corp"], { knownBefore: first.known });
    expect(second.problems[0]?.message).toStartWith("PLUGIN_NOT_FOUND");
    expect(second.known.size).toBe(0);
  });

  test("leaves one module per file behind, after any number of them", async () => {
    const modules = (): number => Object.keys(require.cache).filter((key) => key.startsWith(folder.dir)).length;
    let known: LoadedExternal["known"] = new Map();
    for (let round = 0; round < 10; round += 1) {
      folder.write("corp/host.ts", `export const host = "https://round-${round}.example";\n`);
      folder.write(
        "corp/index.ts",
        round % 2 === 0 ? corp(`import { host } from "./host.ts";`, "host") : "export default",
      );
      const result = await folder.load(["corp"], { knownBefore: known });
      if (round % 2 === 0) expect(await urlOf(result)).toBe(`https://round-${round}.example`);
      else expect(result.problems).toHaveLength(1);
      known = result.known;
    }
    expect(modules()).toBe(2);
  });
});

test("while a plugin loops at import, the relay goes on with its work", async () => {
  folder.write("corp.ts", "while (true);\n");
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 1);
  const { problems } = await folder.load(["corp"], { importMaxMs: 100 });
  clearInterval(timer);
  expect(problems).toHaveLength(1);
  expect(turns).toBeGreaterThan(10);
});

describe("a file counts as somebody else's to change", () => {
  const facts = { mode: 0o100644, uid: 1000, gid: 1000, isReadOnly: false, user: 1000 };
  test.each([
    ["its owner's own, 644", {}, undefined],
    ["root's, 644", { uid: 0, gid: 0 }, undefined],
    ["writable by the group that is its owner alone", { mode: 0o100664 }, undefined],
    ["writable by any other group", { mode: 0o100664, gid: 100 }, "chmod g-w"],
    ["root's, but writable by another group", { mode: 0o100664, uid: 0, gid: 100 }, "chmod g-w"],
    ["writable by everybody", { mode: 0o100646 }, "chmod go-w"],
    ["writable by everybody, mounted read-only", { mode: 0o40777, isReadOnly: true }, undefined],
    ["another user's", { uid: 1001, gid: 1001 }, "chown 1000"],
    ["another user's, mounted read-only", { uid: 1001, isReadOnly: true }, "chown 1000"],
    ["another user's while the relay is root", { user: 0 }, "chown 0"],
    ["where the system has no such numbers", { mode: 0o100666, user: undefined }, undefined],
  ])("%s", (_name, differs, command) => {
    expect(complaintOf({ ...facts, ...differs })?.command).toBe(command);
  });
});

test("the folder itself may be reached through a link", async () => {
  folder.write("corp.ts", corp());
  symlinkSync(folder.dir, join(folder.base, "link"));
  const { problems, loaded } = await folder.load(["corp"], { dir: join(folder.base, "link") });
  expect(problems).toEqual([]);
  expect(loaded[0]?.file).toBe(join(folder.dir, "corp.ts"));
});

test("a name that is a folder without index.ts is not found", async () => {
  mkdirSync(join(folder.dir, "corp"));
  expect((await folder.load(["corp"])).problems[0]?.message).toStartWith("PLUGIN_NOT_FOUND");
});
