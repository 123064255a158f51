// Moves events of OHIP's Streaming API to Kafka until so many have been acknowledged: what comes while
// Kafka is at work goes with the next request. Settings come from the environment, under ohip-stream's
// names.
//   node stream.mjs EVENTS
import { createHash } from 'node:crypto';
import { createClient } from 'graphql-ws';
import { Kafka, Partitioners, logLevel } from 'kafkajs';
import WebSocket from 'ws';

const events = Number(process.argv[2]);
const env = process.env;
const most = 400; // in one request: Kafka takes a megabyte, and all may be of one partition

const answer = await fetch(`${env.OHIP_GATEWAY_URL}/oauth/v1/tokens`, {
  method: 'POST',
  headers: {
    authorization: `Basic ${btoa(`${env.OHIP_CLIENT_ID}:${env.OHIP_CLIENT_SECRET}`)}`,
    'x-app-key': env.OHIP_APP_KEY,
    enterpriseId: env.OHIP_ENTERPRISE_ID,
  },
  body: new URLSearchParams({ grant_type: 'client_credentials', scope: env.OHIP_SCOPE }),
});
const token = (await answer.json()).access_token;

const kafka = new Kafka({ brokers: [env.KAFKA_BOOTSTRAP_SERVERS], logLevel: logLevel.ERROR });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
await producer.connect();

const key = createHash('sha256').update(env.OHIP_APP_KEY).digest('hex');
const client = createClient({
  url: `${env.OHIP_GATEWAY_URL.replace('http', 'ws')}/subscriptions?key=${key}`,
  webSocketImpl: WebSocket,
  connectionParams: { Authorization: `Bearer ${token}`, 'x-app-key': env.OHIP_APP_KEY },
  keepAlive: 10_000,
});
const query = `subscription { newEvent(input: { chainCode: "${env.OHIP_CHAIN}", offset: "0" }) {
  metadata { offset uniqueEventId } moduleName eventName primaryKey timestamp hotelId
  publisherId actionInstanceId detail { oldValue newValue elementName scopeFrom scopeTo
  elementSequence elementType elementRole } } }`;

let waiting = [];
let sent = 0;
let sending = false;

async function send() {
  sending = true;
  while (waiting.length > 0) {
    const messages = waiting.splice(0, most);
    await producer.send({ topic: env.KAFKA_TOPIC, acks: -1, messages });
    sent += messages.length;
  }
  sending = false;
  if (sent >= events) {
    process.exit(0);
  }
}

for await (const { data } of client.iterate({ query })) {
  const event = data.newEvent;
  waiting.push({
    key: `${event.hotelId}/${event.moduleName}/${event.primaryKey}`,
    value: JSON.stringify(event),
  });
  if (!sending) {
    send().catch((error) => {
      console.error(String(error));
      process.exit(1);
    });
  }
}
