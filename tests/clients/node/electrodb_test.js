// SPDX-License-Identifier: Apache-2.0
//
// ElectroDB, a modelling library, unchanged, over the AWS SDK: entities with
// composed keys, conditions and filters of the library's own making.
const assert = require('assert');
const test = require('node:test');
const {DynamoDBClient, CreateTableCommand} = require('@aws-sdk/client-dynamodb');
const {Entity} = require('electrodb');

const client = new DynamoDBClient({endpoint: process.env.DYNAMODB_ENDPOINT});
const table = 'electro';

const Task = new Entity({
  model: {entity: 'task', version: '1', service: 'work'},
  attributes: {
    team: {type: 'string', required: true},
    id: {type: 'string', required: true},
    title: {type: 'string'},
    points: {type: 'number', default: 0},
    tags: {type: 'set', items: 'string'},
    done: {type: 'boolean'},
    log: {type: 'list', items: {type: 'string'}},
  },
  indexes: {
    byTeam: {
      pk: {field: 'pk', composite: ['team']},
      sk: {field: 'sk', composite: ['id']},
    },
  },
}, {client, table});

test.before(async () => {
  await client.send(new CreateTableCommand({
    TableName: table, BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      {AttributeName: 'pk', AttributeType: 'S'},
      {AttributeName: 'sk', AttributeType: 'S'},
    ],
    KeySchema: [
      {AttributeName: 'pk', KeyType: 'HASH'},
      {AttributeName: 'sk', KeyType: 'RANGE'},
    ],
  }));
});

test('created once only', async () => {
  const task = {team: 'blue', id: '1', title: 'paint', tags: ['a', 'b']};
  const {data} = await Task.create(task).go();
  assert.deepStrictEqual(data, {...task, points: 0});
  await assert.rejects(Task.create(task).go(), /conditional request failed/);
  const got = await Task.get({team: 'blue', id: '1'}).go();
  assert.deepStrictEqual(got.data, {...task, points: 0});
});

test('patched where it is there', async () => {
  await Task.put({team: 'blue', id: '2', title: 'sand', points: 3}).go();
  const {data} = await Task.patch({team: 'blue', id: '2'})
      .add({points: 2}).set({done: true}).append({log: ['sanded']})
      .go({response: 'all_new'});
  assert.strictEqual(data.points, 5);
  assert.deepStrictEqual(data.log, ['sanded']);
  await assert.rejects(Task.patch({team: 'blue', id: '99'}).set({done: true}).go(),
                       /conditional request failed/);
});

test('queried with filters, page by page', async () => {
  await Task.put(Array.from({length: 40}, (_, i) => (
      {team: 'red', id: String(100 + i), points: i}))).go();
  const high = await Task.query.byTeam({team: 'red'})
      .where(({points}, {gte}) => gte(points, 30)).go({pages: 'all'});
  assert.strictEqual(high.data.length, 10);
  const some = await Task.query.byTeam({team: 'red'})
      .between({id: '110'}, {id: '119'}).go();
  assert.strictEqual(some.data.length, 10);
  const first = await Task.query.byTeam({team: 'red'}).go({limit: 15});
  const second = await Task.query.byTeam({team: 'red'})
      .go({limit: 15, cursor: first.cursor});
  assert.strictEqual(second.data[0].id, '115');
});

test('deleted, and the old one told', async () => {
  await Task.put({team: 'green', id: '1', title: 'x'}).go();
  const {data} = await Task.delete({team: 'green', id: '1'})
      .go({response: 'all_old'});
  assert.strictEqual(data.title, 'x');
  assert.strictEqual((await Task.get({team: 'green', id: '1'}).go()).data, null);
});
