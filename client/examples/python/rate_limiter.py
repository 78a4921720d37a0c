# SPDX-License-Identifier: Apache-2.0
"""At most so many requests of a caller in a window; see recipes/rate_limiter.cc."""
import time

from recipe import attempt, attributes, expect, keys, let_expire, make_table


class RateLimiter:
    def __init__(self, table, limit, window, now=time.time):
        self.table, self.limit, self.window, self.now = table, limit, window, now

    def allow(self, who):
        window = int(self.now()) // self.window
        return attempt(
            self.table.update_item, Key={"window": f"{who}#{window}"},
            UpdateExpression="SET expires = :e ADD n :one",
            ConditionExpression="attribute_not_exists(n) OR n < :limit",
            ExpressionAttributeValues={":e": (window + 2) * self.window, ":one": 1,
                                       ":limit": self.limit}) is not None


def main():
    now = [1_800_000_000]
    table = let_expire(make_table("py_rates", KeySchema=keys("window"),
                                  AttributeDefinitions=attributes(window="S")))
    limiter = RateLimiter(table, limit=3, window=60, now=lambda: now[0])
    expect([limiter.allow("ann") for _ in range(4)] == [True] * 3 + [False],
           "three, and the fourth is refused")
    expect(limiter.allow("bob"), "bob has his own")
    now[0] += 60
    expect(limiter.allow("ann"), "a minute later ann goes on")


if __name__ == "__main__":
    main()
