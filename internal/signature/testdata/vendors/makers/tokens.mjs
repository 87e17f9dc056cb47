// JSON Web Tokens, Plaid's among them, and Amazon's signed messages.
import crypto from 'node:crypto';
import { EventEmitter } from 'node:events';
import * as jose from 'jose';
import SNSValidator from 'sns-validator';
import { NOW, at, certificate, must, mustRefuse, npm, require, write } from '../lib.mjs';

const seconds = NOW / 1000;
const bearer = (token) => ({ 'Content-Type': 'application/json', Authorization: `Bearer ${token}` });

async function jwt(name) {
  const body = '{"event":"order.created","note":"Grüße, 東京"}';
  const claims = { iss: 'https://issuer.example.com', aud: 'meshhook', sub: 'sender', iat: seconds, exp: seconds + 300, nbf: seconds - 5 };
  const pem = (key) => key.export({ type: 'spki', format: 'pem' });
  const pairs = {
    RS256: crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), ES256: crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    ES384: crypto.generateKeyPairSync('ec', { namedCurve: 'P-384' }), ES512: crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' }), EdDSA: crypto.generateKeyPairSync('ed25519'),
  };
  for (const alg of ['RS384', 'RS512', 'PS256', 'PS384', 'PS512']) pairs[alg] = pairs.RS256;
  const phrase = { HS256: 'a-string-secret-at-least-256-bits-long', HS384: 'x'.repeat(48), HS512: 'a-string-secret-at-least-512-bits-long-'.repeat(2) };
  const token = (alg, key, more = {}, head = {}) => new jose.SignJWT({ ...claims, ...more }).setProtectedHeader({ alg, typ: 'JWT', ...head }).sign(key);
  const check = (jwtText, key, options) => at(NOW, () => jose.jwtVerify(jwtText, key, { issuer: claims.iss, audience: claims.aud, clockTolerance: 60, ...options }));
  const cases = [];
  const add = (title, secret, jwtText, verification, more = {}) => cases.push({ name: title, ...(secret && { secret }), headers: bearer(jwtText), body, verification: { issuer: claims.iss, audience: claims.aud, ...verification }, ...more });

  for (const [alg, secret] of Object.entries(phrase)) {
    const text = await token(alg, Buffer.from(secret));
    must(await check(text, Buffer.from(secret), { algorithms: [alg] }), alg);
    add(`${alg}, the secret as text`, secret, text, { algorithm: alg });
  }
  for (const [alg, { privateKey, publicKey }] of Object.entries(pairs)) {
    const text = await token(alg, privateKey, {}, { kid: 'key-1' });
    must(await check(text, publicKey, { algorithms: [alg] }), alg);
    add(`${alg}, PEM`, pem(publicKey), text, { algorithm: alg });
    if (!['RS256', 'ES256', 'EdDSA'].includes(alg)) continue;
    const jwk = { ...await jose.exportJWK(publicKey), kid: 'key-1', use: 'sig', alg };
    add(`${alg}, JWK`, JSON.stringify(jwk), text, { algorithm: alg });
  }
  const { privateKey, publicKey } = pairs.RS256;
  const other = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const set = JSON.stringify({ keys: [{ ...await jose.exportJWK(other.publicKey), kid: 'old', use: 'sig', alg: 'RS256' }, { ...await jose.exportJWK(publicKey), kid: 'new', use: 'sig', alg: 'RS256' }] });
  const where = 'https://issuer.example.com/.well-known/jwks.json';
  const jwks = { algorithm: 'RS256', jwks_url: where };
  for (const [kid, key] of [['old', other.privateKey], ['new', privateKey]]) {
    const text = await token('RS256', key, {}, { kid });
    must(await check(text, jose.createLocalJWKSet(JSON.parse(set)), { algorithms: ['RS256'] }), kid);
    add(`RS256, JWKS by URL, kid ${kid}`, undefined, text, jwks, { keys: { [where]: set } });
    add(`RS256, JWKS as text, kid ${kid}`, set, text, { algorithm: 'RS256' });
  }
  const RS = { algorithm: 'RS256' };
  const good = async (title, more, verification = RS, options = {}) => {
    const text = await token('RS256', privateKey, more);
    must(await check(text, publicKey, { algorithms: ['RS256'], ...options }), title);
    add(title, pem(publicKey), text, verification);
  };
  const bad = async (title, why, text, verification = RS, options = {}) => {
    await mustRefuse(() => check(text, publicKey, { algorithms: ['RS256'], ...options }), title);
    add(title, pem(publicKey), text, verification, { accept: false, why });
  };
  await good('aud is a list that holds ours', { aud: ['elsewhere', 'meshhook'] });
  await good('expired 59 s ago', { exp: seconds - 59 });
  await good('valid in 59 s', { nbf: seconds + 59 });
  await good('non-ASCII claims', { name: 'Zoë 東京' }, { ...RS, claims: { name: 'Zoë 東京' } });
  await bad('expired 61 s ago', 'exp has passed by more than the leeway', await token('RS256', privateKey, { exp: seconds - 61 }));
  await bad('valid in 61 s', 'nbf lies ahead by more than the leeway', await token('RS256', privateKey, { nbf: seconds + 61 }));
  await bad('another issuer', 'iss differs', await token('RS256', privateKey, { iss: 'https://issuer.example.com.evil.net' }));
  await bad('another audience', 'aud differs', await token('RS256', privateKey, { aud: 'elsewhere' }));
  await bad('aud is a list without ours', 'aud differs', await token('RS256', privateKey, { aud: ['a', 'b'] }));
  await bad('no issuer', 'iss is missing', await token('RS256', privateKey, { iss: undefined }));
  await bad('no audience', 'aud is missing', await token('RS256', privateKey, { aud: undefined }));
  await bad('exp is text', 'exp is not a number', (await token('RS256', privateKey, { exp: String(seconds + 300) }).catch(() => null)) ?? sign({ ...claims, exp: String(seconds + 300) }, privateKey));
  await bad('alg none', 'none is never taken', `${b64({ alg: 'none', typ: 'JWT' })}.${b64(claims)}.`);
  await bad('alg None with a signature that is left over', 'none is never taken', `${b64({ alg: 'None' })}.${b64(claims)}.${(await token('RS256', privateKey)).split('.')[2]}`);
  const confused = `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64(claims)}`;
  await bad('HS256 with the text of the RSA public key as the secret', 'the algorithm is the endpoint\'s', `${confused}.${crypto.createHmac('sha256', pem(publicKey)).update(confused).digest('base64url')}`);
  await bad('RS512 where the endpoint says RS256', 'the algorithm is the endpoint\'s', await token('RS512', privateKey));
  await bad('PS256 where the endpoint says RS256', 'the algorithm is the endpoint\'s', await token('PS256', privateKey));
  await bad('signed by another key', 'the signature differs', await token('RS256', other.privateKey));
  await bad('crit with a name that nobody knows', 'RFC 7515, section 4.1.11', sign(claims, privateKey, { crit: ['x'], x: 1 }));
  const named = await token('HS256', Buffer.from(phrase.HS256));
  cases.push({ name: 'in a header of its own, no Bearer', secret: phrase.HS256, headers: { 'X-Token': named }, body, verification: { algorithm: 'HS256', header: 'X-Token', issuer: claims.iss, audience: claims.aud } });
  cases.push({ name: 'printed: RFC 7515, appendix A.1; exp of 2011', source: 'RFC 7515', now: '2011-03-22T18:00:00Z', verification: { algorithm: 'HS256' }, body,
    secret: JSON.stringify({ kty: 'oct', k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow' }),
    headers: bearer('eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk') });
  const rfc = cases.at(-1);
  must(await at(Date.parse(rfc.now), () => jose.jwtVerify(rfc.headers.Authorization.slice(7), Buffer.from(JSON.parse(rfc.secret).k, 'base64url'), { algorithms: ['HS256'] })), rfc.name);
  write(name, `${npm('jose')}, SignJWT and jwtVerify; the tokens that jose does not make are put together with node:crypto, and jose refuses them`, 'https://www.rfc-editor.org/rfc/rfc7519', cases);
}

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of RS256 that a library of good manners would not make. */
function sign(claims, key, head = {}) {
  const text = `${b64({ alg: 'RS256', typ: 'JWT', ...head })}.${b64(claims)}`;
  return `${text}.${crypto.sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

async function plaid(name) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = 'bfbd5111-8e33-4643-8ced-b2e642a72f3c';
  const jwk = { alg: 'ES256', created_at: seconds - 9000, crv: 'P-256', expired_at: null, kid, kty: 'EC', use: 'sig', x: '', y: '', ...await jose.exportJWK(publicKey) };
  const url = 'https://production.plaid.com/webhook_verification_key/get';
  const keys = { [url]: JSON.stringify({ key: jwk, request_id: 'RZ6Omi1bzzwDaLo' }) };
  const body = JSON.stringify({ error: null, item_id: 'eVBnVMp7zdTJLkRNr33Rs6zr7KNJqBFL9DrE6', new_transactions: 19, webhook_code: 'DEFAULT_UPDATE', webhook_type: 'TRANSACTIONS', note: 'Überweisung 東京' }, null, 2);
  const hash = (text) => crypto.createHash('sha256').update(text).digest('hex');
  const make = (claims, alg = 'ES256', key = privateKey) => new jose.SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(key);
  const good = await make({ iat: seconds - 5, request_body_sha256: hash(body) });
  const check = async (text) => {
    const { payload } = await at(NOW, () => jose.jwtVerify(text, publicKey, { algorithms: ['ES256'], maxTokenAge: '5 min' }));
    return payload.request_body_sha256 === hash(body);
  };
  must(await check(good), name);
  const old = await make({ iat: seconds - 301, request_body_sha256: hash(body) });
  const foreign = await make({ iat: seconds, request_body_sha256: hash(body + ' ') });
  const untimed = await make({ request_body_sha256: hash(body) });
  for (const text of [old, foreign, untimed]) await mustRefuse(() => check(text), name);
  const hs = await make({ iat: seconds, request_body_sha256: hash(body) }, 'HS256', Buffer.from(JSON.stringify(jwk)));
  const add = (title, text, why) => ({ name: title, secret: JSON.stringify(jwk), headers: { 'Content-Type': 'application/json', 'Plaid-Verification': text }, body, keys, ...(why && { accept: false, why }) });
  write(name, `${npm('jose')}, SignJWT; accepted by jwtVerify with maxTokenAge and the hash of the body, which are the steps of the documentation (Plaid's SDK only fetches the key)`, 'https://plaid.com/docs/api/webhooks/webhook-verification/', [
    add('transactions, non-ASCII, two spaces of indent', good), add('301 s old', old, 'iat is older than 5 minutes'), add('of another body', foreign, 'request_body_sha256 differs'),
    add('no iat', untimed, 'iat is missing'), add('HS256', hs, 'the algorithm is ES256'),
  ]);
}

/** Answers https.get with text while fn runs, as the validator fetches certificates itself. */
async function serving(pages, fn) {
  const https = require('https');
  const real = https.get;
  https.get = (url, cb) => {
    const res = new EventEmitter();
    res.statusCode = url in pages ? 200 : 404;
    cb(res);
    res.emit('data', pages[url] ?? '');
    res.emit('end');
    return new EventEmitter();
  };
  try {
    return await fn();
  } finally {
    https.get = real;
  }
}

async function sns(name) {
  const { key, leaf, root } = await certificate('sns.amazonaws.com', 'Amazon.com, Inc.');
  const foreign = (await certificate('sns.amazonaws.com', 'Somebody')).key;
  const SigningCertURL = 'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-6209c161c6221fdf56ec1eb5c821d112.pem';
  const TopicArn = 'arn:aws:sns:eu-central-1:123456789012:MyTopic';
  const fields = { Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'] };
  fields.SubscriptionConfirmation = fields.UnsubscribeConfirmation = ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
  const signed = (message, version, by = key) => {
    const text = fields[message.Type].filter((f) => message[f] !== undefined).map((f) => `${f}\n${message[f]}\n`).join('');
    return { ...message, SignatureVersion: version, Signature: crypto.sign(version === '2' ? 'sha256' : 'sha1', Buffer.from(text), by).toString('base64') };
  };
  const notification = { Type: 'Notification', MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324', TopicArn, Subject: 'My First Message', Message: 'Hello\nworld! "Grüße" 東京', Timestamp: '2026-03-01T12:00:00.000Z', SigningCertURL, UnsubscribeURL: `https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=${TopicArn}:c9135db0-26c4-47ec-8998-413945fb5a96` };
  const { Subject, ...bare } = notification;
  const token = '2336412f37fb687f5d51e6e2425c464de257ea4b1b4b1b4f0';
  const confirmation = (Type) => ({ Type, MessageId: '165545c9-2a5c-472c-8df2-7ff2be2b3b1b', Token: token, TopicArn, Message: `You have chosen to subscribe to the topic ${TopicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
    SubscribeURL: `https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${TopicArn}&Token=${token}`, Timestamp: '2026-03-01T12:00:00.000Z', SigningCertURL });
  const headers = (message) => ({ 'Content-Type': 'text/plain; charset=UTF-8', 'User-Agent': 'Amazon Simple Notification Service Agent', 'x-amz-sns-message-type': message.Type, 'x-amz-sns-message-id': message.MessageId, 'x-amz-sns-topic-arn': TopicArn });
  const validator = new SNSValidator();
  const validate = (message) => serving({ [SigningCertURL]: leaf }, () => new Promise((done, fail) => validator.validate(JSON.stringify(message), (err, ok) => (err ? fail(err) : done(ok)))));
  const add = (title, message, more = {}) => ({ name: title, headers: headers(message), body: JSON.stringify(message, null, 2), keys: { [message.SigningCertURL]: leaf }, ...more });
  const good = [
    ['notification, version 1, non-ASCII', signed(notification, '1')], ['notification, version 2', signed(notification, '2')], ['notification without a subject', signed(bare, '2')],
    ['subscription confirmation, version 1', signed(confirmation('SubscriptionConfirmation'), '1')], ['subscription confirmation, version 2', signed(confirmation('SubscriptionConfirmation'), '2')],
  ];
  for (const [title, message] of good) must(await validate(message), title);
  const cases = good.map(([title, message]) => add(title, message));
  cases.push(add('unsubscribe confirmation, version 2', signed(confirmation('UnsubscribeConfirmation'), '2'), { source: 'the documentation lists Token among its signed fields; sns-validator leaves it out' }));
  const elsewhere = signed({ ...notification, SigningCertURL: 'https://sns.eu-central-1.amazonaws.com.example.net/x.pem' }, '2');
  const plain = signed({ ...notification, SigningCertURL: SigningCertURL.replace('https', 'http') }, '2');
  for (const [title, message, why] of [
    ['certificate from a foreign host', elsewhere, 'the host is not of SNS'], ['certificate over http', plain, 'https only'],
    ['signed by another key', signed(notification, '2', foreign), 'the signature differs'], ['version 3', { ...signed(notification, '2'), SignatureVersion: '3' }, 'the version is unknown'],
  ]) {
    await mustRefuse(() => validate(message), title);
    cases.push(add(title, message, { accept: false, why }));
  }
  write(name, `${npm('sns-validator')} (AWS), MessageValidator.validate; signed by a key of ours`, 'https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html', cases, { roots: root });
}

export default { jwt, plaid, sns };
