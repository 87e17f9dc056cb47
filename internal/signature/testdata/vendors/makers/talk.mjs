// Messages, calls, chats and customers.
import crypto from 'node:crypto';
import path from 'node:path';
import twilioSDK from 'twilio';
import { EventWebhook } from '@sendgrid/eventwebhook';
import { verifyKey } from 'discord-interactions';
import { Signature } from '@hubspot/api-client';
import { AwsLambdaReceiver } from '@zoom/rivet/meetings';
import { NOW, SECONDS, URL_OF, at, ed25519, hmac, must, mustRefuse, npm, require, write } from '../lib.mjs';

// Neither package exports what it checks with, so both are read by path.
const inside = (file) => path.join(path.dirname(new URL(import.meta.url).pathname), '../node_modules', file);
const { verifySlackRequest } = require(inside('@slack/bolt/dist/receivers/verify-request.js'));
const { EventSubHttpBase } = await import(inside('@twurple/eventsub-http/lib/EventSubHttpBase.js'));

async function slack(name) {
  const secret = '8f742231b10e8888abcd99yyyzzz85a5';
  const sign = (body, time = SECONDS) => ({
    'X-Slack-Request-Timestamp': time, 'X-Slack-Signature': 'v0=' + hmac('sha256', secret, `v0:${time}:${body}`, 'hex'),
  });
  const json = { 'Content-Type': 'application/json', 'User-Agent': 'Slackbot 1.0 (+https://api.slack.com/robots)' };
  const event = JSON.stringify({
    token: 'XXYYZZ', team_id: 'T123ABC456', api_app_id: 'A123ABC456', type: 'event_callback', event_id: 'Ev123ABC456', event_time: NOW / 1000 - 1,
    event: { type: 'message', channel: 'D123ABC456', user: 'U123ABC456', text: 'Hallo, schöne Grüße 👋', ts: '1772366399.000200' },
  });
  const challenge = JSON.stringify({ token: 'Jhj5dZrVaK7ZwHHjRyZWjbDl', challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P', type: 'url_verification' });
  const printedBody = 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
  const printed = {
    name: 'printed: Verifying requests from Slack, a slash command', source: 'Slack docs', secret, body: printedBody, now: '2018-07-12T18:36:58Z',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', 'X-Slack-Request-Timestamp': '1531420618', 'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503' },
  };
  const check = (body, headers, nowMilliseconds = NOW) => verifySlackRequest({
    signingSecret: secret, body, nowMilliseconds,
    headers: { 'x-slack-signature': headers['X-Slack-Signature'], 'x-slack-request-timestamp': Number(headers['X-Slack-Request-Timestamp']) },
  });
  for (const body of [event, challenge]) check(body, sign(body));
  check(printedBody, printed.headers, 1531420618000);
  await mustRefuse(() => { check(event, sign(event), NOW + 301000); return true; }, 'slack, old');
  write(name, `${npm('@slack/bolt')}, verifySlackRequest; signed by the documented recipe`, 'https://docs.slack.dev/authentication/verifying-requests-from-slack', [
    { name: 'event_callback, non-ASCII', secret, headers: { ...json, ...sign(event) }, body: event },
    printed,
    { name: 'url_verification', secret, headers: { ...json, ...sign(challenge) }, body: challenge,
      handshake: { status: 200, content_type: 'application/json', body: '{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}', note: 'Slack takes the bare challenge as text/plain as well' } },
  ]);
}

async function twilio(name) {
  const secret = '12345678901234567890123456789012';
  const base = URL_OF(name);
  const sign = (url, params) => twilioSDK.getExpectedTwilioSignature(secret, url, params);
  const form = { 'Content-Type': 'application/x-www-form-urlencoded; charset=UTF-8', 'User-Agent': 'TwilioProxy/1.1' };
  const encode = (params) => Object.entries(params).flatMap(([k, v]) => [v].flat().map((x) => `${encodeURIComponent(k)}=${encodeURIComponent(x).replace(/%20/g, '+')}`)).join('&');
  const sms = { ToCountry: 'DE', SmsMessageSid: 'SM2003cbd5e6a3701999aa3e5f20ff2787', NumMedia: '0', Body: 'Grüße & Küsse 👋 1+1', From: '+14158675310', To: '+18005551212', FromZip: '', AccountSid: 'AC5ef872f6da5a21de157d80997a64bd33' };
  const repeated = { From: '+14158675310', MediaUrl: ['https://b.example/2', 'https://a.example/1', 'https://b.example/2'], to: 'lower after upper', To: '+18005551212' };
  const query = `${base}?foo=1&bar=2`;
  const json = '{"data":{"event":"com.twilio.voice.insights","name":"Zoë"},"n":1}';
  const jsonURL = `${base}?bodySHA256=${crypto.createHash('sha256').update(json).digest('hex')}`;
  const cases = [
    { name: 'incoming message, non-ASCII', secret, headers: { ...form, 'X-Twilio-Signature': sign(base, sms) }, body: encode(sms) },
    { name: 'query in the URL', secret, url: query, headers: { ...form, 'X-Twilio-Signature': sign(query, sms) }, body: encode(sms) },
    { name: 'a parameter that comes three times, two values: each value once, sorted', secret, headers: { ...form, 'X-Twilio-Signature': sign(base, repeated) }, body: encode(repeated) },
    { name: 'signed with the port that the URL does not show', secret, headers: { ...form, 'X-Twilio-Signature': sign('https://hooks.example.com:443/hooks/twilio', sms) }, body: encode(sms) },
    { name: 'signed without the port that the URL shows', secret, url: 'https://hooks.example.com:8443/hooks/twilio', headers: { ...form, 'X-Twilio-Signature': sign(base, sms) }, body: encode(sms) },
    { name: 'GET: the URL alone', secret, method: 'GET', url: query, headers: { 'X-Twilio-Signature': sign(query, {}) } },
    { name: 'JSON, bodySHA256 in the URL', secret, url: jsonURL, headers: { 'Content-Type': 'application/json', 'X-Twilio-Signature': sign(jsonURL, {}) }, body: json },
  ];
  const params = [sms, sms, repeated, sms, sms, {}];
  params.forEach((p, i) => must(twilioSDK.validateRequest(secret, cases[i].headers['X-Twilio-Signature'], cases[i].url ?? base, p), cases[i].name));
  must(twilioSDK.validateRequestWithBody(secret, cases[6].headers['X-Twilio-Signature'], jsonURL, json), cases[6].name);
  must(!twilioSDK.validateRequestWithBody(secret, cases[6].headers['X-Twilio-Signature'], jsonURL, json + ' '), 'twilio, other body');
  cases.push({ ...cases[6], name: 'JSON, the body is not the one of bodySHA256', body: json + ' ', accept: false, why: 'the hash in the URL is another' });
  cases.push({
    name: 'printed: Webhooks security, the calls of the documentation', source: 'Twilio docs', secret: '12345', url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
    headers: { ...form, 'X-Twilio-Signature': 'RSOYDt4T1cUTdK1PDd93/VVr8B8=' }, body: encode({ CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309', To: '+18005551212' }),
  });
  must(twilioSDK.validateRequest('12345', 'RSOYDt4T1cUTdK1PDd93/VVr8B8=', cases.at(-1).url, { CallSid: 'CA1234567890ABCDE', Caller: '+14158675309', Digits: '1234', From: '+14158675309', To: '+18005551212' }), 'twilio, printed');
  write(name, `${npm('twilio')}, getExpectedTwilioSignature; accepted by validateRequest and validateRequestWithBody`, 'https://www.twilio.com/docs/usage/webhooks/webhooks-security', cases);
}

async function sendgrid(name) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secret = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const hook = new EventWebhook();
  const check = (key, body, headers) => hook.verifySignature(hook.convertPublicKeyToECDSA(key), body, headers['X-Twilio-Email-Event-Webhook-Signature'], headers['X-Twilio-Email-Event-Webhook-Timestamp']);
  const headers = (signature, time) => ({ 'Content-Type': 'application/json', 'User-Agent': 'SendGrid Event API', 'X-Twilio-Email-Event-Webhook-Signature': signature, 'X-Twilio-Email-Event-Webhook-Timestamp': time });
  const body = '[{"email":"example@test.com","timestamp":1772366399,"smtp-id":"<14c5d75ce93.dfd.64b469@ismtpd-555>","event":"processed","category":["Grüße","日本"],"sg_event_id":"rWVYmVk90MjZJ9iohOBa3w==","sg_message_id":"14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0"}]\r\n';
  const own = headers(crypto.sign('sha256', Buffer.from(SECONDS + body), privateKey).toString('base64'), SECONDS);
  must(check(secret, body, own), name);
  const printed = {
    name: 'in the tests of sendgrid-nodejs', source: 'sendgrid/sendgrid-nodejs, packages/eventwebhook/src/eventwebhook.spec.js', now: '2020-09-14T19:41:42Z',
    secret: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
    headers: headers('MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=', '1600112502'),
    body: '[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n',
  };
  must(check(printed.secret, printed.body, printed.headers), 'sendgrid, printed');
  write(name, `${npm('@sendgrid/eventwebhook')}, EventWebhook.verifySignature; signed by a key of ours`, 'https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features', [
    { name: 'processed, non-ASCII, CR LF at the end', secret, headers: own, body }, printed,
  ]);
}

async function discord(name) {
  const pair = ed25519(crypto.createHash('sha256').update('discord').digest());
  const secret = pair.raw.toString('hex');
  const headers = (body) => ({
    'Content-Type': 'application/json', 'User-Agent': 'Discord-Interactions/1.0 (+https://discord.com)',
    'X-Signature-Ed25519': crypto.sign(null, Buffer.from(SECONDS + body), pair.secret).toString('hex'), 'X-Signature-Timestamp': SECONDS,
  });
  const command = '{"app_permissions":"442368","application_id":"775799577604522054","data":{"id":"771825006014889984","name":"blep","options":[{"name":"animal","type":3,"value":"Käfer 🐞"}],"type":1},"guild_id":"290926798626357999","id":"786008729715212338","token":"A_UNIQUE_TOKEN","type":2,"version":1}';
  const ping = '{"app_permissions":"562949953601536","application_id":"775799577604522054","entitlements":[],"id":"1234","token":"aW50ZXJhY3Rpb24","type":1,"version":1}';
  const event = '{"version":1,"application_id":"1234560123453231555","type":1,"event":{"type":"APPLICATION_AUTHORIZED","timestamp":"2026-03-01T12:00:00.741194","data":{"integration_type":1,"scopes":["applications.commands"],"user":{"id":"123456","username":"Zoë"}}}}';
  const eventPing = '{"version":1,"application_id":"1234560123453231555","type":0}';
  for (const body of [command, ping, event, eventPing]) {
    const h = headers(body);
    must(await verifyKey(body, h['X-Signature-Ed25519'], h['X-Signature-Timestamp'], secret), name);
  }
  write(name, `${npm('discord-interactions')}, verifyKey; signed by a key of ours`, 'https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers', [
    { name: 'interaction: a command, non-ASCII', secret, headers: headers(command), body: command },
    { name: 'webhook event; its type is 1 as well, so that "event" is what tells it from a PING', secret, headers: headers(event), body: event },
    { name: 'interaction: PING', secret, headers: headers(ping), body: ping, handshake: { status: 200, content_type: 'application/json', body: '{"type":1}' } },
    { name: 'webhook events: PING', secret, headers: headers(eventPing), body: eventPing, handshake: { status: 204, body: '' } },
    { name: 'PING with a bad signature, as Discord tries it while the endpoint is saved', secret, headers: { ...headers(ping), 'X-Signature-Timestamp': String(NOW / 1000 - 1) }, body: ping, accept: false, why: 'the signature is of another time; 401 is what Discord wants' },
  ]);
}

async function hubspot(name) {
  const secret = 'yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy';
  const body = '[{"eventId":100,"subscriptionId":1232,"portalId":62515,"occurredAt":1772366399000,"subscriptionType":"contact.propertyChange","attemptNumber":0,"objectId":123,"propertyName":"firstname","propertyValue":"Zoë – 東京"}]';
  const timestamp = NOW - 4000;
  const sign = (method, url, text) => Signature.getSignature(method, 'v3', { url, requestBody: text, timestamp, clientSecret: secret });
  const headers = (signature) => ({ 'Content-Type': 'application/json', 'X-HubSpot-Signature-v3': signature, 'X-HubSpot-Request-Timestamp': String(timestamp), 'X-HubSpot-Signature-Version': 'v1',
    'X-HubSpot-Signature': Signature.getSignature('POST', 'v1', { requestBody: body, clientSecret: secret }) });
  const wire = `${URL_OF(name)}/a%3Ab?mail=a%40b.c&u=https%3A%2F%2Fx.y%2F%3Fz%21%24%27%28%29%2A%2C%3B&kept=%20%26%3D%23%2B%25%C3%BC`;
  const decoded = `${URL_OF(name)}/a:b?mail=a@b.c&u=https://x.y/?z!$'()*,;&kept=%20%26%3D%23%2B%25%C3%BC`;
  const check = (method, url, text) => at(NOW, () => Signature.isValid({ signatureVersion: 'v3', method, url, requestBody: text, timestamp, clientSecret: secret, signature: sign(method, url, text) }));
  must(await check('POST', URL_OF(name), body), name);
  must(await check('POST', decoded, body), name);
  must(await check('GET', `${URL_OF(name)}?q=1`, ''), name);
  write(name, `${npm('@hubspot/api-client')}, Signature.getSignature; accepted by Signature.isValid; the decoding of the URL by the documentation`, 'https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation', [
    { name: 'contact.propertyChange, non-ASCII', secret, headers: headers(sign('POST', URL_OF(name), body)), body },
    { name: 'the twelve escapes that are decoded, and some that are not', source: 'the list by the documentation; the SDK wants the URL decoded by its caller', secret, url: wire, headers: headers(sign('POST', decoded, body)), body },
    { name: 'GET without a body', secret, method: 'GET', url: `${URL_OF(name)}?q=1`, headers: headers(sign('GET', `${URL_OF(name)}?q=1`, '')) },
  ]);
}

async function zoom(name) {
  const secret = 'v2Hk0aQ-SZCmBzpDJb0LXw';
  const body = '{"event":"meeting.started","payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890","topic":"Besprechung – 会議","host_id":"x1yCzABCDEfg23HiJKl4mN","start_time":"2026-03-01T12:00:00Z"}},"event_ts":1772366400000}';
  const validation = '{"payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1772366400000,"event":"endpoint.url_validation"}';
  const headers = (text) => ({ 'Content-Type': 'application/json; charset=utf-8', 'User-Agent': 'Zoom Marketplace/1.0a', 'x-zm-request-timestamp': SECONDS, 'x-zm-signature': 'v0=' + hmac('sha256', secret, `v0:${SECONDS}:${text}`, 'hex') });
  const receive = new AwsLambdaReceiver({ webhooksSecretToken: secret }).start();
  const quiet = console.debug;
  console.debug = () => {};
  const answers = [];
  for (const text of [body, validation]) answers.push(await receive({ body: text, headers: headers(text), isBase64Encoded: false }, {}));
  console.debug = quiet;
  for (const answer of answers) must(answer.statusCode === 200, name);
  const { plainToken, encryptedToken } = JSON.parse(answers[1].body);
  write(name, `${npm('@zoom/rivet')}, AwsLambdaReceiver (it also made the answer to the validation); signed by the documented recipe`, 'https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events', [
    { name: 'meeting.started, non-ASCII', secret, headers: headers(body), body },
    { name: 'endpoint.url_validation', secret, headers: headers(validation), body: validation, handshake: { status: 200, content_type: 'application/json', body: JSON.stringify({ plainToken, encryptedToken }) } },
  ]);
}

async function twitch(name) {
  const secret = '5f1a6e7cd2e7137ccf9e15b2f43fe63949eb84b1';
  const subscription = { id: 'f1c2a387-161a-49f9-a165-0f21d7a4e1c4', type: 'channel.follow', version: '2', condition: { broadcaster_user_id: '12826' }, transport: { method: 'webhook', callback: URL_OF(name) }, created_at: '2026-03-01T11:16:18.634234626Z' };
  const notification = JSON.stringify({ subscription: { ...subscription, status: 'enabled', cost: 1 }, event: { user_id: '1337', user_login: 'awesome_user', user_name: '素晴らしい', broadcaster_user_id: '12826', followed_at: '2026-03-01T12:00:00Z' } });
  const challenge = JSON.stringify({ challenge: 'pogchamp-kappa-360noscope-vohiyo', subscription: { ...subscription, status: 'webhook_callback_verification_pending' } });
  const revocation = JSON.stringify({ subscription: { ...subscription, status: 'authorization_revoked' } });
  const id = 'befa7b53-d79d-478f-86b9-120f112b044e';
  const time = '2026-03-01T11:59:59.123456789Z';
  const headers = (type, body) => ({
    'Content-Type': 'application/json', 'Twitch-Eventsub-Message-Id': id, 'Twitch-Eventsub-Message-Retry': '0', 'Twitch-Eventsub-Message-Type': type,
    'Twitch-Eventsub-Message-Signature': 'sha256=' + hmac('sha256', secret, id + time + body, 'hex'), 'Twitch-Eventsub-Message-Timestamp': time, 'Twitch-Eventsub-Subscription-Type': 'channel.follow', 'Twitch-Eventsub-Subscription-Version': '2',
  });
  for (const [type, body] of [['notification', notification], ['webhook_callback_verification', challenge], ['revocation', revocation]]) {
    must(EventSubHttpBase.prototype._verifyData.call({ _secret: secret }, id, time, body, headers(type, body)['Twitch-Eventsub-Message-Signature']), name);
  }
  write(name, `${npm('@twurple/eventsub-http')} (not of the vendor), EventSubHttpBase._verifyData; signed by the documented recipe, as twitch-cli does`, 'https://dev.twitch.tv/docs/eventsub/handling-webhook-events/#verifying-the-event-message', [
    { name: 'notification, non-ASCII', secret, headers: headers('notification', notification), body: notification },
    { name: 'revocation: an event like any other, to be answered 2xx', secret, headers: headers('revocation', revocation), body: revocation },
    { name: 'webhook_callback_verification', secret, headers: headers('webhook_callback_verification', challenge), body: challenge, handshake: { status: 200, content_type: 'text/plain', body: 'pogchamp-kappa-360noscope-vohiyo' } },
    { name: '11 minutes old', secret, headers: headers('notification', notification), body: notification, now: '2026-03-01T12:11:00Z', accept: false, why: 'older than 10 minutes' },
  ]);
}

async function mailgun(name) {
  const secret = 'key-8f3c2d1e0b9a4f5e6d7c8b9a0f1e2d3c';
  const timestamp = SECONDS, token = 'e0b5477167110d68991efc6b9f89f0a11066af27834600e123';
  const signature = { token, timestamp, signature: hmac('sha256', secret, timestamp + token, 'hex') };
  const data = { event: 'opened', timestamp: NOW / 1000 + 0.5, id: 'Ase7i2zsRYeDXztHGENqRA', recipient: 'alice@example.com', 'user-variables': { name: 'Zoë 東京' }, message: { headers: { 'message-id': '20130503182626.18666.16540@example.com' } } };
  const parent = 'key-0000000000000000parent0000000000';
  const both = { ...signature, 'parent-signature': hmac('sha256', parent, timestamp + token, 'hex') };
  const headers = { 'Content-Type': 'application/json', 'User-Agent': 'mailgun/treq-15.1.0' };
  write(name, 'signed by the documented recipe; no SDK of npm verifies. Read beside mailgun/mailgun-go, webhooks.go, VerifyWebhookSignature', 'https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks', [
    { name: 'opened, non-ASCII', secret, headers, body: JSON.stringify({ signature, 'event-data': data }) },
    { name: 'of a subaccount: signature by its own key', secret, headers, body: JSON.stringify({ signature: both, 'event-data': data }) },
    { name: 'of a subaccount: parent-signature by the key of the account', secret: parent, headers, body: JSON.stringify({ signature: both, 'event-data': data }), optional: true },
  ]);
}

export default { slack, twilio, sendgrid, discord, hubspot, zoom, twitch, mailgun };
