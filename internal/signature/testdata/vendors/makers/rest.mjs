// Signatures over time and body, equal tokens, basic auth and the handshakes of
// Microsoft and Okta.
import { Bot, webhookCallback } from 'grammy';
import { WebhooksManager } from 'box-node-sdk/lib/managers/webhooks';
import { NOW, SECONDS, URL_OF, at, hmac, must, mustRefuse, npm, write } from '../lib.mjs';

/** Who else reads these schemes the same way. */
const second = 'Read beside @trigger.dev/core 4.8.3 (npm), v3/webhooks, webhookProviderConfigs';

const json = { 'Content-Type': 'application/json' };

function calendly(name) {
  const secret = '5mEzn9C-I28UtwOjZJtFoob0sAAFZ95GbZkqj4y3i0I';
  const body = '{"event":"invitee.created","created_at":"2026-03-01T12:00:00.000000Z","created_by":"https://api.calendly.com/users/AAAAAAAAAAAAAAAA","payload":{"name":"Zoë 東京","email":"z@example.com"}}';
  const headers = { ...json, 'Calendly-Webhook-Signature': `t=${SECONDS},v1=${hmac('sha256', secret, `${SECONDS}.${body}`, 'hex')}` };
  write(name, `signed by the documented recipe; no SDK of npm verifies. ${second}`, 'https://developer.calendly.com/api-docs/overview/webhooks/webhook-signatures', [
    { name: 'invitee.created, non-ASCII', secret, headers, body },
    { name: '4 minutes old', secret, headers, body, now: '2026-03-01T12:04:00Z', accept: false, why: 'older than 3 minutes, the tolerance of the sample' },
  ]);
}

function zendesk(name) {
  const secret = 'dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=='; // the documentation's, for tests before the webhook is made
  const body = '{"type":"zen:event-type:user.name_changed","account_id":22129848,"id":"b0d7f8d4-2d7b-4b6c-8c5e-1c0a6b1f0a11","time":"2026-03-01T12:00:00Z","event":{"current":"Zoë 東京"}}';
  const headers = (text, time = '2026-03-01T12:00:00Z') => ({ ...json, 'X-Zendesk-Account-Id': '123456', 'X-Zendesk-Webhook-Id': '01F1KRFQ6BG29CNWFR60NK5FNY', 'X-Zendesk-Webhook-Invocation-Id': '8350205582',
    'X-Zendesk-Webhook-Signature': hmac('sha256', secret, time + text, 'base64'), 'X-Zendesk-Webhook-Signature-Timestamp': time });
  write(name, `signed by the documented recipe, with the secret that is printed there for tests; no SDK of npm verifies. ${second}`, 'https://developer.zendesk.com/documentation/webhooks/verifying/', [
    { name: 'user.name_changed, non-ASCII', secret, headers: headers(body), body },
    { name: 'no body', secret, method: 'GET', headers: headers('') },
  ]);
}

async function box(name) {
  const time = '2026-03-01T04:59:58-07:00', secret = 'Box-Primary-Key', second = 'Box-Secondary-Key';
  const common = (t) => ({ ...json, 'BOX-DELIVERY-ID': 'f96bb54b-ee16-4fc5-aa65-8c2d9e5b546f', 'BOX-DELIVERY-TIMESTAMP': t, 'BOX-SIGNATURE-ALGORITHM': 'HmacSHA256', 'BOX-SIGNATURE-VERSION': '1' });
  const body = '{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1","type":"file","name":"Gr\\u00f6\\u00dfe 2026.txt"}}';
  const sign = (key, t) => hmac('sha256', key, body + t, 'base64');
  const both = { ...common(time), 'BOX-SIGNATURE-PRIMARY': sign(secret, time), 'BOX-SIGNATURE-SECONDARY': sign(second, time) };
  const old = '2020-01-01T00:00:00-07:00', then = '2020-01-01T07:05:00Z';
  const test = '{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}';
  const printed = { ...common(old), 'BOX-SIGNATURE-PRIMARY': '6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=', 'BOX-SIGNATURE-SECONDARY': 'v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=' };
  const emoji = '{"webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"😀 2020-08-05.txt"}}';
  const escaped = { ...common(old), 'BOX-SIGNATURE-PRIMARY': 'xF/SDZosX4le+v4A0Qn59sZhuD1RqY5KRUKzVMSbh0E=', 'BOX-SIGNATURE-SECONDARY': 'v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo=' };
  const check = (text, headers, primary, secondaryKey, ms) => at(ms, () => WebhooksManager.validateMessage(text, Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v])), primary, { secondaryKey }));
  must(await check(body, both, secret, second, NOW), name);
  must(await check(body, both, undefined, second, NOW), name);
  must(await check(test, printed, 'SamplePrimaryKey', 'SampleSecondaryKey', Date.parse(then)), 'box, printed');
  must(await check(emoji, escaped, 'SamplePrimaryKey', undefined, Date.parse(then)), 'box, escaped');
  await mustRefuse(() => check(body, { ...both, 'BOX-SIGNATURE-VERSION': '2' }, secret, second, NOW), 'box, version 2');
  await mustRefuse(() => check(body, both, secret, second, NOW + 601000), 'box, old');
  const tests = 'in the tests of box-node-sdk';
  write(name, `${npm('box-node-sdk')}, WebhooksManager.validateMessage; signed by the documented recipe`, 'https://developer.box.com/guides/webhooks/v2/signatures-v2/', [
    { name: 'two keys, the primary; escaped as Box does', secret, headers: both, body },
    { name: 'two keys, the secondary', secret: second, headers: both, body },
    { name: 'printed: the primary key', source: tests, secret: 'SamplePrimaryKey', headers: printed, body: test, now: then },
    { name: 'printed: the secondary key', source: tests, secret: 'SampleSecondaryKey', headers: printed, body: test, now: then },
    { name: 'printed: the body came unescaped, what was signed is escaped', source: tests, secret: 'SamplePrimaryKey', headers: escaped, body: emoji, now: then, optional: true },
    { name: 'signature version 2', secret, headers: { ...both, 'BOX-SIGNATURE-VERSION': '2' }, body, accept: false, why: 'the version is unknown; the SDK refuses it' },
    { name: '11 minutes old', secret, headers: both, body, now: '2026-03-01T12:11:00Z', accept: false, why: 'older than 10 minutes' },
  ]);
}

async function telegram(name) {
  const secret = 'Abc_123-xyz', body = '{"update_id":10000,"message":{"date":1772366400,"chat":{"id":1111111,"type":"private","first_name":"Zoë"},"message_id":1365,"text":"/start 東京"}}';
  const headers = { ...json, 'X-Telegram-Bot-Api-Secret-Token': secret };
  const bot = new Bot('123:abc', { botInfo: { id: 123, is_bot: true, first_name: 'b', username: 'b_bot' } });
  const answer = webhookCallback(bot, 'std/http', { secretToken: secret });
  const status = async (h) => (await answer(new Request(URL_OF(name), { method: 'POST', headers: h, body }))).status;
  must(await status(headers) === 200, name);
  must(await status({ ...headers, 'X-Telegram-Bot-Api-Secret-Token': 'abc_123-xyz' }) === 401, 'telegram, another token');
  write(name, `${npm('grammy')} (not of the vendor), webhookCallback with secretToken`, 'https://core.telegram.org/bots/api#setwebhook', [
    { name: 'message, non-ASCII', secret, headers, body },
    { name: 'the token in another case', secret, headers: { ...headers, 'X-Telegram-Bot-Api-Secret-Token': 'abc_123-xyz' }, body, accept: false, why: 'the token differs' },
  ]);
}

const authorization = (text) => ({ Authorization: 'Basic ' + Buffer.from(text).toString('base64') });

function postmark(name) {
  const secret = 'postmark:pässwört:1', body = '{"RecordType":"Bounce","MessageID":"883953f4-6105-42a2-a16a-77a8eac79483","Type":"HardBounce","Name":"Größe 東京"}';
  write(name, 'Postmark\'s documentation: user and password in the URL of the webhook; RFC 7617', 'https://postmarkapp.com/developer/webhooks/webhooks-overview', [
    { name: 'bounce, non-ASCII, a colon in the password', secret, headers: { ...json, ...authorization(secret) }, body },
  ]);
}

function msgraph(name) {
  const secret = 'SecretClientState', id = '84bd8158-1d4f-4b3a-8b4d-1a2b3c4d5e6f';
  const item = (clientState) => ({ subscriptionId: id, subscriptionExpirationDateTime: '2026-03-03T12:00:00.0000000+00:00', ...(clientState && { clientState }), changeType: 'created', resource: "me/mailFolders('Größe')/messages", tenantId: '84bd8158-6d4d-4958-8b9f-9d6445542f95', resourceData: { '@odata.type': '#Microsoft.Graph.Message' } });
  const body = (...states) => JSON.stringify({ value: states.map(item) });
  const token = 'Validation: Testing client application reachability for subscription Request-Id: 522a8e7e-096a-494c-aaf1-ac0dcfca45b7';
  const encoded = encodeURIComponent(token).replace(/%20/g, '+');
  write(name, 'Microsoft\'s documentation; there is no signature to make', 'https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks', [
    { name: 'notification, non-ASCII', secret, headers: json, body: body(secret) },
    { name: 'two notifications in one body', secret, headers: json, body: body(secret, secret) },
    { name: 'two notifications, one of another client state', secret, headers: json, body: body(secret, 'guess'), accept: false, why: 'every clientState has to match' },
    { name: 'two notifications, one without a client state', secret, headers: json, body: body(secret, undefined), accept: false, why: 'every clientState has to match' },
    { name: 'no notifications', secret, headers: json, body: '{"value":[]}', accept: false, why: 'there is no clientState at all' },
    { name: 'validation: the token is decoded, + is a space', secret, url: `${URL_OF(name)}?validationToken=${encoded}`, headers: { 'Content-Type': 'text/plain; charset=utf-8' }, handshake: { status: 200, content_type: 'text/plain', body: token } },
  ]);
}

function okta(name) {
  const secret = 'Basic YWRtaW46c3VwZXJzZWNyZXQ=', headers = { ...json, Authorization: secret };
  const body = '{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1","eventId":"b5a188b9-5ece-4636-b041-482ffda96311","eventTime":"2026-03-01T12:00:00.000Z","contentType":"application/json","data":{"events":[{"uuid":"f790999f-fe87-467a-9880-6982a583986c","displayMessage":"Größe 東京"}]}}';
  write(name, 'Okta\'s documentation; there is no signature to make', 'https://developer.okta.com/docs/concepts/event-hooks/', [
    { name: 'event, non-ASCII; the authentication field is Authorization', secret, headers, body },
    { name: 'event; the authentication field is a name of the user\'s own', secret: 'hook-token-1', headers: { ...json, 'X-Okta-Hook': 'hook-token-1' }, body, verification: { header: 'X-Okta-Hook' } },
    { name: 'one-time verification; the authentication field comes along', secret, method: 'GET', headers: { ...headers, 'X-Okta-Verification-Challenge': 'Zjo1N2Y4-8w==' }, handshake: { status: 200, content_type: 'application/json', body: '{"verification":"Zjo1N2Y4-8w=="}' } },
  ]);
}

function eventgrid(name) {
  const secret = 'key-in-the-query', url = `${URL_OF(name)}?code=${secret}`;
  const grid = (type, data) => JSON.stringify([{ id: '2d1781af-3a4c-4d7c-bd0c-e34b19da4e66', topic: '/subscriptions/xxxxxxxx', subject: 'Größe', data, eventType: type, eventTime: '2026-03-01T12:00:00.2430482Z', metadataVersion: '1', dataVersion: '1' }]);
  const code = '512d38b6-c7b8-40c8-89fe-f46f9e9622b6';
  const headers = (kind) => ({ 'Content-Type': 'application/json; charset=utf-8', 'aeg-event-type': kind, 'aeg-subscription-name': 'MYSUB', 'aeg-delivery-count': '0', 'aeg-data-version': '1', 'aeg-metadata-version': '1' });
  const cloud = JSON.stringify({ specversion: '1.0', type: 'Contoso.Items.ItemReceived', source: 'contoso', id: 'A234-1234-1234', time: '2026-03-01T12:00:00Z', data: { text: '東京' } });
  write(name, 'Microsoft\'s documentation; there is no signature to make', 'https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema', [
    { name: 'event of Event Grid\'s schema', secret, url, headers: headers('Notification'), body: grid('Contoso.Items.ItemReceived', { text: '東京' }) },
    { name: 'event of CloudEvents', secret, url, headers: { 'Content-Type': 'application/cloudevents+json; charset=utf-8', 'aeg-event-type': 'Notification' }, body: cloud },
    { name: 'subscription validation of Event Grid\'s schema', secret, url, headers: headers('SubscriptionValidation'), body: grid('Microsoft.EventGrid.SubscriptionValidationEvent', { validationCode: code, validationUrl: 'https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/estest/validate?id=512d38b6&t=2026-03-01' }), handshake: { status: 200, content_type: 'application/json', body: JSON.stringify({ validationResponse: code }) } },
    { name: 'subscription validation of CloudEvents', secret, method: 'OPTIONS', url, headers: { 'WebHook-Request-Origin': 'eventgrid.azure.net', 'WebHook-Request-Callback': 'https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/myeventsub/validate?id=B2E34264' }, handshake: { status: 200, headers: { 'WebHook-Allowed-Origin': 'eventgrid.azure.net', 'WebHook-Allowed-Rate': '*' } } },
  ]);
}

/** The generic schemes: examples that the RFCs print. */
function generic() {
  const jefe = { secret: 'Jefe', body: 'what do ya want for nothing?' };
  write('hmac', 'RFC 2202 and RFC 4231, case 2', 'https://www.rfc-editor.org/rfc/rfc4231', [
    ['sha1', '2202', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'], ['sha256', '4231', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
    ['sha384', '4231', 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649'],
    ['sha512', '4231', '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737'],
  ].flatMap(([algorithm, rfc, hex]) => {
    must(hmac(algorithm, jefe.secret, jefe.body, 'hex') === hex, `RFC ${rfc}`);
    const bytes = Buffer.from(hex, 'hex');
    return ['hex', 'base64', 'base64url'].map((encoding) => ({ ...jefe, name: `RFC ${rfc}, ${algorithm}, ${encoding}`, headers: { 'X-Signature': bytes.toString(encoding) }, verification: { algorithm, encoding } }));
  }));
  write('token', 'RFC 6750, section 2.1', 'https://www.rfc-editor.org/rfc/rfc6750', [
    { name: 'bearer', secret: 'mF_9.B5f-4.1JqM', headers: { Authorization: 'Bearer mF_9.B5f-4.1JqM' }, body: '{}', verification: { header: 'Authorization', prefix: 'Bearer' } },
    { name: 'a header of its own', secret: 'mF_9.B5f-4.1JqM', headers: { 'X-Webhook-Token': 'mF_9.B5f-4.1JqM' }, body: '{"name":"Zoë"}' },
  ]);
  write('basic', 'RFC 7617, sections 2 and 2.1', 'https://www.rfc-editor.org/rfc/rfc7617', [
    { name: 'section 2', secret: 'Aladdin:open sesame', headers: { Authorization: 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==' }, body: '{}' },
    { name: 'section 2.1, UTF-8', secret: 'test:123£', headers: { Authorization: 'Basic dGVzdDoxMjPCow==' }, body: '{}' },
  ]);
}

export default { calendly, zendesk, box, telegram, postmark, msgraph, okta, 'azure-eventgrid': eventgrid, generic };
