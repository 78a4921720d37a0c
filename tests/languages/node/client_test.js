// SPDX-License-Identifier: Apache-2.0
//
// A Node client on our proto (@grpc/grpc-js, @grpc/proto-loader), against a real
// palletd. The first test reads like the manual. PALLET_ADDRESS names the node.
const assert = require('assert');
const path = require('path');
const test = require('node:test');
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');

const root = path.resolve(__dirname, '../../../proto');
const definition = protoLoader.loadSync(
    [
      'pallet/v1/item_service.proto', 'pallet/v1/table_service.proto',
    ],
    {includeDirs: [root], keepCase: true, longs: String, enums: String,
     defaults: false, oneofs: false});
const {pallet: {v1: pallet}} = grpc.loadPackageDefinition(definition);

// A page can be 16 MB; gRPC's default would stop at 4.
const options = {'grpc.max_receive_message_length': 17 << 20};
const address = process.env.PALLET_ADDRESS;
const tables = new pallet.TableService(
    address, grpc.credentials.createInsecure(), options);
const items = new pallet.ItemService(
    address, grpc.credentials.createInsecure(), options);

function call(service, method, request) {
  return new Promise((resolve, reject) => service[method](
      request, {deadline: Date.now() + 10000},
      (error, response) => error ? reject(error) : resolve(response)));
}

const item = (attributes) => ({attributes});
const put = (artist, song, more = {}) => call(items, 'PutItem', {
  table_name: 'music', item: item({artist: {s: artist}, song: {s: song}, ...more}),
});

function nested(levels) {
  let value = {s: 'bottom'};
  for (let i = 0; i < levels; i++) value = {m: {entries: {a: value}}};
  return value;
}

test('a Node client', async (t) => {
  await call(tables, 'CreateTable', {
    table_name: 'music',
    attribute_definitions: [
      {attribute_name: 'artist', attribute_type: 'SCALAR_ATTRIBUTE_TYPE_S'},
      {attribute_name: 'song', attribute_type: 'SCALAR_ATTRIBUTE_TYPE_S'},
    ],
    key_schema: [
      {attribute_name: 'artist', key_type: 'KEY_TYPE_HASH'},
      {attribute_name: 'song', key_type: 'KEY_TYPE_RANGE'},
    ],
    billing_mode: 'BILLING_MODE_PAY_PER_REQUEST',
  });

  await t.test('example', async () => {
    await put('Nina Simone', 'Sinnerman', {year: {n: '1965'}});
    const got = await call(items, 'GetItem', {
      table_name: 'music',
      key: item({artist: {s: 'Nina Simone'}, song: {s: 'Sinnerman'}}),
    });
    assert.strictEqual(got.item.attributes.year.n, '1965');
    const page = await call(items, 'Query', {
      table_name: 'music',
      key_condition_expression: 'artist = :a AND begins_with(song, :s)',
      expression_attribute_values: {':a': {s: 'Nina Simone'}, ':s': {s: 'Sin'}},
    });
    assert.strictEqual(page.count, 1);
  });

  await t.test('errors have codes', async () => {
    await assert.rejects(
        call(items, 'GetItem', {table_name: 'nowhere', key: item({a: {s: 'b'}})}),
        (error) => error.code === grpc.status.NOT_FOUND);
  });

  await t.test('what is not built is refused by name', async () => {
    await assert.rejects(
        call(tables, 'UpdateTable', {
          table_name: 'music', multi_region_consistency: 1,
        }),
        (error) => error.code === grpc.status.UNIMPLEMENTED &&
            /multi_region_consistency/.test(error.details));
  });

  await t.test('stream scan gives every item', async () => {
    for (let n = 0; n < 50; n++) await put('Scan', String(n));
    let seen = 0;
    for await (const page of items.StreamScan({scan: {table_name: 'music'}})) {
      seen += page.items.filter((i) => i.attributes.artist.s === 'Scan').length;
    }
    assert.strictEqual(seen, 50);
  });

  await t.test('pipeline answers by tag', async () => {
    const stream = items.Pipeline();
    const tags = new Set();
    const done = new Promise((resolve, reject) => {
      stream.on('data', (frame) => {
        for (const result of frame.results) {
          assert.ok(result.put_item, JSON.stringify(result.error));
          tags.add(result.tag);
        }
        if (tags.size === 100) stream.end();
      });
      stream.on('end', resolve);
      stream.on('error', reject);
    });
    for (let n = 1; n <= 100; n++) {
      stream.write({operations: [{
        tag: n,
        put_item: {table_name: 'music',
                   item: item({artist: {s: 'Pipe'}, song: {s: String(n)}})},
      }]});
    }
    await done;
    assert.strictEqual(tags.size, 100);
  });

  await t.test('32 levels survive the wrappers', async () => {
    // 31 maps in the attribute's value are 32 levels with the item itself.
    const tree = nested(31);
    await put('Deep', 'put', {tree});
    await call(items, 'BatchWriteItem', {request_items: {music: {requests: [
      {put_request: {item: item({artist: {s: 'Deep'}, song: {s: 'batch'}, tree})}},
    ]}}});
    for (const song of ['put', 'batch']) {
      const key = item({artist: {s: 'Deep'}, song: {s: song}});
      const got = await call(items, 'GetItem', {table_name: 'music', key});
      assert.deepStrictEqual(
          JSON.parse(JSON.stringify(got.item.attributes.tree)), tree);
      const batch = await call(
          items, 'BatchGetItem', {request_items: {music: {keys: [key]}}});
      assert.deepStrictEqual(
          JSON.parse(JSON.stringify(
              batch.responses.music.items[0].attributes.tree)), tree);
      const stream = items.Pipeline();
      stream.write({operations: [
        {tag: 1, batch_get_item: {request_items: {music: {keys: [key]}}}}]});
      stream.end();
      for await (const {results: [result]} of stream) {
        const [found] = result.batch_get_item.responses.music.items;
        assert.deepStrictEqual(
            JSON.parse(JSON.stringify(found.attributes.tree)), tree);
      }
    }
  });

  tables.close();
  items.close();
});
