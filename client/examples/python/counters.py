# SPDX-License-Identifier: Apache-2.0
"""A counter in parts; see recipes/counters.cc. A transaction of one write has the
token that a plain one lacks in this protocol: what is told twice counts once."""
import secrets
import zlib

from recipe import DYNAMODB, attributes, expect, keys, make_table


class Counter:
    def __init__(self, table, name, parts):
        self.table, self.name, self.parts = table, name, parts

    def add(self, n, event):
        part = zlib.crc32(event.encode()) % self.parts
        self.table.meta.client.transact_write_items(
            ClientRequestToken=event, TransactItems=[{"Update": {
                "TableName": self.table.name, "Key": self.key(part),
                "UpdateExpression": "ADD n :n", "ExpressionAttributeValues": {":n": n}}}])

    def total(self):
        found = DYNAMODB.batch_get_item(RequestItems={self.table.name: {
            "Keys": [self.key(part) for part in range(self.parts)], "ConsistentRead": True}})
        if found["UnprocessedKeys"]:
            raise RuntimeError("some parts could not be read")
        return sum(part["n"] for part in found["Responses"].get(self.table.name, []))

    def key(self, part):
        return {"counter": f"{self.name}#{part}"}


def main():
    views = Counter(make_table("py_counters", KeySchema=keys("counter"),
                               AttributeDefinitions=attributes(counter="S")), "views", 4)
    events = [secrets.token_hex(16) for _ in range(20)]
    for event in events + events:
        views.add(1, event)
    expect(views.total() == 20, "twenty views, each told twice")


if __name__ == "__main__":
    main()
