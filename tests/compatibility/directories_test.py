#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""directories_test.py PALLETD TOOL: opens each data directory that an earlier
version left behind (make_directory.py), finds in it what was there, writes to it
and opens it again."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from node import Node

HERE = pathlib.Path(__file__).resolve().parent / "directories"
PALLETD, TOOL = sys.argv[1:3]


class DirectoriesTest(unittest.TestCase):
    def test_each_opens_as_it_was(self):
        archives = sorted(HERE.glob("*.tar.gz"))
        self.assertTrue(archives)
        for archive in archives:
            with self.subTest(archive.name), tempfile.TemporaryDirectory() as scratch:
                subprocess.run(["tar", "--extract", "--gzip", "--file", archive,
                                "--directory", scratch], check=True)
                about = json.loads(
                    archive.with_name(archive.name.replace(".tar.gz", ".json")).read_text())
                self.check(pathlib.Path(scratch) / "data", about)

    def check(self, data, about):
        node = Node(PALLETD, TOOL, data)
        try:
            for table, held in about["held"].items():
                # What an older version did not know of it did not write down.
                found = {what: value for what, value in node.contents(table).items()
                         if what in held}
                self.assertEqual(found, held, table)
            for table, indexes in about["paused"].items():
                self.catch_up(node, table, indexes)
            for table, held in about["held"].items():
                self.write_again(node, table, held)
            after = {table: node.contents(table) for table in about["held"]}
            node.close()
            node = Node(PALLETD, TOOL, data)
            for table, held in after.items():
                self.assertEqual(node.contents(table), held, table)
        finally:
            node.kill()

    def catch_up(self, node, table, indexes):
        """What waited on disk for a paused index is there when it goes on."""
        for index in indexes:
            node.pallet("tables", "resume-index", table, index)
        node.await_indexes(table)
        held = node.contents(table)
        for index in indexes:
            keys = [key["AttributeName"] for key in held[index]["keys"] + held["keys"]]
            expected = [{key: item[key] for key in sorted(set(keys))}
                        for item in held["table"]]
            self.assertEqual(held[index]["items"], sorted(expected, key=repr))

    def write_again(self, node, table, held):
        """Each item goes and comes back; counts and sizes are what they were."""
        keys = [key["AttributeName"] for key in held["keys"]]
        pages = node.client.get_paginator("scan").paginate(TableName=table)
        for item in [item for page in pages for item in page["Items"]]:
            node.client.delete_item(TableName=table, Key={key: item[key] for key in keys})
            node.client.put_item(TableName=table, Item=item)
        node.await_indexes(table)
        again = node.contents(table)
        self.assertEqual((again["table"], again["count"], again["bytes"]),
                         (held["table"], held["count"], held["bytes"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
