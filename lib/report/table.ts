export * from "../display/table.ts";
