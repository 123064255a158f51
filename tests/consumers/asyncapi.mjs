// Reads AsyncAPI documents with AsyncAPI's own parser. Prints, as JSON, what is wrong with each and
// its messages, whose references have been followed:
//   node asyncapi.mjs docs/asyncapi.yaml …     in a folder where @asyncapi/parser is installed
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { argv, stdout } from 'node:process';

const { Parser, fromFile } = createRequire(resolve('package.json'))('@asyncapi/parser');
const WARNING = 1;

async function read(path) {
  const { document, diagnostics } = await fromFile(new Parser(), path).parse();
  return {
    problems: diagnostics
      .filter(({ severity }) => severity <= WARNING)
      .map((found) => `${found.path.join('.')}: ${found.message}`),
    messages: (document?.allMessages().all() ?? []).map((message) => ({
      name: message.name(),
      headers: message.headers().json(),
      key: message.bindings().get('kafka').json().key,
      payload: message.payload().json().$id,
    })),
  };
}

const documents = [];
for (const path of argv.slice(2)) documents.push(await read(path));
stdout.write(JSON.stringify(documents));
