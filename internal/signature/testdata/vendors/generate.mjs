// Makes vectors/*.json with the vendors' own SDKs; see README.md.
import fs from 'node:fs';

const only = process.argv.slice(2);
for (const file of fs.readdirSync(new URL('makers/', import.meta.url)).sort()) {
  for (const [name, make] of Object.entries((await import(`./makers/${file}`)).default)) {
    if (only.length && !only.includes(name)) continue;
    await make(name);
    console.log(name);
  }
}
