/** `monorelay routes`: every route with the policy that guards it, for auditors and for tests. */
import { apiRoutes, describeRoutes, type RouteLine } from "../http/routes.ts";
import { EXIT } from "./exit.ts";
import type { GlobalOptions } from "./index.ts";
import { printJson, renderList } from "./output.ts";

export async function printRoutes({ json }: GlobalOptions): Promise<number> {
  // Only the table is read: no handler runs, so nothing has to be lent to them.
  const routes = describeRoutes(apiRoutes(undefined as never, ""));
  if (json === true) {
    printJson({ routes });
    return EXIT.done;
  }
  const columns = [
    { title: "METHOD", value: ({ method }: RouteLine) => method },
    { title: "PATH", value: ({ path }: RouteLine) => path },
    { title: "CALLER", value: ({ policy }: RouteLine) => policy.type },
    { title: "SCOPE", value: ({ policy }: RouteLine) => ("scope" in policy ? (policy.scope ?? null) : null) },
  ];
  process.stdout.write(renderList(columns, routes, process.stdout.isTTY === true));
  return EXIT.done;
}
