// SPDX-License-Identifier: Apache-2.0
//
// The AWS SDK for JavaScript, version 3, unchanged: `endpoint` is the only
// difference from DynamoDB. The client itself, then the document client.
const assert = require('assert');
const test = require('node:test');
const {
  DynamoDBClient, CreateTableCommand, DeleteTableCommand, GetItemCommand,
  ListTablesCommand, PutItemCommand, ResourceNotFoundException,
  ConditionalCheckFailedException, DuplicateItemException,
  TransactionCanceledException, paginateScan, waitUntilTableExists,
} = require('@aws-sdk/client-dynamodb');
const {
  DynamoDBDocumentClient, BatchExecuteStatementCommand, BatchGetCommand,
  BatchWriteCommand, ExecuteStatementCommand, ExecuteTransactionCommand,
  GetCommand, PutCommand, QueryCommand, UpdateCommand, paginateQuery,
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

const run = (Statement, Parameters, more = {}) => documents.send(
    new ExecuteStatementCommand({Statement, Parameters, ...more}));

test('statements', async () => {
  const insert = 'INSERT INTO Music VALUE {\'artist\': ?, \'song\': ?, \'nested\': ?}';
  for (let i = 0; i < 5; ++i) {
    const made = await run(insert, ['Satie', `Gnossienne ${i}`, {l: [i, 'x']}]);
    assert.deepStrictEqual(made.Items, []);
  }
  await assert.rejects(run(insert, ['Satie', 'Gnossienne 0', {}]),
                       (error) => error instanceof DuplicateItemException);

  const found = [];
  let NextToken;
  do {
    const page = await run(
        'SELECT song, nested.l[0] FROM "Music" WHERE artist = ? ' +
        'AND song > ? ORDER BY song DESC', ['Satie', 'Gnossienne 0'],
        {Limit: 3, ConsistentRead: true, NextToken});
    found.push(page.Items);
    NextToken = page.NextToken;
  } while (NextToken);
  assert.deepStrictEqual(found.flat(), [4, 3, 2, 1].map(
      (i) => ({'song': `Gnossienne ${i}`, 'l[0]': i})));
  assert.strictEqual(found[0].length, 3);

  const updated = await run(
      'UPDATE Music SET plays = 1 REMOVE nested WHERE artist = ? AND song = ? ' +
      'RETURNING ALL NEW *', ['Satie', 'Gnossienne 1']);
  assert.deepStrictEqual(updated.Items, [
    {artist: 'Satie', song: 'Gnossienne 1', plays: 1}]);
  await assert.rejects(
      run('DELETE FROM Music WHERE artist = ? AND song = ? AND plays = ?',
          ['Satie', 'Gnossienne 1', 2],
          {ReturnValuesOnConditionCheckFailure: 'ALL_OLD'}),
      (error) => error instanceof ConditionalCheckFailedException &&
          error.Item.plays.N === '1');
  await assert.rejects(run('SELECT * FROM Music WHERE'),
                       {name: 'ValidationException'});
});

test('batches and transactions of statements', async () => {
  const insert = (song) => ({
    Statement: 'INSERT INTO Music VALUE {\'artist\': ?, \'song\': ?}',
    Parameters: ['Ravel', song],
  });
  const select = (song) => ({
    Statement: 'SELECT * FROM Music WHERE artist = ? AND song = ?',
    Parameters: ['Ravel', song],
  });
  const batch = await documents.send(new BatchExecuteStatementCommand(
      {Statements: [insert('Bolero'), insert('Jeux'), insert('Bolero')]}));
  assert.deepStrictEqual(
      batch.Responses.map((each) => each.Error?.Code).sort(),
      ['DuplicateItem', undefined, undefined]);
  const read = await documents.send(new BatchExecuteStatementCommand(
      {Statements: [select('Bolero'), select('nothing')]}));
  assert.deepStrictEqual(read.Responses[0].Item,
                         {artist: 'Ravel', song: 'Bolero'});
  assert.strictEqual(read.Responses[1].Item, undefined);

  const transact = (TransactStatements, ClientRequestToken) => documents.send(
      new ExecuteTransactionCommand({TransactStatements, ClientRequestToken}));
  for (let i = 0; i < 2; ++i) await transact([insert('Tzigane')], 'once');
  await assert.rejects(
      transact([insert('Sonatine'), insert('Tzigane')]),
      (error) => error instanceof TransactionCanceledException &&
          error.CancellationReasons[0].Code === 'None' &&
          error.CancellationReasons[1].Code === 'DuplicateItem');
  const both = await transact([select('Sonatine'), select('Tzigane')]);
  assert.strictEqual(both.Responses[0].Item, undefined);
  assert.strictEqual(both.Responses[1].Item.song, 'Tzigane');
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
