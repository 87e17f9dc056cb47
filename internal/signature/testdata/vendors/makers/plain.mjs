// Schemes that sign the body and nothing else, by recipes that the vendors
// print. Where their own code checks nothing, an independent one does.
import { verify } from '@octokit/webhooks-methods';
import { signWebhookPayload, verifyWebhookSignature } from '@notionhq/client';
import autohook from 'twitter-autohook';
import { URL_OF, hmac, must, npm, write } from '../lib.mjs';

const json = { 'Content-Type': 'application/json' };
const recipe = (more) => `signed by the documented recipe; no SDK of npm verifies${more ? `. ${more}` : ''}`;

/** The vector that Atlassian's documentation prints; the body lacks the comma of GitHub's. */
const everybody = {
  name: 'printed: "It\'s a Secret to Everybody" signs "Hello World!"', source: 'Jira docs, webhooks, testing the webhook payload validation; Bitbucket has the same format',
  secret: "It's a Secret to Everybody", body: 'Hello World!',
  headers: { 'X-Hub-Signature': 'sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9' },
};

async function hub(name, docs, secret, body, headers) {
  const signature = 'sha256=' + hmac('sha256', secret, body, 'hex');
  must(await verify(secret, body, signature), name);
  must(await verify(everybody.secret, everybody.body, everybody.headers['X-Hub-Signature']), 'Atlassian, printed');
  write(name, `signed by the documented recipe; accepted by ${npm('@octokit/webhooks-methods')}, verify (not of the vendor: the format is GitHub's)`, docs, [
    { name: 'event, non-ASCII', secret, headers: { ...json, ...headers, 'X-Hub-Signature': signature }, body }, everybody,
  ]);
}

const bitbucket = (name) => hub(name, 'https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/', 'bb-secret-7', '{"push":{"changes":[{"new":{"name":"main","target":{"hash":"709d658dc5b6d6afcd46049c2f332ee3f515a67d","message":"Größe – 東京\\n"}}}]},"actor":{"display_name":"Zoë"},"repository":{"full_name":"team_name/repo_name"}}',
  { 'X-Event-Key': 'repo:push', 'X-Hook-UUID': '1a4bd4d2-0b4d-4c7f-9f63-2a8b8a5a1a1a', 'X-Request-UUID': '2b5ce5e3-1c5e-4d80-8074-3b9c9b6b2b2b', 'X-Attempt-Number': '1', 'User-Agent': 'Bitbucket-Webhooks/2.0' });
const jira = (name) => hub(name, 'https://developer.atlassian.com/cloud/jira/platform/webhooks/', 'jira-secret-7', '{"timestamp":1772366400000,"webhookEvent":"jira:issue_updated","issue":{"id":"99291","key":"JRA-20002","fields":{"summary":"Größe – 東京"}}}',
  { 'X-Atlassian-Webhook-Identifier': '3c6df6f4-2d6f-4e91-9185-4cadac7c3c3c', 'User-Agent': 'Atlassian Webhook HTTP Client' });

/** Gitea and what grew out of it send the same signature under several names. */
function forge(name, own) {
  const secret = 'gitea-geheimnis';
  const body = '{\n  "ref": "refs/heads/develop",\n  "commits": [\n    {\n      "id": "bffeb74224043ba2feb48d137756c8a9331c449a",\n      "message": "Webhooks, schöne Grüße 日本\\n"\n    }\n  ]\n}';
  const signature = hmac('sha256', secret, body, 'hex');
  const delivery = 'f6266f16-1bf3-46a5-9ea4-602e06ead473';
  const headers = { ...json };
  for (const family of own) Object.assign(headers, { [`X-${family}-Delivery`]: delivery, [`X-${family}-Event`]: 'push', [`X-${family}-Event-Type`]: 'push', [`X-${family}-Signature`]: signature });
  Object.assign(headers, { 'X-Hub-Signature': 'sha1=' + hmac('sha1', secret, body, 'hex'), 'X-Hub-Signature-256': 'sha256=' + signature, 'X-GitHub-Delivery': delivery, 'X-GitHub-Event': 'push', 'X-GitHub-Event-Type': 'push' });
  const bare = { ...headers };
  for (const family of own) bare[`X-${family}-Signature`] = '';
  Object.assign(bare, { 'X-Hub-Signature': 'sha1=', 'X-Hub-Signature-256': 'sha256=' });
  write(name, recipe('Headers and signed text as go-gitea/gitea, services/webhook/deliver.go, makes them, read line by line'),
    name === 'gitea' ? 'https://docs.gitea.com/usage/webhooks' : 'https://forgejo.org/docs/latest/user/webhooks/', [
      { name: 'push, non-ASCII', secret, headers, body },
      { name: 'a hook without a secret: the headers come, and are empty', secret, headers: bare, body, accept: false, why: 'the signature is empty' },
    ]);
}
const gitea = (name) => forge(name, ['Gitea', 'Gogs']);
const forgejo = (name) => forge(name, ['Forgejo', 'Gitea', 'Gogs']);

async function meta(name) {
  const secret = 'e3b0c44298fc1c149afbf4c8996fb924', token = 'meatyhamhock';
  // Meta escapes what is not ASCII, on the wire as in the signature.
  const body = '{"object":"page","entry":[{"id":"0","time":1772366400,"changes":[{"field":"name","value":"\\u00e4\\u00f6\\u00e5 newName"}]}]}';
  const signature = 'sha256=' + hmac('sha256', secret, body, 'hex');
  must(await verify(secret, body, signature), name);
  const get = (query) => ({ method: 'GET', url: `${URL_OF(name)}?${query}`, secret, verification: { verify_token: token } });
  write(name, `signed by the documented recipe; accepted by ${npm('@octokit/webhooks-methods')}, verify (not of the vendor: the format is GitHub's)`, 'https://developers.facebook.com/docs/graph-api/webhooks/getting-started', [
    { name: 'page changed, escaped as Meta does', secret, headers: { ...json, 'X-Hub-Signature': 'sha1=' + hmac('sha1', secret, body, 'hex'), 'X-Hub-Signature-256': signature }, body },
    { name: 'subscription', ...get(`hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`), handshake: { status: 200, content_type: 'text/plain', body: '1158201444' } },
    { name: 'subscription by somebody who does not know the verify token', ...get('hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=guess'), accept: false, why: 'hub.verify_token differs' },
  ]);
}

/** Who else reads these schemes the same way. */
const second = 'Read beside @trigger.dev/core 4.8.3 (npm), v3/webhooks, webhookProviderConfigs';

/** One accepted case of a scheme whose header is prefix and HMAC of the body. */
function simple(docs, { header, prefix = '', algorithm = 'sha256', encoding = 'hex', secret, body, headers = {}, more = [], beside }) {
  return (name) => write(name, recipe(beside), docs, [
    { name: 'event, non-ASCII', secret, headers: { ...json, ...headers, [header]: prefix + hmac(algorithm, secret, body, encoding) }, body },
    ...more.map((m) => ({ ...m, secret: m.secret ?? secret, headers: m.headers ?? { ...json, ...headers, [header]: prefix + hmac(algorithm, m.key ?? secret, m.body, encoding) }, key: undefined })),
  ]);
}

const lemonsqueezy = simple('https://docs.lemonsqueezy.com/help/webhooks/signing-requests', { header: 'X-Signature', secret: 'lemon-secret-40-characters-at-most', headers: { 'X-Event-Name': 'order_created' },
  body: '{"meta":{"event_name":"order_created","custom_data":{"customer_id":25}},"data":{"type":"orders","id":"1","attributes":{"user_name":"Zoë 東京"}}}' });
const intercom = simple('https://developers.intercom.com/docs/webhooks/webhook-notifications', { header: 'X-Hub-Signature', prefix: 'sha1=', algorithm: 'sha1', secret: 'b7a1d3c2-client-secret', beside: second,
  body: '{"type":"notification_event","app_id":"a86dr8yl","data":{"type":"notification_event_data","item":{"type":"contact","name":"Zoë 東京"}},"id":"notif_ccd8a4d0-f965-11e3-a367-c779cae3e1b3","topic":"contact.created","delivery_attempts":1}',
  more: [{ name: 'HEAD when the endpoint URL is saved', method: 'HEAD', headers: {}, handshake: { status: 200, body: '' } }] });
const typeform = simple('https://www.typeform.com/developers/webhooks/secure-your-webhooks/', { header: 'Typeform-Signature', prefix: 'sha256=', encoding: 'base64', secret: 'abc123', beside: second,
  body: '{"event_id":"LtWXD3crgy","event_type":"form_response","form_response":{"form_id":"lT4Z3j","token":"a3a12ec67a1365927098a606107fac15","answers":[{"type":"text","text":"Größe 東京"}]}}\n' });
const vercel = simple('https://vercel.com/docs/webhooks/webhooks-api', { header: 'x-vercel-signature', algorithm: 'sha1', secret: 'vercel-whsec-1', beside: second,
  body: '{"id":"uev_CUXBTxNSXcRA6SVmCpRaCoCa","type":"deployment.created","createdAt":1772366400000,"payload":{"deployment":{"name":"größe-東京"}},"region":"fra1"}' });
const xeroBody = '{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}';
const xero = simple('https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/', { header: 'x-xero-signature', encoding: 'base64', secret: 'r8vBQ4Xx+JVXQ2s9zJ3Wv1bT0gk5n2mP7yH6dC4eA8f/uL1oI3wE9qR5tY7zU2iS6aD0fG4hJ8kL1xC3vB5nMw==',
  body: '{"events":[{"resourceUrl":"https://api.xero.com/api.xro/2.0/Contacts/717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","resourceId":"717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","eventType":"UPDATE","eventCategory":"CONTACT","note":"Zoë"}],"firstEventSequence":1,"lastEventSequence":1,"entropy":"RGQJQMPDLALJKTOKJYWE"}',
  more: [
    { name: 'intent to receive, rightly signed: 200 with an empty body', body: xeroBody, handshake: { status: 200, body: '' } },
    { name: 'intent to receive, wrongly signed: 401', body: xeroBody, key: 'another key', accept: false, why: 'the signature is of another key; Xero wants 401' },
  ] });

function dropbox(name) {
  const secret = 'd1a2b3c4e5f6g7h', body = '{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc","dbid:é"]},"delta":{"users":[12345678,23456789]}}';
  write(name, recipe(), 'https://www.dropbox.com/developers/reference/webhooks', [
    { name: 'notification, non-ASCII', secret, headers: { ...json, 'User-Agent': 'DropboxWebhooks/1.0', 'X-Dropbox-Signature': hmac('sha256', secret, body, 'hex') }, body },
    { name: 'verification request', secret, method: 'GET', url: `${URL_OF(name)}?challenge=abc123%2B%C3%A9`, handshake: { status: 200, content_type: 'text/plain', headers: { 'X-Content-Type-Options': 'nosniff' }, body: 'abc123+é' } },
  ]);
}

function docusign(name) {
  const secret = 'V2hhdCBhIGJhc2U2NCBsb29raW5nIGtleSBpcyB0ZXh0IGhlcmU=', other = '0Nb3Rlc3Qga2V5IG51bWJlciB0d28gb2YgdGhlIGFjY291bnQ=';
  const body = '{"event":"envelope-completed","apiVersion":"v2.1","retryCount":0,"configurationId":11055387,"generatedDateTime":"2026-03-01T12:00:00.0000000Z","data":{"accountId":"e2d4ea2a","envelopeId":"1f8b3e2c","name":"Zoë 東京"}}';
  const sign = (key) => hmac('sha256', key, body, 'base64');
  const headers = (...keys) => Object.assign({ ...json, 'x-authorization-digest': 'HMACSHA256' }, ...keys.map((key, i) => ({ [`X-DocuSign-Signature-${i + 1}`]: sign(key) })));
  write(name, recipe(second), 'https://developers.docusign.com/platform/webhooks/connect/hmac/', [
    { name: 'one key, non-ASCII; the key is its text, not what its base64 means', secret, headers: headers(secret), body },
    { name: 'two keys, ours is the first', secret, headers: headers(secret, other), body },
    { name: 'two keys, ours is the second', secret: other, headers: headers(secret, other), body },
  ]);
}

function pagerduty(name) {
  const secret = 'wD0kYhv2rT0Yf1nLZl5lW8sQ2v1hM3kN', old = 'nM7bV5cX3zL1kJ9hG7fD5sA3pO1iU8yT';
  const body = '{"event":{"id":"01BXR5VD8T2H8GO8PH9D9DDXVI","event_type":"incident.triggered","resource_type":"incident","occurred_at":"2026-03-01T12:00:00.000Z","data":{"id":"PGR0VU2","title":"Größe – 東京"}}}';
  const v1 = (key) => 'v1=' + hmac('sha256', key, body, 'hex');
  const headers = (value) => ({ ...json, 'User-Agent': 'PagerDuty-Webhook/V3.0', 'X-Webhook-Id': '3a1b2c3d-1111-2222-3333-444455556666', 'X-PagerDuty-Signature': value });
  write(name, recipe(second), 'https://developer.pagerduty.com/docs/verifying-webhook-signatures', [
    { name: 'incident.triggered, non-ASCII', secret, headers: headers(v1(secret)), body },
    { name: 'two v1 while the secret rolls, the new secret', secret, headers: headers(`${v1(secret)},${v1(old)}`), body },
    { name: 'two v1 while the secret rolls, the old secret', secret: old, headers: headers(`${v1(secret)},${v1(old)}`), body },
    { name: 'a space after the comma', secret: old, headers: headers(`${v1(secret)}, ${v1(old)}`), body },
    { name: 'another version only', secret, headers: headers(v1(secret).replace('v1', 'v2')), body, accept: false, why: 'no v1' },
  ]);
}

async function notion(name) {
  const secret = 'secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl';
  const body = '{"id":"367cba44-b6f3-4c92-81e7-6a2e9659efd4","timestamp":"2026-03-01T12:00:00.000Z","workspace_id":"13950b26-c203-4f3b-b97d-93ec06319565","type":"page.created","attempt_number":1,"entity":{"id":"153104cd-477e-809d-8dc4-ff2d96ae3090","type":"page"},"data":{"note":"Größe 東京"}}';
  const signature = await signWebhookPayload({ body, verificationToken: secret });
  must(await verifyWebhookSignature({ body, signature, verificationToken: secret }), name);
  const setUp = JSON.stringify({ verification_token: secret });
  write(name, `${npm('@notionhq/client')}, signWebhookPayload and verifyWebhookSignature`, 'https://developers.notion.com/reference/webhooks', [
    { name: 'page.created, non-ASCII', secret, headers: { ...json, 'X-Notion-Signature': signature }, body },
    { name: 'set-up: the token comes, not yet signed by a key that we know', source: 'Notion docs', headers: json, body: setUp, handshake: { status: 200, note: 'the body of the answer is free; verification_token is shown to the owner, and is the secret from then on' } },
  ]);
}

function asana(name) {
  const secret = 'b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81';
  const body = '{"events":[{"user":{"gid":"12345","resource_type":"user"},"created_at":"2026-03-01T12:00:00.000Z","action":"changed","resource":{"gid":"1337","resource_type":"task","name":"Größe 東京"}}]}';
  const sign = (text) => ({ ...json, 'X-Hook-Signature': hmac('sha256', secret, text, 'hex') });
  write(name, recipe('The handshake is the one printed in the reference of the asana package'), 'https://developers.asana.com/docs/webhooks-guide', [
    { name: 'event, non-ASCII', secret, headers: sign(body), body },
    { name: 'heartbeat: no events', secret, headers: sign('{"events":[]}'), body: '{"events":[]}' },
    { name: 'handshake: the secret comes from Asana, and is the key from then on', headers: { ...json, 'X-Hook-Secret': secret }, body: '{}', handshake: { status: 200, headers: { 'X-Hook-Secret': secret }, note: '204 would do as well' } },
  ]);
}

async function twitter(name) {
  const secret = 'consumer-secret-9Kd0Zq', auth = { consumer_secret: secret };
  const body = '{"for_user_id":"2244994945","tweet_create_events":[{"id_str":"1234","text":"Größe 東京 👋"}]}';
  const header = 'sha256=' + hmac('sha256', secret, body, 'base64');
  must(autohook.validateSignature({ 'x-twitter-webhooks-signature': header }, auth, body), name);
  const crc = 'NDkzNDU5ODAtNTdmOS00ZDU1LWI0ZTgtNmZiODJjNDUwYmVm';
  write(name, `${npm('twitter-autohook')} (of Twitter), validateWebhook made the response_token, validateSignature accepts; signed by the documented recipe`, 'https://docs.x.com/x-api/webhooks/quickstart', [
    { name: 'tweet, non-ASCII', secret, headers: { ...json, 'X-Twitter-Webhooks-Signature': header }, body },
    { name: 'challenge-response check', secret, method: 'GET', url: `${URL_OF(name)}?crc_token=${crc}&nonce=a1b2c3`, handshake: { status: 200, content_type: 'application/json', body: JSON.stringify(autohook.validateWebhook(crc, auth)) } },
  ]);
}

function trello(name) {
  const secret = 'trello-oauth-secret-4f', url = `${URL_OF(name)}?memberID=14&mainModel=true`;
  const body = '{"action":{"id":"51f9424bcd6e040f3c002412","type":"updateCard","data":{"card":{"name":"Größe – 東京"}}},"model":{"id":"4eea4ffc91e31d1746000046"}}';
  write(name, recipe(), 'https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/#webhook-signatures', [
    { name: 'updateCard, non-ASCII, query in the callback URL', secret, url, headers: { ...json, 'X-Trello-Webhook': hmac('sha1', secret, body + url, 'base64') }, body },
    { name: 'HEAD while the webhook is made', secret, method: 'HEAD', url, handshake: { status: 200, body: '' } },
  ]);
}

export default { bitbucket, jira, gitea, forgejo, meta, lemonsqueezy, intercom, typeform, vercel, xero, dropbox, docusign, pagerduty, notion, asana, twitter, trello };
