// What the makers share: a clock that stands, keys and certificates that are made
// here, and the writer of one scheme's file.
import crypto from 'node:crypto';
import 'reflect-metadata'; // x509 asks for it
import * as x509 from '@peculiar/x509';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';

export const require = createRequire(import.meta.url);

/** The moment at which the vectors verify, in milliseconds. */
export const NOW = Date.parse('2026-03-01T12:00:00Z');
/** The same in seconds, as text. */
export const SECONDS = String(NOW / 1000);
/** The address that the vectors are sent to. */
export const URL_OF = (scheme) => `https://hooks.example.com/hooks/${scheme}`;

const RealDate = Date;

/** Runs fn while the clock stands at ms, so that an SDK that asks for the time gets it. */
export async function at(ms, fn) {
  class Standing extends RealDate {
    constructor(...args) {
      super(...(args.length ? args : [ms]));
    }
    static now() {
      return ms;
    }
  }
  globalThis.Date = Standing;
  try {
    return await fn();
  } finally {
    globalThis.Date = RealDate;
  }
}

/** Fails the run: a vector that the vendor's own code refuses is never written. */
export function must(ok, what) {
  if (!ok) throw new Error(`refused by the vendor's code: ${what}`);
}

/** Fails the run unless fn throws or gives something false. */
export async function mustRefuse(fn, what) {
  let got;
  try {
    got = await fn();
  } catch {
    return;
  }
  if (got) throw new Error(`accepted by the vendor's code, though it should not be: ${what}`);
}

/** HMAC of data under key. */
export function hmac(algorithm, key, data, encoding) {
  return crypto.createHmac(algorithm, key).update(data).digest(encoding);
}

/** Name and version of an installed package, for a source line. */
export function npm(name) {
  const file = path.join(path.dirname(new URL(import.meta.url).pathname), 'node_modules', name, 'package.json');
  return `${name} ${JSON.parse(fs.readFileSync(file, 'utf8')).version} (npm)`;
}

/**
 * A certificate of RSA 2048 for host that a root of its own signed, both good
 * until 2126: {key, leaf, root}, key a KeyObject, the others PEM.
 */
export async function certificate(host, organization) {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 };
  const pair = () => crypto.webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const [ca, own] = [await pair(), await pair()];
  const when = { notBefore: new RealDate('2025-01-01'), notAfter: new RealDate('2126-01-01'), signingAlgorithm: algorithm };
  const { BasicConstraintsExtension: Basic, KeyUsagesExtension: Usages, KeyUsageFlags: Flag } = x509;
  const issuer = 'CN=Test root, O=MeshHook tests';
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...when, serialNumber: '01', name: issuer, keys: ca,
    extensions: [new Basic(true, undefined, true), new Usages(Flag.keyCertSign, true)],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...when, serialNumber: '02', subject: `CN=${host}, O="${organization}"`, issuer, publicKey: own.publicKey, signingKey: ca.privateKey,
    extensions: [
      new Basic(false, undefined, true), new Usages(Flag.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
    ],
  });
  const pem = (c) => c.toString('pem').trim() + '\n';
  return { key: crypto.KeyObject.from(own.privateKey), leaf: pem(leaf), root: pem(root) };
}

/** An ed25519 key pair from 32 bytes, so that the same one is made every time. */
export function ed25519(seed) {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex'); // RFC 8410, section 7
  const secret = crypto.createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = crypto.createPublicKey(secret);
  return { secret, publicKey, raw: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32) };
}

/** Fills in what most cases share and writes vectors/NAME.json. */
export function write(name, source, docs, cases, more = {}) {
  const whole = cases.map((c) => ({
    method: 'POST', url: URL_OF(name), ...c,
    now: c.now ?? new RealDate(NOW).toISOString().replace('.000', ''), accept: c.accept ?? true,
  })).map(({ name: title, source: own, secret, secrets, method, url, headers, ...rest }) => ({
    name: title, ...(own && { source: own }), ...(secret !== undefined && { secret }), ...(secrets && { secrets }),
    method, url, headers: headers ?? {}, ...rest,
  }));
  for (const c of whole) {
    if (!c.accept && !c.why) throw new Error(`${name}: ${c.name}: a refusal needs a why`);
    if (c.body === undefined && c.body_base64 === undefined) c.body = '';
  }
  const dir = path.join(path.dirname(new URL(import.meta.url).pathname), 'vectors');
  fs.mkdirSync(dir, { recursive: true });
  const text = JSON.stringify({ scheme: name, source, docs, ...more, cases: whole }, null, 2);
  fs.writeFileSync(path.join(dir, `${name}.json`), text + '\n');
}
