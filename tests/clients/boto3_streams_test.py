#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""DynamoDB Streams with boto3, unchanged."""
import os
import time
import unittest

import boto3
from botocore.exceptions import ClientError

ENDPOINT = os.environ["DYNAMODB_ENDPOINT"]
TABLES = boto3.client("dynamodb", endpoint_url=ENDPOINT)
STREAMS = boto3.client("dynamodbstreams", endpoint_url=ENDPOINT)


def make(name, **more):
    TABLES.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        **more)
    TABLES.get_waiter("table_exists").wait(TableName=name)


def put(name, pk, **more):
    TABLES.put_item(TableName=name, Item={"pk": {"S": pk}, **more})


def records_of(arn):
    """All there are, and which shards have come to their end."""
    records, ended = [], []
    for shard in STREAMS.describe_stream(
            StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = STREAMS.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        while iterator:
            page = STREAMS.get_records(ShardIterator=iterator, Limit=2)
            records += page["Records"]
            iterator = page.get("NextShardIterator")
            if not page["Records"] and iterator:
                break
        ended.append(iterator is None)
    return records, ended


class StreamsTest(unittest.TestCase):
    def refusal(self, call, **named):
        with self.assertRaises(ClientError) as caught:
            call(**named)
        return caught.exception.response["Error"]["Code"]

    def test_changes_come_back_as_they_were_made(self):
        make("Log", StreamSpecification={"StreamEnabled": True,
                                         "StreamViewType":
                                             "NEW_AND_OLD_IMAGES"})
        put("Log", "a", n={"N": "1"})
        put("Log", "a", n={"N": "2"})
        put("Log", "a", n={"N": "2"})
        TABLES.delete_item(TableName="Log", Key={"pk": {"S": "a"}})
        table = TABLES.describe_table(TableName="Log")["Table"]
        self.assertEqual(table["StreamSpecification"],
                         {"StreamEnabled": True,
                          "StreamViewType": "NEW_AND_OLD_IMAGES"})
        arn = table["LatestStreamArn"]
        self.assertEqual(arn, table["TableArn"] + "/stream/" +
                         table["LatestStreamLabel"])
        records, ended = records_of(arn)
        self.assertFalse(any(ended))
        self.assertEqual([r["eventName"] for r in records],
                         ["INSERT", "MODIFY", "REMOVE"])
        one = records[1]
        self.assertEqual(one["eventSource"], "aws:dynamodb")
        self.assertEqual(one["eventVersion"], "1.1")
        self.assertNotIn("userIdentity", one)
        change = one["dynamodb"]
        self.assertEqual(change["Keys"], {"pk": {"S": "a"}})
        self.assertEqual(change["OldImage"]["n"], {"N": "1"})
        self.assertEqual(change["NewImage"]["n"], {"N": "2"})
        self.assertEqual(change["StreamViewType"], "NEW_AND_OLD_IMAGES")
        self.assertLess(abs(change["ApproximateCreationDateTime"].timestamp() -
                            time.time()), 60)
        self.assertNotIn("OldImage", records[0]["dynamodb"])
        self.assertNotIn("NewImage", records[2]["dynamodb"])
        listed = STREAMS.list_streams(TableName="Log")["Streams"]
        self.assertEqual([s["StreamArn"] for s in listed], [arn])

    def test_streams_are_disabled_and_outlive_their_table(self):
        make("Short")
        put("Short", "before")
        self.assertEqual(STREAMS.list_streams(TableName="Short")["Streams"], [])
        TABLES.update_table(TableName="Short", StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
        put("Short", "in")
        TABLES.update_table(TableName="Short", StreamSpecification={
            "StreamEnabled": False})
        put("Short", "behind")
        TABLES.delete_table(TableName="Short")
        arn = STREAMS.list_streams(TableName="Short")["Streams"][0]["StreamArn"]
        stream = STREAMS.describe_stream(StreamArn=arn)["StreamDescription"]
        self.assertEqual(stream["StreamStatus"], "DISABLED")
        self.assertEqual(stream["StreamViewType"], "KEYS_ONLY")
        self.assertEqual(stream["KeySchema"],
                         [{"AttributeName": "pk", "KeyType": "HASH"}])
        records, ended = records_of(arn)
        self.assertTrue(all(ended))
        self.assertEqual([r["dynamodb"]["Keys"]["pk"]["S"] for r in records],
                         ["in"])

    def test_refusals_have_the_names_of_dynamodb(self):
        make("Plain")
        self.assertEqual(
            self.refusal(STREAMS.describe_stream, StreamArn="arn:" + "x" * 40),
            "ResourceNotFoundException")
        self.assertEqual(
            self.refusal(STREAMS.get_records, ShardIterator="forged"),
            "ValidationException")
        self.assertEqual(
            self.refusal(TABLES.update_table, TableName="Plain",
                         StreamSpecification={"StreamEnabled": False}),
            "ValidationException")
        self.assertEqual(
            self.refusal(TABLES.update_table, TableName="Plain",
                         StreamSpecification={"StreamEnabled": True,
                                              "StreamViewType": "NEWEST"}),
            "ValidationException")


if __name__ == "__main__":
    unittest.main()
