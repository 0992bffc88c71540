/** Tells drizzle-kit how to make the migrations of monorelay.db; no part of the program. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/store/schema-accounts.ts",
  out: "./src/store/migrations/accounts",
});
