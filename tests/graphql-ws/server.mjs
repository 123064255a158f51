// OHIP's Streaming API as graphql-ws, ws and graphql-js understand it, over Oracle's own schema:
//   node server.mjs SCHEMA CERTIFICATE KEY APP_KEY
// It says "graphql-ws: listening on https://127.0.0.1:PORT" once it is ready. OAuth is on the same
// port, and what a test wants to happen:
//   POST /control/events                  newEvents in a JSON array, for every chain
//   POST /control/close?after=N&code=C    the next socket that has been sent so many more is closed
//                                         with that code; 1006: it is broken
//   GET  /control/log                     inputs of subscriptions, offsets sent, and how many messages
//                                         of each type came, as JSON

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { buildClientSchema, GraphQLError, isScalarType } from 'graphql';
import { useServer } from 'graphql-ws/use/ws';
import { WebSocketServer } from 'ws';

const [schemaFile, certificate, key, appKey] = process.argv.slice(2);
const keyHash = createHash('sha256').update(appKey).digest('hex');
const tokens = new Set();
const events = [];
const log = { subscriptions: [], sent: [], received: {} };
const active = new Map(); // chain: socket
const waiting = new Set(); // subscriptions that wait for events
let position = 0; // behind the last event sent
let ending = null; // { after, code }

const wakeAll = () => {
  waiting.forEach((wake) => wake());
  waiting.clear();
};

const end = (socket, code) => (code === 1006 ? socket.terminate() : socket.close(code, 'on demand'));

// Of an event or, inclusively, of the next there is.
const indexOf = (offset) => {
  const found = events.findIndex((event) => BigInt(event.metadata.offset) >= BigInt(offset));
  return found === -1 ? events.length : found;
};

// graphql-js calls return() when the client says complete, also while next() waits.
function subscribe({ chainCode, offset, offsetType }, { extra: { socket } }) {
  log.subscriptions.push({ chainCode, offset });
  let at = offset ? indexOf(offset) : position;
  at = offsetType ? Math.max(0, events.length - 1) : at;
  let over = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (!over && at >= events.length) {
        await new Promise((wake) => waiting.add(wake));
      }
      if (!over && ending && ending.after-- === 0) {
        end(socket, ending.code);
        ending = null;
        over = true;
      }
      if (over) {
        return { done: true, value: undefined };
      }
      const newEvent = events[at++];
      position = at;
      log.sent.push(newEvent.metadata.offset);
      return { done: false, value: { newEvent } };
    },
    async return() {
      over = true;
      wakeAll();
      return { done: true, value: undefined };
    },
  };
}

// Oracle's scalars say in their names what they admit: a length, and a pattern in base64.
function restrict(scalar) {
  const rule = /^StringWithLength(\d+)AndPattern(.+)$/.exec(scalar.name);
  if (!rule) {
    return;
  }
  const pattern = new RegExp(Buffer.from(rule[2], 'base64').toString());
  const check = (value) => {
    if (typeof value !== 'string' || value.length > Number(rule[1]) || !pattern.test(value)) {
      throw new GraphQLError(`Expected ${value} to match pattern ${pattern.source}`);
    }
    return value;
  };
  scalar.parseValue = check;
  scalar.parseLiteral = (node) => check(node.kind === 'StringValue' ? node.value : null);
}

function oracleSchema() {
  const introspection = JSON.parse(readFileSync(schemaFile, 'utf8'));
  const data = introspection.data ?? introspection;
  data.__schema.mutationType = null; // it names one that it does not contain
  const schema = buildClientSchema(data);
  Object.values(schema.getTypeMap()).filter(isScalarType).forEach(restrict);
  schema.getSubscriptionType().getFields().newEvent.subscribe = (_, { input }, context) =>
    subscribe(input, context);
  schema.getQueryType().getFields().connection.resolve = () => ({
    id: keyHash.slice(0, 12),
    status: active.size > 0 ? 'Active' : 'Inactive',
  });
  return schema;
}

const webSockets = new WebSocketServer({ noServer: true });
webSockets.on('connection', (socket) => {
  socket.on('message', (data) => {
    const type = /"type": *"([a-z_]+)"/.exec(data)?.[1];
    log.received[type] = (log.received[type] ?? 0) + 1;
  });
});
useServer(
  {
    schema: oracleSchema(),
    connectionInitWaitTimeout: 5000,
    context: (context) => context,
    onConnect({ connectionParams, extra: { socket } }) {
      const { Authorization: bearer, 'x-app-key': givenKey } = connectionParams ?? {};
      if (givenKey !== appKey || !tokens.has(String(bearer).replace(/^Bearer /, ''))) {
        socket.close(4401, 'Unauthorized');
        return false;
      }
      const timer = setInterval(() => socket.send('{"type":"ping"}'), 10000);
      socket.once('close', () => clearInterval(timer));
      return true;
    },
    onSubscribe({ extra: { socket } }, id, { query }) {
      const chain = /chainCode: *"([^"]*)"/.exec(query)?.[1];
      if (chain === undefined) {
        return;
      }
      if (active.has(chain)) {
        socket.close(4409, 'Another consumer is connected');
        return;
      }
      active.set(chain, socket);
      socket.once('close', () => active.delete(chain));
    },
    onComplete({ extra: { socket } }) {
      setTimeout(() => socket.close(1000), 100);
    },
  },
  webSockets,
);

const read = async (request) => {
  let body = '';
  for await (const part of request) {
    body += part;
  }
  return body;
};

const routes = {
  'POST /oauth/v1/tokens': () => {
    const token = `token-${tokens.size + 1}`;
    tokens.add(token);
    return { access_token: token, token_type: 'Bearer', expires_in: 3600 };
  },
  'POST /control/events': (body) => {
    events.push(...JSON.parse(body));
    wakeAll();
    return {};
  },
  'POST /control/close': (_, query) => {
    ending = { after: Number(query.get('after')), code: Number(query.get('code')) };
    return {};
  },
  'GET /control/log': () => log,
};

const server = createServer(
  { cert: readFileSync(certificate), key: readFileSync(key) },
  async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'https://127.0.0.1');
    const route = routes[`${request.method} ${pathname}`];
    response.writeHead(route ? 200 : 404, { 'Content-Type': 'application/json' });
    response.end(route ? JSON.stringify(route(await read(request), searchParams)) : '');
  },
);
server.on('upgrade', (request, socket, head) => {
  const { pathname, searchParams } = new URL(request.url, 'https://127.0.0.1');
  if (pathname !== '/subscriptions' || searchParams.get('key') !== keyHash) {
    socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  webSockets.handleUpgrade(request, socket, head, (webSocket) =>
    webSockets.emit('connection', webSocket, request),
  );
});
server.listen(0, '127.0.0.1', () => {
  console.log(`graphql-ws: listening on https://127.0.0.1:${server.address().port}`);
});
process.on('SIGTERM', () => process.exit(0));
