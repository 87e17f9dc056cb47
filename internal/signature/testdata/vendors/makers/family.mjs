// The family of Standard Webhooks: one format, headers webhook-* or svix-*.
import crypto from 'node:crypto';
import OpenAI from 'openai';
import { Resend } from 'resend';
import { Webhook as Standard } from 'standardwebhooks';
import { Webhook as Svix } from 'svix';
import { verifyWebhook } from '@clerk/backend/webhooks';
import { NOW, SECONDS, URL_OF, at, ed25519, must, mustRefuse, npm, write } from '../lib.mjs';

const spec = 'https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md';
const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const old = 'whsec_' + Buffer.alloc(32, 'an older secret ').toString('base64');
const id = 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W';

function headers(family, signature, more = {}) {
  return {
    'Content-Type': 'application/json', [`${family}-id`]: id, [`${family}-timestamp`]: SECONDS,
    [`${family}-signature`]: signature, ...more,
  };
}

async function standard(name) {
  const body = JSON.stringify({ type: 'invoice.paid', timestamp: '2026-03-01T12:00:00Z', data: { id: '1f81eb52', note: 'Überweisung, 20 €' } });
  const make = (key) => new Standard(key).sign(id, new Date(NOW), body);
  const both = `${make(secret)} ${make(old)}`;
  const check = (key, signature) => at(NOW, () => new Standard(key).verify(body, headers('webhook', signature)));
  for (const key of [secret, old]) must(await check(key, both), name);
  const pair = ed25519(crypto.createHash('sha256').update('standard webhooks v1a').digest());
  const v1a = 'v1a,' + crypto.sign(null, Buffer.from(`${id}.${SECONDS}.${body}`), pair.secret).toString('base64');
  must(await check(secret, `${v1a} ${make(secret)}`), name);
  await mustRefuse(() => check(secret, make(secret).replace('v1,', 'v2,')), 'version v2 only');
  const printed = {
    name: 'in the tests of the reference libraries', source: 'standard-webhooks/standard-webhooks, libraries/*',
    secret, body: '{"test": 2432232314}', now: '2021-02-25T15:02:10Z',
    headers: { 'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek', 'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=' },
  };
  must(await at(1614265330000, () => new Standard(secret).verify(printed.body, printed.headers)), 'printed');
  const asymmetric = 'v1a by the specification (ed25519 of node:crypto); no library of npm checks v1a';
  write(name, `${npm('standardwebhooks')}, Webhook.sign and verify`, spec, [
    { name: 'one signature, non-ASCII', secret, headers: headers('webhook', make(secret)), body },
    { name: 'secret without its prefix', secret: secret.slice(6), headers: headers('webhook', make(secret)), body },
    { name: 'two signatures while the secret rolls, the new secret', secret, headers: headers('webhook', both), body },
    { name: 'two signatures while the secret rolls, the old secret', secret: old, headers: headers('webhook', both), body },
    { name: 'v1a beside v1, the symmetric secret', secret, headers: headers('webhook', `${v1a} ${make(secret)}`), body },
    { name: 'v1a, the public key', source: asymmetric, secret: 'whpk_' + pair.raw.toString('base64'), headers: headers('webhook', v1a), body },
    { name: 'v1 beside v1a, the public key', source: asymmetric, secret: 'whpk_' + pair.raw.toString('base64'),
      headers: headers('webhook', `${make(secret)} ${v1a}`), body },
    printed,
    { name: 'an unknown version only', secret, headers: headers('webhook', make(secret).replace('v1,', 'v2,')), body,
      accept: false, why: 'no v1 signature' },
    { name: 'the right digest as v1a', secret, headers: headers('webhook', make(secret).replace('v1,', 'v1a,')), body,
      accept: false, why: 'v1a is a signature of ed25519, not a digest' },
  ]);
}

async function svix(name) {
  const body = JSON.stringify({ type: 'user.created', data: { id: 'usr_1', name: 'Zoë Łukasz' } });
  const make = (key) => new Svix(key).sign(id, new Date(NOW), body);
  const both = `${make(old)} ${make(secret)}`;
  for (const family of ['svix', 'webhook']) {
    must(await at(NOW, () => new Svix(secret).verify(body, headers(family, both))), name);
  }
  write(name, `${npm('svix')}, Webhook.sign and verify`, 'https://docs.svix.com/receiving/verifying-payloads/how-manual', [
    { name: 'svix-* headers', secret, headers: headers('svix', make(secret)), body },
    { name: 'two signatures', secret, headers: headers('svix', both), body },
    { name: 'webhook-* headers, which Svix sends where the sender chose them', secret, headers: headers('webhook', make(secret)), body },
  ]);
}

async function clerk(name) {
  const body = JSON.stringify({
    data: { id: 'user_29w83sxmDNGwOuEthce5gg56FcC', object: 'user', first_name: 'Exämple', email_addresses: [{ email_address: 'example@example.org' }] },
    event_attributes: { http_request: { client_ip: '0.0.0.0', user_agent: 'Mozilla/5.0' } },
    instance_id: 'ins_123', object: 'event', timestamp: NOW - 2000, type: 'user.created',
  });
  const signature = new Svix(secret).sign(id, new Date(NOW), body);
  const request = new Request(URL_OF(name), { method: 'POST', headers: headers('svix', signature), body });
  must((await at(NOW, () => verifyWebhook(request, { signingSecret: secret }))).type === 'user.created', name);
  write(name, `${npm('svix')}, Webhook.sign; accepted by ${npm('@clerk/backend')}, verifyWebhook`,
    'https://clerk.com/docs/reference/backend/verify-webhook', [{ name: 'user.created, non-ASCII', secret, headers: headers('svix', signature), body }]);
}

async function resend(name) {
  const body = JSON.stringify({
    type: 'email.delivered', created_at: '2026-03-01T11:59:58.000Z',
    data: { email_id: '56761188-7520-42d8-8898-ff6fc54ce618', from: 'Acme <onboarding@resend.dev>', to: ['delivered@resend.dev'], subject: 'Sending this example – schön' },
  });
  const signature = new Svix(secret).sign(id, new Date(NOW), body);
  const client = new Resend('re_123');
  must(await at(NOW, () => client.webhooks.verify({
    payload: body, headers: { id, timestamp: SECONDS, signature }, webhookSecret: secret,
  })), name);
  write(name, `${npm('svix')}, Webhook.sign; accepted by ${npm('resend')}, webhooks.verify`,
    'https://resend.com/docs/webhooks/verify-webhooks-requests', [{ name: 'email.delivered, non-ASCII', secret, headers: headers('svix', signature), body }]);
}

async function openai(name) {
  const body = JSON.stringify({
    id: 'evt_685343a1381c819085d44c354e1b330e', object: 'event', created_at: NOW / 1000, type: 'response.completed',
    data: { id: 'resp_685342e6153c8190a1be43ff61b26dc6' }, note: 'naïve – 東京',
  });
  const make = (key) => new Standard(key).sign(id, new Date(NOW), body);
  const client = new OpenAI({ apiKey: 'sk-test', webhookSecret: secret });
  const check = (signature) => at(NOW, () => client.webhooks.unwrap(body, headers('webhook', signature)));
  must((await check(make(secret))).type === 'response.completed', name);
  must((await check(`${make(old)} ${make(secret)}`)).type === 'response.completed', name);
  write(name, `${npm('standardwebhooks')}, Webhook.sign; accepted by ${npm('openai')}, webhooks.unwrap`,
    'https://platform.openai.com/docs/guides/webhooks', [
      { name: 'response.completed, non-ASCII', secret, headers: headers('webhook', make(secret), { 'User-Agent': 'OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)' }), body },
      { name: 'two signatures', secret, headers: headers('webhook', `${make(old)} ${make(secret)}`), body },
    ]);
}

export default { 'standard-webhooks': standard, svix, clerk, resend, openai };
