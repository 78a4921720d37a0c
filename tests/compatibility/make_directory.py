#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make_directory.py PALLETD TOOL NAME: makes directories/NAME.tar.gz, a data
directory as this version writes it, and directories/NAME.json, what its tables
held. The node is killed: log and image are as a crash leaves them. Run it when
something new goes to disk; keep the old ones for as long as they are to be read.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from node import Node

HERE = pathlib.Path(__file__).resolve().parent / "directories"


def attributes(**types):
    return [{"AttributeName": name, "AttributeType": kind}
            for name, kind in types.items()]


def keys(hash_key, *range_key):
    return [{"AttributeName": hash_key, "KeyType": "HASH"},
            *({"AttributeName": name, "KeyType": "RANGE"} for name in range_key)]


def index(name, *schema, **projection):
    return {"IndexName": name, "KeySchema": keys(*schema),
            "Projection": projection or {"ProjectionType": "ALL"}}


def fill_plain(client):
    """A partition key alone; every type of value."""
    client.create_table(TableName="Plain", BillingMode="PAY_PER_REQUEST",
                        KeySchema=keys("id"), AttributeDefinitions=attributes(id="B"),
                        Tags=[{"Key": "team", "Value": "blue"}])
    values = [
        {"S": "é\u2028\"\\\n\x00"}, {"S": ""}, {"N": "9" * 38}, {"N": "-1E-130"},
        {"N": "1E125"}, {"B": bytes(range(256))}, {"BOOL": True}, {"NULL": True},
        {"SS": ["a", "b"]}, {"NS": ["1", "-2.5"]}, {"BS": [b"x", b""]},
        {"L": [{"N": "1"}, {"M": {"deep": {"L": []}}}]}, {"M": {}},
        {"S": "long " * 4000}]
    for number, value in enumerate(values):
        client.put_item(TableName="Plain", Item={"id": {"B": bytes([number, 0])},
                                                 "value": value})
    client.delete_item(TableName="Plain", Key={"id": {"B": b"\x01\x00"}})


def fill_places(client):
    """Two keys of numbers and long strings, local indexes."""
    client.create_table(
        TableName="Places", BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        KeySchema=keys("country", "n"),
        AttributeDefinitions=attributes(country="S", n="N", name="S", height="N"),
        LocalSecondaryIndexes=[
            index("by-name", "country", "name"),
            index("by-height", "country", "height", ProjectionType="INCLUDE",
                  NonKeyAttributes=["name"])])
    for number in range(40):
        country = ["CH", "DE", "x" * 2048, "\x00"][number % 4]
        item = {"country": {"S": country}, "n": {"N": f"{number - 20}.5"},
                "name": {"S": f"place {number * 7 % 40}"}}
        if number % 3:
            item["height"] = {"N": str(number * number)}
        client.put_item(TableName="Places", Item=item)
    client.update_item(
        TableName="Places", Key={"country": {"S": "CH"}, "n": {"N": "-20.5"}},
        UpdateExpression="SET height = :h", ExpressionAttributeValues={":h": {"N": "4478"}})


def fill_visits(client):
    """A stream with all images, and a time to live that is far away."""
    client.create_table(
        TableName="Visits", BillingMode="PAY_PER_REQUEST", KeySchema=keys("id"),
        AttributeDefinitions=attributes(id="S"), StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
    for number in range(30):
        client.put_item(TableName="Visits", Item={
            "id": {"S": f"v{number % 20}"}, "end": {"N": str(4102444800 + number)}})
        if number == 10:
            client.update_time_to_live(
                TableName="Visits",
                TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    while client.describe_time_to_live(TableName="Visits")["TimeToLiveDescription"][
            "TimeToLiveStatus"] != "ENABLED":
        pass


def fill_orders(client, node):
    """Global indexes: one follows, one is paused and has changes to come."""
    client.create_table(
        TableName="Orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=keys("customer", "number"),
        AttributeDefinitions=attributes(customer="S", number="S", city="S", day="N"),
        GlobalSecondaryIndexes=[
            index("by-city", "city", "day"),
            index("by-day", "day", "number", ProjectionType="KEYS_ONLY")])

    def put(number, day):
        client.put_item(TableName="Orders", Item={
            "customer": {"S": f"c{number % 5}"}, "number": {"S": "o" * 1000 + str(number)},
            "city": {"S": ["Bern", "Rome"][number % 2]}, "day": {"N": str(day)}})

    for number in range(20):
        put(number, number % 4)
    node.await_indexes("Orders")
    node.pallet("tables", "pause-index", "Orders", "by-day")
    for number in range(10, 25):
        put(number, number % 3)
    client.transact_write_items(
        ClientRequestToken="the-only-one", TransactItems=[
            {"Put": {"TableName": "Orders", "Item": {
                "customer": {"S": "c9"}, "number": {"S": "last"}, "city": {"S": "Rome"},
                "day": {"N": "9"}}}},
            {"Delete": {"TableName": "Plain", "Key": {"id": {"B": b"\x02\x00"}}}}])
    node.await_indexes("Orders", paused=("by-day",))


def main():
    palletd, tool, name = sys.argv[1:]
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        data = pathlib.Path(scratch) / "data"
        node = Node(palletd, tool, data)
        fill_plain(node.client)
        fill_places(node.client)
        fill_orders(node.client, node)
        fill_visits(node.client)
        held = {table: node.contents(table)
                for table in ("Orders", "Places", "Plain", "Visits")}
        node.kill()
        subprocess.run(["tar", "--create", "--sparse", "--gzip", "--owner=0", "--group=0",
                        "--numeric-owner", "--file", HERE / f"{name}.tar.gz",
                        "--directory", scratch, "data"], check=True)
    (HERE / f"{name}.json").write_text(
        json.dumps({"paused": {"Orders": ["by-day"]}, "held": held}, indent=1) + "\n")


if __name__ == "__main__":
    main()
