// Payments and shops.
import crypto from 'node:crypto';
import Stripe from 'stripe';
import { WebhooksHelper } from 'square';
import { Paddle } from '@paddle/paddle-node-sdk';
import { shopifyApi, ApiVersion, LogSeverity } from '@shopify/shopify-api';
import '@shopify/shopify-api/adapters/node';
import { NOW, SECONDS, URL_OF, at, certificate, hmac, must, mustRefuse, npm, write } from '../lib.mjs';

async function stripe(name) {
  const secret = 'whsec_jbVR1iqvSOEQtWiJIQGzhQTHVmPIjNWD';
  const old = 'whsec_vJ8zXoM2mRrKc5LqPjAd7oWnQnGtUuHh';
  const body = JSON.stringify({
    id: 'evt_1NG8Du2eZvKYlo2CUI79vXWy', object: 'event', api_version: '2026-02-25.basil', created: NOW / 1000 - 3,
    data: { object: { id: 'cus_NffrFeUfNV2Hib', object: 'customer', name: 'Jenny Rosén 日本', currency: 'eur', email: 'jenny.rosen@example.com' } },
    livemode: false, pending_webhooks: 1, request: { id: 'req_5QDcJFY1f8vJWz', idempotency_key: null }, type: 'customer.created',
  }, null, 2);
  const client = new Stripe('sk_test_123');
  const make = (key, scheme = 'v1') => client.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp: NOW / 1000, scheme });
  const value = (key, scheme) => make(key, scheme).split(',')[1];
  const both = `${make(secret)},${value(old)}`;
  const beside = `${make(secret)},${value(secret, 'v0')}`;
  const check = (header, key) => at(NOW, () => client.webhooks.constructEvent(body, header, key));
  for (const [header, key] of [[make(secret), secret], [both, secret], [both, old], [beside, secret]]) must((await check(header, key)).id, name);
  await mustRefuse(() => check(make(secret, 'v0'), secret), 'stripe, v0 only');
  const headers = (signature) => ({ 'Content-Type': 'application/json; charset=utf-8', 'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)', 'Stripe-Signature': signature });
  write(name, `${npm('stripe')}, webhooks.generateTestHeaderString; accepted by webhooks.constructEvent`, 'https://docs.stripe.com/webhooks#verify-manually', [
    { name: 'customer.created, non-ASCII', secret, headers: headers(make(secret)), body },
    { name: 'two v1 while the secret rolls, the new secret', secret, headers: headers(both), body },
    { name: 'two v1 while the secret rolls, the old secret', secret: old, headers: headers(both), body },
    { name: 'v0 beside v1, as for test events', secret, headers: headers(beside), body },
    { name: 'v0 only', secret, headers: headers(make(secret, 'v0')), body, accept: false, why: 'v0 is a test scheme and not to be trusted' },
  ]);
}

async function square(name) {
  const secret = 'asdf1234qwertyFEDCBA98';
  const url = `${URL_OF(name)}?tenant=7`;
  const body = '{"merchant_id":"MLEFBHHSJGVHD","type":"customer.created","event_id":"bf7d3f6a-5a4d-4c2b-9b7f-0d4d7e0d0c6e","created_at":"2026-03-01T12:00:00Z","data":{"type":"customer","id":"JDKYHBWT1D4F8MFH63DBMEN8Y4","object":{"customer":{"given_name":"Amélie","family_name":"Łuczak"}}}}';
  const signature = hmac('sha256', secret, url + body, 'base64');
  must(await WebhooksHelper.verifySignature({ requestBody: body, signatureHeader: signature, signatureKey: secret, notificationUrl: url }), name);
  write(name, `${npm('square')}, WebhooksHelper.verifySignature; signed by the documented recipe`,
    'https://developer.squareup.com/docs/webhooks/step3validate', [
      { name: 'customer.created, non-ASCII, query in the URL', secret, url, body,
        headers: { 'Content-Type': 'application/json', 'square-environment': 'Production', 'square-initial-delivery-timestamp': '2026-03-01T12:00:00Z', 'x-square-hmacsha256-signature': signature } },
    ]);
}

async function paddle(name) {
  const secret = 'pdl_ntfset_01gkdqe5bd4ch7xq0gdvmk4mjv_y3TrPmwTqSHYAT1KqCOPTvkRf6V/R1cL';
  const old = 'pdl_ntfset_01gkdqe5bd4ch7xq0gdvmk4mjv_ZbP0vM4hT7oN8gJ2lQ1wXk5rSa9dEc3f';
  const body = JSON.stringify({
    event_id: 'evt_01hv8x2acma2gz7he8kg2s0hna', event_type: 'customer.created', occurred_at: '2026-03-01T12:00:00.000000Z', notification_id: 'ntf_01hv8x2af2ssnzwdt5wz1m9h2y',
    data: { id: 'ctm_01hv8x29kz0t586xy6zn1a62ny', name: 'Sam Müller', email: 'sam@example.com', marketing_consent: false, status: 'active', custom_data: null, locale: 'de',
      created_at: '2026-03-01T12:00:00.000Z', updated_at: '2026-03-01T12:00:00.000Z', import_meta: null },
  });
  const h1 = (key) => 'h1=' + hmac('sha256', key, `${SECONDS}:${body}`, 'hex');
  const header = (...keys) => ({ 'Content-Type': 'application/json', 'Paddle-Version': '1', 'Paddle-Signature': [`ts=${SECONDS}`, ...keys.map(h1)].join(';') });
  const client = new Paddle('pdl_key');
  const check = (key, headers, ms) => at(ms, () => client.webhooks.unmarshal(body, key, headers['Paddle-Signature']));
  must((await check(secret, header(secret), NOW)).eventId, name);
  must((await check(old, header(secret, old), NOW)).eventId, name); // the SDK looks at the last h1 alone
  must(await client.webhooks.isSignatureValid(body, secret, header(secret)['Paddle-Signature']) === false, 'paddle: older than 5 s');
  const docs = 'by the documentation (several h1 while a secret rolls); the SDK looks at the last one alone';
  write(name, `${npm('@paddle/paddle-node-sdk')}, webhooks.unmarshal; signed by the documented recipe`,
    'https://developer.paddle.com/webhooks/signature-verification', [
      { name: 'customer.created, non-ASCII', secret, headers: header(secret), body },
      { name: 'two h1 while the secret rolls, the last', secret: old, headers: header(secret, old), body },
      { name: 'two h1 while the secret rolls, the first', source: docs, secret, headers: header(secret, old), body },
    ]);
}

async function shopify(name) {
  const secret = 'hush-shpss_4f1f0e9d';
  const body = '{"id":820982911946154508,"email":"jon@example.com","total_price":"398.00","currency":"EUR","note":"Größe M – 東京","line_items":[{"id":866550311766439020,"title":"IPod Nano \\u0026 more"}]}';
  const api = shopifyApi({ apiKey: 'key', apiSecretKey: secret, hostName: 'hooks.example.com', apiVersion: ApiVersion.October25 ?? ApiVersion.Unstable, isEmbeddedApp: false, logger: { level: LogSeverity.Error } });
  const signature = hmac('sha256', secret, body, 'base64');
  const headers = {
    'Content-Type': 'application/json', 'X-Shopify-Topic': 'orders/create', 'X-Shopify-Hmac-Sha256': signature,
    'X-Shopify-Shop-Domain': 'johns-apparel.myshopify.com', 'X-Shopify-API-Version': '2025-10',
    'X-Shopify-Webhook-Id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043', 'X-Shopify-Event-Id': '98880550-7158-44d4-b7cd-2c97c8a091b5', 'X-Shopify-Triggered-At': '2026-03-01T11:59:59.123456Z',
  };
  const events = {
    'Content-Type': 'application/json', 'shopify-topic': 'product', 'shopify-hmac-sha256': signature, 'shopify-shop-domain': 'johns-apparel.myshopify.com',
    'shopify-api-version': 'unstable', 'shopify-webhook-id': headers['X-Shopify-Webhook-Id'], 'shopify-event-id': headers['X-Shopify-Event-Id'], 'shopify-action': 'update',
  };
  for (const h of [headers, events]) {
    const raw = { method: 'POST', url: '/hooks/shopify', headers: h };
    must((await api.webhooks.validate({ rawBody: body, rawRequest: raw, rawResponse: {} })).valid, name);
  }
  write(name, `${npm('@shopify/shopify-api')}, webhooks.validate; signed by the documented recipe`,
    'https://shopify.dev/docs/apps/build/webhooks/subscribe/https', [
      { name: 'orders/create, non-ASCII', secret, headers, body },
      { name: 'the newer "events" webhooks: the same without X-', secret, headers: events, body, optional: true },
    ]);
}

function crc32(data) {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

async function paypal(name) {
  must(crc32(Buffer.from('123456789')) === 0xcbf43926, 'the check value of CRC-32');
  const { key, leaf, root } = await certificate('messageverificationcerts.paypal.com', 'PayPal, Inc.');
  const webhookID = '9XL90610J3647323C';
  const certURL = 'https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77';
  const sandboxURL = 'https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270';
  const body = '{"id":"WH-58D329510W468432D-8HN650336L201105X","create_time":"2026-03-01T11:59:50.000Z","resource_type":"capture","event_type":"PAYMENT.CAPTURE.COMPLETED","summary":"Payment completed for € 30.0 EUR","resource":{"id":"42311647XV020574X","amount":{"currency_code":"EUR","value":"30.00"},"status":"COMPLETED","note":"Grüße"},"event_version":"1.0","resource_version":"2.0"}';
  const id = '69cd13f0-d67a-11e5-baa3-778b53f4ae55';
  const headers = (text, url) => ({
    'Content-Type': 'application/json', 'User-Agent': 'PayPal/AUHD-214.0-57646053', 'PAYPAL-AUTH-ALGO': 'SHA256withRSA', 'PAYPAL-AUTH-VERSION': 'v2', 'PAYPAL-CERT-URL': url,
    'PAYPAL-TRANSMISSION-ID': id, 'PAYPAL-TRANSMISSION-TIME': '2026-03-01T12:00:00Z',
    'PAYPAL-TRANSMISSION-SIG': crypto.sign('sha256', Buffer.from(`${id}|2026-03-01T12:00:00Z|${webhookID}|${crc32(Buffer.from(text))}`), key).toString('base64'),
  });
  // A body whose CRC-32 starts with a zero digit in hex and is negative as int32
  // would tell a wrong rendering: the decimal of the unsigned number is what counts.
  let high = body;
  while (crc32(Buffer.from(high)) < 0x80000000) high += ' ';
  const evil = 'https://api.paypal.com.example.net/v1/notifications/certs/CERT-1';
  write(name, 'own key; signed as PayPal-Python-SDK (paypalrestsdk/notifications.py, WebhookEvent._get_expected_sig and _verify_signature, read line by line) verifies; no npm SDK verifies without a call to PayPal',
    'https://developer.paypal.com/api/rest/webhooks/rest/', [
      { name: 'capture completed, non-ASCII', secret: webhookID, headers: headers(body, certURL), body, keys: { [certURL]: leaf } },
      { name: 'CRC-32 above 2^31', secret: webhookID, headers: headers(high, certURL), body: high, keys: { [certURL]: leaf } },
      { name: 'sandbox', secret: webhookID, headers: headers(body, sandboxURL), body, keys: { [sandboxURL]: leaf } },
      { name: 'certificate from a foreign host', secret: webhookID, headers: headers(body, evil), body, keys: { [evil]: leaf }, accept: false, why: 'the host of the certificate is not PayPal' },
    ], { roots: root });
}

export default { stripe, square, paddle, shopify, paypal };
