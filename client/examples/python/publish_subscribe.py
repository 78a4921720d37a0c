# SPDX-License-Identifier: Apache-2.0
"""Publish and subscribe over DynamoDB Streams; see recipes/publish_subscribe.cc for
how messages lie in the table. A subscriber keeps the last sequence number of each
shard and goes on behind it."""
import time

import boto3

from recipe import DYNAMODB, attributes, expect, keys, let_expire, make_table

STREAMS = boto3.client(
    "dynamodbstreams", endpoint_url=DYNAMODB.meta.client.meta.endpoint_url,
    region_name=DYNAMODB.meta.client.meta.region_name)


class Publisher:
    def __init__(self, table, name, kept, now=time.time):
        self.table, self.name, self.kept, self.now, self.count = table, name, kept, now, 0

    def publish(self, channel, text):
        self.count += 1
        now = self.now()
        self.table.put_item(Item={
            "channel": channel, "sent": f"{int(now * 1e6):016} {self.name} {self.count:08}",
            "text": text, "expires": int(now + self.kept)})


class Subscription:
    def __init__(self, table, channel, places=None):
        """`places` of an earlier one goes on behind it; without: all that is kept."""
        self.arn, self.channel = table.latest_stream_arn, channel
        self.places = dict(places or {})  # shard -> last sequence number
        self.iterators = {}

    def poll(self):
        """The new messages of the channel."""
        texts = []
        for shard in self.shards():
            iterator = self.iterators.get(shard) or self.begin(shard)
            page = STREAMS.get_records(ShardIterator=iterator)
            self.iterators[shard] = page.get("NextShardIterator")
            for record in page["Records"]:
                change = record["dynamodb"]
                self.places[shard] = change["SequenceNumber"]
                # Messages that expire are records too.
                if (record["eventName"] == "INSERT"
                        and change["Keys"]["channel"]["S"] == self.channel):
                    texts.append((change["Keys"]["sent"]["S"], change["NewImage"]["text"]["S"]))
        return [text for _, text in sorted(texts)]

    def shards(self):
        stream = STREAMS.describe_stream(StreamArn=self.arn)["StreamDescription"]
        return [shard["ShardId"] for shard in stream["Shards"]]

    def begin(self, shard):
        where = ({"ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                  "SequenceNumber": self.places[shard]} if shard in self.places
                 else {"ShardIteratorType": "TRIM_HORIZON"})
        return STREAMS.get_shard_iterator(StreamArn=self.arn, ShardId=shard,
                                          **where)["ShardIterator"]


def main():
    table = let_expire(make_table(
        "py_messages", KeySchema=keys("channel", "sent"),
        AttributeDefinitions=attributes(channel="S", sent="S"),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}))
    ann = Publisher(table, "ann", 3600)
    ann.publish("news", "one")
    first = Subscription(table, "news")
    expect(first.poll() == ["one"], "a message that is still kept")
    ann.publish("weather", "rain")
    ann.publish("news", "two")
    ann.publish("news", "three")
    expect(first.poll() == ["two", "three"], "new ones, in order, of this channel alone")
    expect(Subscription(table, "news").poll() == ["one", "two", "three"],
           "each subscriber hears all")
    ann.publish("news", "four")
    again = Subscription(table, "news", first.places)
    expect(again.poll() == ["four"], "who comes back misses nothing and hears nothing twice")


if __name__ == "__main__":
    main()
