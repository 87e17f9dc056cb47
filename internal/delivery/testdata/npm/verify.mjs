// Reads messages from standard input, verifies each by the public libraries, and prints
// which ones took it. A message that one of them refuses, or takes with another body,
// ends it with an error.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import * as standard from "standardwebhooks";
import * as svix from "svix";

// Ed25519, as the specification of Standard Webhooks has it: the libraries verify v1 only.
class Asymmetric {
  constructor(key) {
    const raw = Buffer.from(key.slice("whpk_".length), "base64");
    const prefix = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo of Ed25519
    this.key = createPublicKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "spki" });
  }
  verify(body, headers) {
    const text = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
    for (const part of headers["webhook-signature"].split(" ")) {
      const [version, signature] = part.split(",");
      if (version === "v1a" && verify(null, Buffer.from(text), this.key, Buffer.from(signature, "base64"))) return;
    }
    throw new Error("no signature fits");
  }
}

const libraries = {
  v1: { standardwebhooks: standard.Webhook, svix: svix.Webhook },
  v1a: { "node:crypto": Asymmetric },
};

const took = [];
for (const message of JSON.parse(readFileSync(0, "utf8"))) {
  for (const [name, Library] of Object.entries(libraries[message.signing])) {
    for (const key of message.keys) {
      const library = new Library(key);
      library.verify(message.body, message.headers);
      for (const wrong of [
        { ...message, body: message.body + " " },
        { ...message, headers: { ...message.headers, "webhook-id": "another" } },
      ]) {
        let refused = false;
        try {
          library.verify(wrong.body, wrong.headers);
        } catch {
          refused = true;
        }
        if (!refused) throw new Error(`${name} takes a message that was changed`);
      }
      took.push(`${message.signing}: ${name}`);
    }
  }
}
console.log(JSON.stringify(took));
