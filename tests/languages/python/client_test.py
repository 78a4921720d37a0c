#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Python client on the stubs of our proto, against a real palletd.

The first test reads like the manual. PALLET_ADDRESS names the node,
PYTHONPATH holds the output of tests/languages/python/generate.
"""
import os
import sys
import unittest

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2
from pallet.v1 import (batch_pb2, item_pb2, item_service_pb2,
                       item_service_pb2_grpc,
                       query_pb2, schema_pb2, statement_pb2, table_pb2, table_service_pb2,
                       table_service_pb2_grpc, value_pb2)

Value = value_pb2.AttributeValue
# A page can be 16 MB; gRPC's default would stop at 4.
OPTIONS = [("grpc.max_receive_message_length", 17 << 20),
           ("grpc.max_send_message_length", 17 << 20)]


def item(**attributes):
    return value_pb2.Item(attributes=attributes)


def nested(levels):
    """A value with `levels` levels of maps around a string."""
    value = Value(s="bottom")
    for _ in range(levels):
        value = Value(m=value_pb2.MapValue(entries={"a": value}))
    return value


def reason_of(error):
    """The ErrorInfo.reason in the rich status of an RpcError."""
    for key, encoded in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(encoded).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return None


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.channel = grpc.insecure_channel(os.environ["PALLET_ADDRESS"], OPTIONS)
        cls.tables = table_service_pb2_grpc.TableServiceStub(cls.channel)
        cls.items = item_service_pb2_grpc.ItemServiceStub(cls.channel)
        cls.tables.CreateTable(table_service_pb2.CreateTableRequest(
            table_name="music",
            attribute_definitions=[
                schema_pb2.AttributeDefinition(
                    attribute_name="artist",
                    attribute_type=schema_pb2.SCALAR_ATTRIBUTE_TYPE_S),
                schema_pb2.AttributeDefinition(
                    attribute_name="song",
                    attribute_type=schema_pb2.SCALAR_ATTRIBUTE_TYPE_S)],
            key_schema=[
                schema_pb2.KeySchemaElement(
                    attribute_name="artist", key_type=schema_pb2.KEY_TYPE_HASH),
                schema_pb2.KeySchemaElement(
                    attribute_name="song", key_type=schema_pb2.KEY_TYPE_RANGE)],
            billing_mode=table_pb2.BILLING_MODE_PAY_PER_REQUEST))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()

    def put(self, artist, song, **more):
        return self.items.PutItem(item_pb2.PutItemRequest(
            table_name="music",
            item=item(artist=Value(s=artist), song=Value(s=song), **more)))

    def test_example(self):
        self.put("Nina Simone", "Sinnerman", year=Value(n="1965"))
        got = self.items.GetItem(item_pb2.GetItemRequest(
            table_name="music",
            key=item(artist=Value(s="Nina Simone"), song=Value(s="Sinnerman"))))
        self.assertEqual(got.item.attributes["year"].n, "1965")

        page = self.items.Query(query_pb2.QueryRequest(
            table_name="music",
            key_condition_expression="artist = :a AND begins_with(song, :s)",
            expression_attribute_values={
                ":a": Value(s="Nina Simone"), ":s": Value(s="Sin")}))
        self.assertEqual(page.count, 1)

    def test_errors_carry_their_reason(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.items.GetItem(item_pb2.GetItemRequest(
                table_name="nowhere", key=item(a=Value(s="b"))))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        self.assertEqual(reason_of(caught.exception), "RESOURCE_NOT_FOUND")

    def test_statements(self):
        insert = statement_pb2.ExecuteStatementRequest(
            statement="INSERT INTO music VALUE "
                      "{'artist': ?, 'song': 'Feeling Good', 'year': 1965}",
            parameters=[Value(s="Nina")])
        self.items.ExecuteStatement(insert)
        with self.assertRaises(grpc.RpcError) as caught:
            self.items.ExecuteStatement(insert)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.ALREADY_EXISTS)
        self.assertEqual(reason_of(caught.exception), "DUPLICATE_ITEM")
        found = self.items.ExecuteStatement(statement_pb2.ExecuteStatementRequest(
            statement="SELECT year FROM music WHERE artist = ?",
            parameters=[Value(s="Nina")]))
        self.assertEqual([i.attributes["year"].n for i in found.items], ["1965"])
        batch = self.items.BatchExecuteStatement(
            statement_pb2.BatchExecuteStatementRequest(statements=[
                statement_pb2.BatchStatementRequest(
                    statement="DELETE FROM music WHERE artist = 'Nina' AND song = ?",
                    parameters=[Value(s=song)])
                for song in ("Feeling Good", "Sinnerman")]))
        self.assertFalse(any(r.HasField("error") for r in batch.responses))

    def test_what_is_not_built_is_refused_by_name(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.tables.UpdateTable(table_service_pb2.UpdateTableRequest(
                table_name="music", multi_region_consistency=1))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("multi_region_consistency", caught.exception.details())

    def test_a_token_makes_a_repeat_harmless(self):
        count = item_pb2.UpdateItemRequest(
            table_name="music",
            key=item(artist=Value(s="a"), song=Value(s="counted")),
            update_expression="ADD plays :one",
            expression_attribute_values={":one": Value(n="1")},
            client_request_token="once")
        self.items.UpdateItem(count)
        self.items.UpdateItem(count)
        got = self.items.GetItem(item_pb2.GetItemRequest(
            table_name="music",
            key=item(artist=Value(s="a"), song=Value(s="counted"))))
        self.assertEqual(got.item.attributes["plays"].n, "1")

    def test_stream_scan_gives_every_item(self):
        for n in range(50):
            self.put("Scan", f"{n:03}")
        seen = 0
        for page in self.items.StreamScan(query_pb2.StreamScanRequest(
                scan=query_pb2.ScanRequest(table_name="music"))):
            seen += sum(i.attributes["artist"].s == "Scan" for i in page.items)
        self.assertEqual(seen, 50)

    def test_pipeline_answers_by_tag(self):
        def frames():
            for n in range(100):
                yield item_service_pb2.PipelineRequest(operations=[
                    item_service_pb2.PipelineOperation(
                        tag=n, timeout=duration_pb2.Duration(seconds=10),
                        put_item=item_pb2.PutItemRequest(
                            table_name="music",
                            item=item(artist=Value(s="Pipe"),
                                      song=Value(s=f"{n:03}"))))])
        tags = set()
        for frame in self.items.Pipeline(frames()):
            for result in frame.results:
                self.assertEqual(result.error.code, 0, result.error.message)
                tags.add(result.tag)
        self.assertEqual(tags, set(range(100)))

    def test_thirty_two_levels_survive_the_wrappers(self):
        # 31 maps in the attribute's value are 32 levels with the item itself.
        deep = nested(31)
        self.put("Deep", "put", tree=deep)
        self.items.BatchWriteItem(batch_pb2.BatchWriteItemRequest(request_items={
            "music": batch_pb2.WriteRequestList(requests=[
                batch_pb2.WriteRequest(put_request=batch_pb2.PutRequest(
                    item=item(artist=Value(s="Deep"), song=Value(s="batch"),
                              tree=deep)))])}))
        for song in ("put", "batch"):
            key = item(artist=Value(s="Deep"), song=Value(s=song))
            got = self.items.GetItem(item_pb2.GetItemRequest(
                table_name="music", key=key))
            self.assertEqual(got.item.attributes["tree"], deep)

    def test_what_python_does_with_deep_replies(self):
        """The deepest wrapper is a batch inside a Pipeline frame: 32 levels
        there pass protobuf's limit of 100. docs/languages.md tells this."""
        key = item(artist=Value(s="Levels"), song=Value(s="x"))
        keys = {"music": batch_pb2.KeysAndAttributes(keys=[key])}

        def through_pipeline(**operation):
            frame = item_service_pb2.PipelineRequest(operations=[
                item_service_pb2.PipelineOperation(tag=1, **operation)])
            list(self.items.Pipeline(iter([frame])))

        calls = {
            "get": lambda: self.items.GetItem(item_pb2.GetItemRequest(
                table_name="music", key=key)),
            "batch get": lambda: self.items.BatchGetItem(
                batch_pb2.BatchGetItemRequest(request_items=keys)),
            "get in a pipeline": lambda: through_pipeline(
                get_item=item_pb2.GetItemRequest(table_name="music", key=key)),
            "batch get in a pipeline": lambda: through_pipeline(
                batch_get_item=batch_pb2.BatchGetItemRequest(request_items=keys)),
        }
        deepest = {}
        for levels in range(24, 32):
            self.put("Levels", "x", tree=nested(levels))
            for name, call in calls.items():
                try:
                    call()
                    deepest[name] = levels + 1
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.INTERNAL)
        print("levels that pass:", deepest, file=sys.stderr)
        self.assertEqual(deepest["get"], 32)
        self.assertEqual(deepest["batch get"], 32)
        self.assertEqual(deepest["get in a pipeline"], 32)
        self.assertGreaterEqual(deepest["batch get in a pipeline"], 31)

    def test_one_level_too_many_is_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.put("Levels", "over", tree=nested(32))
        self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)


if __name__ == "__main__":
    unittest.main()
