/** The dump of all routes as a command prints it. */
import { expect, spyOn, test } from "bun:test";
import { printRoutes } from "../../src/cli/routes.ts";

async function printed(json: boolean): Promise<string> {
  const write = spyOn(process.stdout, "write").mockImplementation(() => true);
  try {
    expect(await printRoutes({ json })).toBe(0);
    return write.mock.calls.map(([text]) => String(text)).join("");
  } finally {
    write.mockRestore();
  }
}

test("method, path and policy of every route, as one document or one line each", async () => {
  const { routes } = JSON.parse(await printed(true));
  expect(routes).toContainEqual({
    method: "DELETE",
    path: "/api/users/:id",
    policy: { type: "admin", scope: "users:write" },
    kind: "management",
  });
  expect(routes.every(({ policy }: { policy?: { type?: string } }) => typeof policy?.type === "string")).toBe(true);
  const lines = (await printed(false)).trimEnd().split("\n");
  expect(lines[0]).toBe("METHOD\tPATH\tCALLER\tSCOPE");
  expect(lines).toHaveLength(routes.length + 1);
  expect(lines).toContain("POST\t/v1/chat/completions\tany\tchat:write");
});
