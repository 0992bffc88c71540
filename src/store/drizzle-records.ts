/** Tells drizzle-kit how to make the migrations of requests.db; no part of the program. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/store/schema-records.ts",
  out: "./src/store/migrations/records",
});
