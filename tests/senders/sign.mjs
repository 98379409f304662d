// Signs events with the libraries of those who send them: a list of {vendor, secret, time, id, body} on stdin, a list of headers on stdout.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(process.argv[2] + "/"));
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: Stripe } = await load("stripe");
const { Webhook } = require("standardwebhooks");
const { sign } = await import(pathToFileURL(process.argv[2] + "/node_modules/@octokit/webhooks-methods/dist-node/index.js").href);

const stripe = new Stripe("sk_test_1");
const senders = {
  stripe: ({ secret, time, body }) => ({
    "Stripe-Signature": stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: time }),
  }),
  github: async ({ secret, body }) => ({ "X-Hub-Signature-256": await sign(secret, body) }),
  standard: ({ secret, time, id, body }) => ({
    "webhook-id": id,
    "webhook-timestamp": String(time),
    "webhook-signature": new Webhook(secret).sign(id, new Date(time * 1000), body),
  }),
  // As Shopify's documentation says: there is no library that signs.
  shopify: ({ secret, body }) => ({
    "X-Shopify-Hmac-Sha256": createHmac("sha256", secret).update(body, "utf8").digest("base64"),
  }),
};

let text = "";
for await (const chunk of process.stdin) text += chunk;
const signed = [];
for (const event of JSON.parse(text)) signed.push(await senders[event.vendor](event));
process.stdout.write(JSON.stringify(signed));
