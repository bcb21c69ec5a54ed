// Writes the programs of the pages to files, so that the compiler checks them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const folder = new URL("pages/", import.meta.url);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
let count = 0;
for (const page of ["../../README.md", "../../../../docs/node.md"]) {
  const text = readFileSync(new URL(page, import.meta.url), "utf8");
  for (const [, program] of text.matchAll(/```ts\n(.*?)```/gs)) {
    writeFileSync(new URL(`${(count += 1)}.ts`, folder), `${program}export {};\n`);
  }
}
if (count < 8) throw new Error(`only ${count} programs found`);
writeFileSync(new URL("modules.d.ts", folder), 'declare module "cors" { export default function cors(): import("express").RequestHandler; }\n');
