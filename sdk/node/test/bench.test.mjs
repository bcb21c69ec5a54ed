// The command that compares the guard with the usual libraries works: its figures are not those of this run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test from "node:test";

test("a known token costs less than the usual libraries", () => {
  const program = new URL("../bench/verify.mjs", import.meta.url).pathname;
  const lines = execFileSync(process.execPath, [program, "3", "40"], { encoding: "utf8" }).trim().split("\n");
  const found = lines.map((line) => /^(.*): .* us, ([\d.]+) of jose$/.exec(line)?.slice(1));
  assert.deepEqual(found.map(([name]) => name), ["jose", "express-jwt", "rolecall, a token for the first time", "rolecall, a token again"]);
  assert.ok(Number(found[3][1]) < 0.3, lines.join("\n"));
});
