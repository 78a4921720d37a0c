# SPDX-License-Identifier: Apache-2.0
"""A cache that many processes share; see recipes/cache.cc."""
import time

from recipe import attributes, expect, keys, let_expire, make_table


class Cache:
    def __init__(self, table, now=time.time):
        self.table, self.now = table, now

    def put(self, key, value, time_to_live):
        self.table.put_item(Item={"key": key, "value": value,
                                  "expires": int(self.now() + time_to_live)})

    def get(self, key):
        """None: not there, or no longer good."""
        item = self.table.get_item(Key={"key": key}).get("Item")
        return item["value"] if item and item["expires"] > self.now() else None


def main():
    now = [1_800_000_000]
    table = let_expire(make_table("py_cache", KeySchema=keys("key"),
                                  AttributeDefinitions=attributes(key="S")))
    cache = Cache(table, lambda: now[0])
    expect(cache.get("page") is None, "empty at first")
    cache.put("page", "<html>", 60)
    now[0] += 59
    expect(cache.get("page") == "<html>", "found in its last second")
    now[0] += 1
    expect(cache.get("page") is None, "and then no more")


if __name__ == "__main__":
    main()
