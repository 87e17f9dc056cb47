// Hosts of code and trackers: they sign the body, some beside a time.
import { Webhooks } from '@octokit/webhooks';
import { sign, verify } from '@octokit/webhooks-methods';
import { Webhook } from 'standardwebhooks';
import { LinearWebhookClient } from '@linear/sdk/webhooks';
import { NOW, SECONDS, at, hmac, must, npm, write } from '../lib.mjs';

const push = JSON.stringify({
  ref: 'refs/heads/main',
  before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
  after: '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5',
  repository: { id: 135493233, full_name: 'Codertocat/Hello-World', private: false },
  pusher: { name: 'Codertocat', email: '21031067+Codertocat@users.noreply.github.com' },
  commits: [{ id: '59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5', message: 'Grüße aus Köln: 日本語 🚀', distinct: true }],
});

async function github(name) {
  const secret = 'mysecret-grün';
  const headers = async (body) => ({
    'Content-Type': 'application/json', 'User-Agent': 'GitHub-Hookshot/044aadd', 'X-GitHub-Event': 'push',
    'X-GitHub-Delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958', 'X-GitHub-Hook-ID': '292430182',
    'X-Hub-Signature': 'sha1=' + hmac('sha1', secret, body, 'hex'),
    'X-Hub-Signature-256': await sign(secret, body),
  });
  const form = 'payload=' + encodeURIComponent(push);
  const hooks = new Webhooks({ secret });
  for (const body of [push, form]) {
    const signature = (await headers(body))['X-Hub-Signature-256'];
    must(await verify(secret, body, signature), name);
    must(await hooks.verify(body, signature), name);
  }
  const printed = {
    name: 'printed: Validating webhook deliveries, testing the webhook payload validation',
    source: 'GitHub docs', secret: "It's a Secret to Everybody", body: 'Hello, World!',
    headers: { 'X-Hub-Signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
  };
  must(await verify(printed.secret, printed.body, printed.headers['X-Hub-Signature-256']), 'github, printed');
  write(name, `${npm('@octokit/webhooks-methods')}, sign; accepted by ${npm('@octokit/webhooks')}, verify`,
    'https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries', [
      { name: 'push, JSON, non-ASCII', secret, headers: await headers(push), body: push },
      { name: 'push, sent as a form: the encoded form is what is signed', secret, body: form,
        headers: { ...await headers(form), 'Content-Type': 'application/x-www-form-urlencoded' } },
      printed,
      { name: 'only the old SHA-1 header', secret, body: push, accept: false, why: 'X-Hub-Signature-256 is missing',
        headers: { 'X-Hub-Signature': 'sha1=' + hmac('sha1', secret, push, 'hex') } },
    ]);
}

async function gitlab(name) {
  const body = JSON.stringify({
    object_kind: 'push', event_name: 'push', ref: 'refs/heads/master', user_name: 'Jürgen Müller',
    project_id: 15, commits: [{ id: 'b6568db1bc1dcd7f8b4d5a946b0b91f9dacd7327', message: 'Añadir información 日本' }],
    total_commits_count: 1,
  });
  const common = {
    'Content-Type': 'application/json', 'User-Agent': 'GitLab/18.11.0', 'X-Gitlab-Event': 'Push Hook',
    'X-Gitlab-Instance': 'https://gitlab.example.com', 'X-Gitlab-Webhook-UUID': '6cef1e4b-2d4f-4a0d-8b1c-5a3f1ad1b9f0',
    'X-Gitlab-Event-UUID': '13792a34-cac6-4fda-95a8-c58e00a3954e', 'Idempotency-Key': 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f',
  };
  const token = 'glhook-5f2c1a9e';
  const signing = 'whsec_' + Buffer.alloc(32, 'gitlab signing token ').toString('base64');
  const id = common['Idempotency-Key'];
  const signed = {
    ...common, 'webhook-id': id, 'webhook-timestamp': SECONDS,
    'webhook-signature': new Webhook(signing).sign(id, new Date(NOW), body),
  };
  await at(NOW, () => new Webhook(signing).verify(body, signed));
  write(name, `GitLab's documentation and merge requests 230944, 231325; signing token: ${npm('standardwebhooks')}, sign and verify`,
    'https://docs.gitlab.com/user/project/integrations/webhooks/', [
      { name: 'secret token, sent as it is', secret: token, headers: { ...common, 'X-Gitlab-Token': token }, body },
      { name: 'signing token', secret: signing, headers: signed, body },
      { name: 'both are set on the hook; the endpoint has the signing token', secret: signing,
        headers: { ...signed, 'X-Gitlab-Token': token }, body },
      { name: 'both are set on the hook; the endpoint has the secret token', secret: token,
        headers: { ...signed, 'X-Gitlab-Token': token }, body },
    ]);
}

async function linear(name) {
  const secret = 'lin_wh_1tEZxrRxxOuDGh9lTNpPUbCKOPnkTMSf';
  const body = JSON.stringify({
    action: 'create', actor: { id: 'b5ea5f1f-8adc-4f52-b4bd-ab4e84cf51ba', type: 'user', name: 'Søren' },
    createdAt: '2026-03-01T12:00:00.000Z', type: 'Comment',
    data: { id: '2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9', body: 'Indubitably — très bien 👍', issueId: '539068e2-ae88-4d09-bd75-22eb4a59612f' },
    url: 'https://linear.app/issue/LIN-1778/foo-bar#comment-77217de3', organizationId: '890d2421-6879-4a0d-8b0c-fa2a0be29a5e',
    webhookTimestamp: NOW - 2500, webhookId: '000042e3-d123-4980-b49f-8e140eef9329',
  });
  const headers = {
    'Content-Type': 'application/json; charset=utf-8', 'User-Agent': 'Linear-Webhook', 'Linear-Event': 'Comment',
    'Linear-Delivery': '234d1a4e-b617-4388-90fe-adc3633d6b72', 'Linear-Signature': hmac('sha256', secret, body, 'hex'),
    'Linear-Timestamp': String(NOW - 2500),
  };
  const client = new LinearWebhookClient(secret);
  const check = () => client.verify(Buffer.from(body), headers['Linear-Signature'], Number(headers['Linear-Timestamp']));
  must(await at(NOW, check), name);
  must(await at(NOW + 57000, check), name);
  await at(NOW + 60000, () => { try { check(); } catch { return; } throw new Error('linear took an old event'); });
  const untimed = JSON.stringify({ ...JSON.parse(body), webhookTimestamp: undefined });
  write(name, `${npm('@linear/sdk')}, LinearWebhookClient.verify; signed by the documented recipe`,
    'https://linear.app/developers/webhooks', [
      { name: 'comment, non-ASCII', secret, headers, body },
      { name: '62 s old', secret, headers, body, now: '2026-03-01T12:01:00Z', accept: false, why: 'webhookTimestamp is more than 60 s away' },
      { name: 'no webhookTimestamp in the body; the header is not signed', secret, body: untimed, accept: false,
        why: 'the signed time is missing', headers: { ...headers, 'Linear-Signature': hmac('sha256', secret, untimed, 'hex') } },
    ]);
}

export default { github, gitlab, linear };
