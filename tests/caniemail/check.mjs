// Every golden letter against caniemail.com's data: nothing that Outlook or Gmail is known not to support.
import { caniemail } from "caniemail";
import { readdirSync, readFileSync } from "node:fs";

const golden = new URL("../golden/", import.meta.url);
const letters = readdirSync(golden).filter((name) => name.endsWith(".html"));
let failed = letters.length === 0;
for (const name of letters) {
  const html = readFileSync(new URL(name, golden), "utf8");
  const { issues } = caniemail({ clients: ["gmail.*", "outlook.*"], html });
  for (const [client, list] of issues.errors) {
    for (const { title, position } of list) {
      console.error(`${name}:${position?.start?.line ?? "?"}: ${title} is not supported by ${client}`);
      failed = true;
    }
  }
}
console.log(`${letters.length} letters`);
process.exit(failed ? 1 : 0);
