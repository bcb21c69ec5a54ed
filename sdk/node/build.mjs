// Builds the package twice: `tsc` checks the types and writes ES modules, which are translated to CommonJS.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

rmSync("dist", { recursive: true, force: true });
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], { stdio: "inherit" });
mkdirSync("dist/cjs", { recursive: true });
writeFileSync("dist/cjs/package.json", '{ "type": "commonjs" }\n');
const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, esModuleInterop: true };
for (const name of readdirSync("dist/esm", { recursive: true })) {
  const [from, to] = [join("dist/esm", name), join("dist/cjs", name)];
  if (name.endsWith(".d.ts")) cpSync(from, to);
  if (!name.endsWith(".js")) continue;
  mkdirSync(join(to, ".."), { recursive: true });
  writeFileSync(to, ts.transpileModule(readFileSync(from, "utf8"), { compilerOptions }).outputText);
}
