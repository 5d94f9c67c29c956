export * from "../display/displayable.ts";
