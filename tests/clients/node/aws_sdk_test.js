// SPDX-License-Identifier: Apache-2.0
//
// The AWS SDK for JavaScript, version 3, unchanged: `endpoint` is the only
// difference from DynamoDB. The client itself, then the document client.
const assert = require('assert');
const test = require('node:test');
const {
  DynamoDBClient, CreateTableCommand, DeleteTableCommand, GetItemCommand,
  ListTablesCommand, PutItemCommand, ResourceNotFoundException,
  ConditionalCheckFailedException, paginateScan, waitUntilTableExists,
} = require('@aws-sdk/client-dynamodb');
const {
  DynamoDBDocumentClient, BatchGetCommand, BatchWriteCommand, GetCommand,
  PutCommand, QueryCommand, UpdateCommand, paginateQuery,
} = require('@aws-sdk/lib-dynamodb');

const endpoint = process.env.DYNAMODB_ENDPOINT;
const client = new DynamoDBClient({endpoint});
const documents = DynamoDBDocumentClient.from(client);
const TableName = 'Music';

test.before(async () => {
  await client.send(new CreateTableCommand({
    TableName, BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [
      {AttributeName: 'artist', AttributeType: 'S'},
      {AttributeName: 'song', AttributeType: 'S'},
    ],
    KeySchema: [
      {AttributeName: 'artist', KeyType: 'HASH'},
      {AttributeName: 'song', KeyType: 'RANGE'},
    ],
  }));
  await waitUntilTableExists({client, maxWaitTime: 60}, {TableName});
});

test('an item is put and got', async () => {
  const Item = {
    artist: {S: 'Nina Simone'}, song: {S: 'Sinnerman'}, year: {N: '1965'},
    cover: {B: new Uint8Array([0, 1, 255])}, live: {BOOL: false},
    tags: {SS: ['a', 'b']}, nested: {M: {l: {L: [{NULL: true}, {N: '-1.5'}]}}},
  };
  await client.send(new PutItemCommand({TableName, Item}));
  const got = await client.send(new GetItemCommand({
    TableName, Key: {artist: Item.artist, song: Item.song},
    ReturnConsumedCapacity: 'TOTAL',
  }));
  assert.deepStrictEqual(got.Item, Item);
  assert.strictEqual(got.ConsumedCapacity.CapacityUnits, 0.5);
  assert.match(got.$metadata.requestId, /^[A-Z0-9]{52}$/);
});

test('what is not there is undefined', async () => {
  const got = await documents.send(new GetCommand(
      {TableName, Key: {artist: 'nobody', song: 'nothing'}}));
  assert.strictEqual(got.Item, undefined);
});

test('exceptions are those of the SDK', async () => {
  await assert.rejects(
      client.send(new DeleteTableCommand({TableName: 'Nothing'})),
      (error) => error instanceof ResourceNotFoundException &&
          error.$metadata.httpStatusCode === 400);
  await assert.rejects(
      documents.send(new GetCommand({TableName, Key: {artist: 'x'}})),
      {name: 'ValidationException'});
  const stranger = new DynamoDBClient(
      {endpoint, credentials: {accessKeyId: 'x', secretAccessKey: 'y'}});
  await assert.rejects(stranger.send(new ListTablesCommand({})),
                       {name: 'UnrecognizedClientException'});
});

test('a failed condition has the item', async () => {
  const item = {artist: 'Bach', song: 'BWV 1', plays: 3};
  await documents.send(new PutCommand({TableName, Item: item}));
  await assert.rejects(
      documents.send(new PutCommand({
        TableName, Item: {artist: 'Bach', song: 'BWV 1'},
        ConditionExpression: 'plays > :n',
        ExpressionAttributeValues: {':n': 3},
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })),
      (error) => error instanceof ConditionalCheckFailedException &&
          error.Item.plays.N === '3');
});

test('documents are updated', async () => {
  const Key = {artist: 'Bach', song: 'BWV 2'};
  const updated = await documents.send(new UpdateCommand({
    TableName, Key, UpdateExpression: 'SET #n = if_not_exists(#n, :zero) + :one',
    ExpressionAttributeNames: {'#n': 'plays'},
    ExpressionAttributeValues: {':zero': 0, ':one': 1},
    ReturnValues: 'ALL_NEW',
  }));
  assert.deepStrictEqual(updated.Attributes, {...Key, plays: 1});
});

test('batches and pages', async () => {
  const names = Array.from({length: 70}, (_, i) => `song ${100 + i}`);
  for (let i = 0; i < names.length; i += 25) {
    const answer = await documents.send(new BatchWriteCommand({
      RequestItems: {
        [TableName]: names.slice(i, i + 25).map(
            (song) => ({PutRequest: {Item: {artist: 'many', song}}})),
      },
    }));
    assert.deepStrictEqual(answer.UnprocessedItems, {});
  }
  const read = await documents.send(new BatchGetCommand({
    RequestItems: {
      [TableName]: {Keys: names.map((song) => ({artist: 'many', song}))},
    },
  }));
  assert.strictEqual(read.Responses[TableName].length, 70);
  const found = [];
  const query = {
    TableName, Limit: 30, KeyConditionExpression: 'artist = :a',
    ExpressionAttributeValues: {':a': 'many'},
  };
  for await (const page of paginateQuery({client: documents}, query)) {
    found.push(...page.Items.map((item) => item.song));
  }
  assert.deepStrictEqual(found, names);
  let scanned = 0;
  for await (const page of paginateScan({client}, {TableName, Limit: 11})) {
    scanned += page.Count;
  }
  assert.ok(scanned >= 70);
  const last = await documents.send(new QueryCommand(
      {...query, ScanIndexForward: false, Limit: 1,
       FilterExpression: 'attribute_exists(plays)'}));
  assert.strictEqual(last.Count, 0);
  assert.strictEqual(last.ScannedCount, 1);
  assert.deepStrictEqual(last.Items, []);
});

test('many at once on few connections', async () => {
  const puts = Array.from({length: 300}, (_, i) => documents.send(
      new PutCommand({TableName, Item: {artist: 'burst', song: `${i}`, i}})));
  await Promise.all(puts);
  const gets = await Promise.all(Array.from({length: 300}, (_, i) =>
      documents.send(new GetCommand(
          {TableName, Key: {artist: 'burst', song: `${i}`}}))));
  gets.forEach((got, i) => assert.strictEqual(got.Item.i, i));
});
