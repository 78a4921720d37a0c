// SPDX-License-Identifier: Apache-2.0
//
// ExecuteStatement: what the four statements do, what they refuse, how SELECT
// goes page by page. DynamoDB's messages are those of its PartiQL where they
// are known.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "model/errors.h"
#include "pallet/v1/error_details.pb.h"
#include "tests/unit/service/handlers/partiql_fixture.h"

namespace pallet::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kFailed[] =
    "CONDITIONAL_CHECK_FAILED: The conditional request failed";
constexpr char kNoKey[] =
    "VALIDATION: Where clause does not contain a mandatory equality on all "
    "key attributes";

TEST_F(PartiqlTest, Example) {
  EXPECT_EQ(Run("INSERT INTO plain VALUE {'pk': 'a', 'n': 1, 'tags': "
                "<<'x', 'y'>>}"),
            "");
  EXPECT_EQ(Run("UPDATE plain SET n = n + ? WHERE pk = 'a' RETURNING ALL NEW *",
                {"n: '41'"}),
            "{n=42 pk='a' tags=<<x,y>>}");
  EXPECT_EQ(Run("SELECT n FROM \"plain\" WHERE pk = ?", {"s: 'a'"}), "{n=42}");
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'a' RETURNING ALL OLD *"),
            "{n=42 pk='a' tags=<<x,y>>}");
  EXPECT_EQ(Run("SELECT * FROM plain"), "");
}

TEST_F(PartiqlTest, InsertPutsWhatIsNotThere) {
  EXPECT_EQ(Run("INSERT INTO plain VALUE {'pk': 'a', 'l': [1, 'x', null, "
                "{'m': ?}], 'b': true}",
                {"ns { values: '2' }"}),
            "");
  EXPECT_EQ(Run("SELECT * FROM plain WHERE pk = 'a'"),
            "{b=true l=[1,'x',null,{m=<<2>>}] pk='a'}");
  EXPECT_EQ(Run("INSERT INTO plain VALUE {'pk': 'a'}"),
            "DUPLICATE_ITEM: Duplicate primary key exists in table");
  EXPECT_EQ(Run("INSERT INTO plain VALUE ?",
                {"m { entries { key: 'pk' value { s: 'm' } } }"}),
            "");
  EXPECT_EQ(Run("SELECT * FROM plain WHERE pk = 'm'"), "{pk='m'}");
  EXPECT_THAT(Run("INSERT INTO plain VALUE 7"),
              StartsWith("VALIDATION: The value of an INSERT must be an item"));
  EXPECT_THAT(Run("INSERT INTO plain VALUE {'x': 1}"),
              HasSubstr("Missing the key pk in the item"));
}

TEST_F(PartiqlTest, UpdateChangesWhatIsThere) {
  Put("plain", Plain("a") + N("n", "1"));
  EXPECT_EQ(Run("UPDATE plain SET n = 2, m = {'x': [1]} WHERE pk = 'a'"), "");
  EXPECT_EQ(Run("UPDATE plain SET m.x = list_append(m.x, [2, ?]) SET k = n - 5 "
                "REMOVE n WHERE pk = 'a'",
                {"s: 'z'"}),
            "");
  EXPECT_EQ(Run("SELECT * FROM plain"), "{k=-3 m={x=[1,2,'z']} pk='a'}");
  EXPECT_EQ(Run("UPDATE plain SET n = 2 WHERE pk = 'b'"), kFailed);
  EXPECT_EQ(Run("SELECT * FROM plain WHERE pk = 'b'"), "");
  EXPECT_EQ(Run("UPDATE plain SET n = 2 WHERE pk = 'a' AND k = 0"), kFailed);
  EXPECT_EQ(Run("FROM plain WHERE pk = 'a' AND (k = 0 OR k < 0) SET n = 3"),
            "");
  EXPECT_EQ(Run("SELECT n FROM plain"), "{n=3}");
}

TEST_F(PartiqlTest, UpdateReturnsWhatItIsAsked) {
  Put("plain", Plain("a") + N("n", "1") + N("k", "1"));
  const auto set = [&](const char* n, const char* what) {
    return Run(absl::StrCat("UPDATE plain SET n = ", n,
                            " WHERE pk = 'a' RETURNING ", what));
  };
  EXPECT_EQ(set("2", "ALL OLD *"), "{k=1 n=1 pk='a'}");
  EXPECT_EQ(set("3", "ALL NEW *"), "{k=1 n=3 pk='a'}");
  EXPECT_EQ(set("4", "MODIFIED OLD *"), "{n=3}");
  EXPECT_EQ(set("5", "MODIFIED NEW *"), "{n=5}");
  EXPECT_EQ(Run("UPDATE plain REMOVE n WHERE pk = 'a' RETURNING MODIFIED NEW "
                "*"),
            "");
}

TEST_F(PartiqlTest, SetsTakeAndLoseMembers) {
  Put("plain", Plain("a"));
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t, <<'x', 'y'>>) WHERE pk = 'a' "
                "RETURNING MODIFIED NEW *"),
            "{t=<<x,y>>}");
  EXPECT_EQ(Run("UPDATE plain SET t = SET_DELETE(t, ?) WHERE pk = 'a' "
                "RETURNING MODIFIED NEW *",
                {"ss { values: 'x' }"}),
            "{t=<<y>>}");
  EXPECT_EQ(Run("UPDATE plain SET u = set_add(t, <<1>>) WHERE pk = 'a'"),
            "VALIDATION: The first argument to SET_ADD must equal the "
            "assignment value at 1:22:7");
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t, 'x') WHERE pk = 'a'"),
            "VALIDATION: The second argument to SET_ADD must be a value with "
            "type SET at 1:30:1");
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t) WHERE pk = 'a'"),
            "VALIDATION: SET_ADD must have exactly two arguments at 1:22:7");
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t, <<>>) WHERE pk = 'a'"),
            "VALIDATION: Empty bags are not supported");
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t, <<1>>) WHERE pk = 'a'"),
            "VALIDATION: An operand in the update expression has an incorrect "
            "data type");
  EXPECT_EQ(Run("UPDATE plain SET t = set_add(t, <<'x', 'x'>>) WHERE pk = "
                "'a'"),
            "VALIDATION: One or more parameter values were invalid: Input "
            "collection [x, x] contains duplicates.");
  EXPECT_EQ(Run("UPDATE plain SET t = upper(t) WHERE pk = 'a'"),
            "VALIDATION: Unrecognized function: upper at 1:22:5");
}

TEST_F(PartiqlTest, DeleteOfNothingSucceeds) {
  Put("plain", Plain("a") + N("n", "1"));
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'b'"), "");
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'b' AND n = 7"), "");
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'a' AND n = 7"), kFailed);
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'a' AND (n = 7 OR n = 1)"), "");
  EXPECT_EQ(Run("SELECT * FROM plain"), "");
  EXPECT_EQ(Run("DELETE FROM plain WHERE pk = 'a' RETURNING MODIFIED OLD *"),
            "VALIDATION: Invalid returning clause: RETURNING MODIFIED OLD *. "
            "Only RETURNING ALL OLD * is allowed in DELETE statements.");
}

TEST_F(PartiqlTest, WritesNeedTheWholeKey) {
  for (const char* statement :
       {"UPDATE pairs SET n = 1 WHERE pk = 'a'", "UPDATE pairs SET n = 1",
        "DELETE FROM pairs WHERE pk = 'a' AND sk > 1",
        "DELETE FROM pairs WHERE pk = 'a' OR sk = 1", "FROM pairs SET n = 1"}) {
    EXPECT_EQ(Run(statement), kNoKey) << statement;
  }
  EXPECT_THAT(Run("DELETE FROM pairs WHERE pk = 'a' AND sk = 'x'"),
              HasSubstr("The provided key element does not match the schema"));
  EXPECT_EQ(Run("UPDATE pairs.x SET n = 1 WHERE pk = 'a' AND sk = 1"),
            "VALIDATION: Only the FROM clause of a SELECT can name an index");
  EXPECT_EQ(Run("EXISTS(SELECT * FROM plain WHERE pk = 'a' AND n = 1)"),
            "VALIDATION: EXISTS() is only supported in ExecuteTransaction");
}

TEST_F(PartiqlTest, AFailedConditionShowsTheItemIfAsked) {
  Put("plain", Plain("a") + N("n", "1"));
  v1::ExecuteStatementRequest request =
      RequestOf("UPDATE plain SET n = 2 WHERE pk = 'a' AND n = 7");
  request.set_return_values_on_condition_check_failure(
      v1::RETURN_VALUES_ON_CONDITION_CHECK_FAILURE_ALL_OLD);
  const auto response = Execute(request);
  std::string shown;
  response.status().ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) {
        v1::ConditionalCheckFailure failure;
        if (!absl::EndsWith(url, ".ConditionalCheckFailure")) return;
        CHECK(failure.ParseFromString(std::string(payload)));
        shown = Short(failure.item());
      });
  EXPECT_EQ(shown, "{n=1 pk='a'}");
}

class PartiqlSelectTest : public PartiqlTest {
 protected:
  // pk a..c, sk 1..4, n = 10 * sk; the c's have a map and a list.
  PartiqlSelectTest() {
    for (const char* pk : {"a", "b", "c"}) {
      for (int sk = 1; sk <= 4; ++sk) {
        Put("pairs",
            absl::StrCat(Pair(pk, sk), N("n", absl::StrCat(10 * sk)),
                         *pk == 'c' ? "attributes { key: 'm' value { m { "
                                      "entries { key: 'l' value { l { values "
                                      "{ s: 'x' } values { n: '7' } } } } } "
                                      "} }"
                                    : ""));
      }
    }
  }

  std::string Keys(absl::string_view where) {
    return RunSorted(absl::StrCat("SELECT pk, sk FROM pairs WHERE ", where));
  }

  // Units of reading: a Query of one collection takes half of one, a Scan too,
  // but of a Query of several each one does.
  double Units(absl::string_view where) {
    v1::ExecuteStatementRequest request =
        RequestOf(absl::StrCat("SELECT * FROM pairs WHERE ", where));
    request.set_return_consumed_capacity(v1::RETURN_CONSUMED_CAPACITY_TOTAL);
    const auto response = Execute(request);
    CHECK(response.ok()) << response.status();
    return response->consumed_capacity().capacity_units();
  }
};

TEST_F(PartiqlSelectTest, FindsByKey) {
  EXPECT_EQ(Keys("pk = 'a'"),
            "{pk='a' sk=1} {pk='a' sk=2} {pk='a' sk=3} {pk='a' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND sk = 2"), "{pk='a' sk=2}");
  EXPECT_EQ(Keys("2 = sk AND 'a' = pk"), "{pk='a' sk=2}");
  EXPECT_EQ(Keys("pk = 'a' AND 2 < sk"), "{pk='a' sk=3} {pk='a' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND sk BETWEEN 2 AND 3"),
            "{pk='a' sk=2} {pk='a' sk=3}");
  EXPECT_EQ(Keys("pk = 'a' AND sk > 1 AND sk < 3"), "{pk='a' sk=2}");
  EXPECT_EQ(Keys("pk = 'a' AND sk IN [1, 4, 9]"),
            "{pk='a' sk=1} {pk='a' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND sk <> 2 AND n < 40"),
            "{pk='a' sk=1} {pk='a' sk=3}");
  EXPECT_THAT(Keys("pk = 5"),
              HasSubstr("Condition parameter type does not match schema type"));
}

TEST_F(PartiqlSelectTest, FindsByKeysOfSeveralCollections) {
  EXPECT_EQ(Keys("pk IN ['c', 'a', 'a'] AND sk = 1"),
            "{pk='a' sk=1} {pk='c' sk=1}");
  EXPECT_EQ(Keys("(pk = 'a' OR pk = 'b') AND sk >= 4"),
            "{pk='a' sk=4} {pk='b' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND sk = 1 OR pk = 'b' AND sk = 2"),
            "{pk='a' sk=1} {pk='b' sk=2}");
  EXPECT_EQ(Keys("pk = 'a' AND NOT sk = 1 OR pk = 'a' AND sk = 2"),
            "{pk='a' sk=2} {pk='a' sk=3} {pk='a' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND pk = 'b'"), "");
}

TEST_F(PartiqlSelectTest, ScansWithoutOne) {
  EXPECT_EQ(Keys("sk = 1"), "{pk='a' sk=1} {pk='b' sk=1} {pk='c' sk=1}");
  EXPECT_EQ(Keys("pk > 'b' AND n = 40"), "{pk='c' sk=4}");
  EXPECT_EQ(Keys("pk = 'a' AND sk = 1 OR n = 40 AND pk <> 'b'"),
            "{pk='a' sk=1} {pk='a' sk=4} {pk='c' sk=4}");
}

TEST_F(PartiqlSelectTest, ReadsNoMoreThanItMust) {
  EXPECT_EQ(Units("pk = 'a'"), 0.5);
  EXPECT_EQ(Units("pk IN ['a', 'b', 'c']"), 1.5);
  EXPECT_EQ(Units("pk = 'a' AND sk = 1 OR pk = 'b' AND sk = 2"), 1.0);
}

TEST_F(PartiqlSelectTest, KnowsEveryCondition) {
  const auto c = [&](absl::string_view condition) {
    return RunSorted(
        absl::StrCat("SELECT sk FROM pairs WHERE pk = 'c' AND ", condition));
  };
  EXPECT_EQ(c("n = 10"), "{sk=1}");
  EXPECT_EQ(c("n != 10 AND n <= 30"), "{sk=2} {sk=3}");
  EXPECT_EQ(c("n IN [10, 40]"), "{sk=1} {sk=4}");
  EXPECT_EQ(c("n NOT IN [10, 40]"), "{sk=2} {sk=3}");
  EXPECT_EQ(c("NOT (n = 10 OR n = 20) AND n NOT BETWEEN 35 AND 50"), "{sk=3}");
  EXPECT_EQ(c("x IS MISSING AND m IS NOT MISSING AND n = 10"), "{sk=1}");
  EXPECT_EQ(c("n IS NULL"), "");
  EXPECT_EQ(c("n IS NUMBER AND m IS STRUCT AND m.l IS LIST AND n = 10"),
            "{sk=1}");
  EXPECT_EQ(c("(n IS BAG OR n = 20)"), "{sk=2}");
  EXPECT_EQ(c("attribute_type(m.l, 'L') AND size(m.l) = 2 AND sk = 1"),
            "{sk=1}");
  EXPECT_EQ(c("contains(m.l, 7) = true AND sk = 2"), "{sk=2}");
  EXPECT_EQ(c("contains(m.l, 7) = false"), "");
  EXPECT_EQ(c("begins_with(m.l[0], 'x') AND ATTRIBUTE_EXISTS(n) AND sk = 2"),
            "{sk=2}");
  EXPECT_EQ(c("attribute_not_exists(m)"), "");
  EXPECT_EQ(c("EXISTS(n)"),
            "VALIDATION: Unrecognized function: exists at 1:41:6");
  EXPECT_EQ(c("attribute_exists('n')"),
            "VALIDATION: Operator or function requires a document path; "
            "operator or function: attribute_exists");
  EXPECT_EQ(c("attribute_exists()"),
            "VALIDATION: Incorrect number of operands for operator or "
            "function; operator or function: attribute_exists, number of "
            "operands: 0");
  EXPECT_EQ(c("n < true"),
            "VALIDATION: Incorrect operand type for operator or function; "
            "operator or function: <, operand type: BOOL");
}

TEST_F(PartiqlSelectTest, ShowsPathsByTheirLastName) {
  const auto list = [&](absl::string_view columns) {
    return Run(absl::StrCat("SELECT ", columns,
                            " FROM pairs WHERE pk = 'c' AND sk = 1"));
  };
  EXPECT_EQ(list("n, pk"), "{n=10 pk='c'}");
  EXPECT_EQ(list("n, n"), "{n=10}");
  EXPECT_EQ(list("m.l"), "{l=['x',7]}");
  EXPECT_EQ(list("m.l[1], sk, m.nothing"), "{l[1]=7 sk=1}");
  EXPECT_EQ(list("m.n, n"),
            "VALIDATION: Two paths of the projection have the same name: n");
  EXPECT_EQ(list("COUNT(*)"), "VALIDATION: Unexpected path component at 1:8:5");
}

TEST_F(PartiqlSelectTest, OrdersByTheKey) {
  const auto ordered = [&](absl::string_view where, absl::string_view by) {
    return Run(absl::StrCat("SELECT pk, sk FROM pairs WHERE ", where,
                            " ORDER BY ", by));
  };
  EXPECT_EQ(ordered("pk = 'a' AND sk > 2", "sk DESC"),
            "{pk='a' sk=4} {pk='a' sk=3}");
  EXPECT_EQ(ordered("pk = 'a' AND sk > 2", "sk"),
            "{pk='a' sk=3} {pk='a' sk=4}");
  EXPECT_EQ(ordered("pk IN ['b', 'c', 'a'] AND sk > 3", "pk DESC"),
            "{pk='c' sk=4} {pk='b' sk=4} {pk='a' sk=4}");
  EXPECT_EQ(ordered("pk IN ['b', 'a'] AND sk > 2", "pk, sk DESC"),
            "{pk='a' sk=4} {pk='a' sk=3} {pk='b' sk=4} {pk='b' sk=3}");
  EXPECT_THAT(ordered("pk IN ['b', 'a']", "sk"),
              StartsWith("VALIDATION: ORDER BY must begin with the hash key"));
  EXPECT_EQ(ordered("pk = 'a'", "n"),
            "VALIDATION: Variable reference n in ORDER BY clause must be part "
            "of the primary key");
  EXPECT_EQ(ordered("n = 1", "sk"),
            "VALIDATION: Must have at least one non-optional hash key "
            "condition in WHERE clause when using ORDER BY clause.");
  EXPECT_EQ(Run("SELECT * FROM pairs ORDER BY sk"),
            "VALIDATION: Must have WHERE clause in the statement when using "
            "ORDER BY clause.");
}

TEST_F(PartiqlSelectTest, GoesPageByPage) {
  int pages = 0;
  EXPECT_EQ(RunPages("SELECT sk FROM pairs WHERE pk = 'a'", 3, &pages),
            "{sk=1} {sk=2} {sk=3} {sk=4}");
  EXPECT_EQ(pages, 2);
  const std::string all = Run("SELECT * FROM pairs");
  for (const int limit : {1, 2, 5, 12, 13}) {
    EXPECT_EQ(RunPages("SELECT * FROM pairs", limit, &pages), all) << limit;
    EXPECT_EQ(pages, 12 / limit + 1) << limit;
  }
  const char* several =
      "SELECT pk, sk FROM pairs WHERE pk IN ['b', 'x', 'a'] AND sk < 3";
  for (const int limit : {1, 2, 3, 4, 5}) {
    EXPECT_EQ(RunPages(several, limit, &pages),
              "{pk='b' sk=1} {pk='b' sk=2} {pk='a' sk=1} {pk='a' sk=2}")
        << limit;
  }
  // Limit counts what was looked at.
  EXPECT_EQ(
      RunPages("SELECT sk FROM pairs WHERE pk = 'a' AND n = 40", 2, &pages),
      "{sk=4}");
  EXPECT_EQ(pages, 3);
  // One item has no next page.
  EXPECT_EQ(
      RunPages("SELECT sk FROM pairs WHERE pk = 'a' AND sk = 1", 1, &pages),
      "{sk=1}");
  EXPECT_EQ(pages, 1);
}

TEST_F(PartiqlSelectTest, ATokenIsOfOneStatementAndItsParameters) {
  v1::ExecuteStatementRequest request =
      RequestOf("SELECT sk FROM pairs WHERE pk = ?", {"s: 'a'"});
  request.set_limit(1);
  const auto first = Execute(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->has_next_token());
  EXPECT_EQ(Short(first->last_evaluated_key()), "{pk='a' sk=1}");
  const std::string token = first->next_token();

  request.set_next_token(token);
  request.set_limit(2);
  EXPECT_EQ(Items(*Execute(request)), "{sk=2} {sk=3}");

  const auto refused = [&](v1::ExecuteStatementRequest other) {
    const auto response = Execute(std::move(other));
    return response.ok() ? "OK" : ErrorText(response.status());
  };
  constexpr char kOther[] = "VALIDATION: NextToken does not match request";
  v1::ExecuteStatementRequest other = request;
  other.mutable_parameters(0)->set_s("b");
  EXPECT_EQ(refused(other), kOther);
  other = request;
  other.set_statement("SELECT  sk FROM pairs WHERE pk = ?");
  EXPECT_EQ(refused(other), kOther);
  other = request;
  other.set_statement("SELECT * FROM plain WHERE pk = ?");
  EXPECT_EQ(refused(other), kOther);

  constexpr char kInvalid[] = "VALIDATION: Invalid NextToken";
  for (size_t i = 0; i < token.size(); ++i) {
    std::string damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    other = request;
    other.set_next_token(damaged);
    if (damaged == token) continue;
    EXPECT_NE(refused(other), "OK") << i;
    if (i == 0) continue;
    other.set_next_token(token.substr(0, i));
    EXPECT_EQ(refused(other), kInvalid) << i;
  }
  other = request;
  other.set_next_token("~~~");
  EXPECT_EQ(refused(other), kInvalid);
}

TEST_F(PartiqlSelectTest, LimitsHaveEdges) {
  const auto padded = [](size_t size) {
    std::string statement = "SELECT sk FROM pairs WHERE pk = 'a' AND sk = 1";
    statement.append(size - statement.size(), ' ');
    return statement;
  };
  EXPECT_EQ(Run(padded(8192)), "{sk=1}");
  EXPECT_THAT(Run(padded(8193)),
              HasSubstr("Member must have length less than or equal to 8192"));
  EXPECT_THAT(Run(""), HasSubstr("length greater than or equal to 1"));
  // Characters, not bytes.
  std::string umlauts = "SELECT sk FROM pairs WHERE n = '";
  while (umlauts.size() < 12000) umlauts += "\xC3\xA4";
  EXPECT_EQ(Run(umlauts + "'"), "");

  const auto values = [](int count) {
    std::string statement = "SELECT sk FROM pairs WHERE sk = 1 AND pk IN ['a'";
    for (int i = 1; i < count; ++i) absl::StrAppend(&statement, ",'", i, "'");
    return statement + "]";
  };
  EXPECT_EQ(Run(values(50)), "{sk=1}");
  EXPECT_THAT(Run(values(51)), HasSubstr("at most 50 are supported"));

  const auto others = [](int count) {
    std::string statement = "SELECT sk FROM pairs WHERE pk = 'a' AND n IN [10";
    for (int i = 1; i < count; ++i) absl::StrAppend(&statement, ",", -i);
    return statement + "]";
  };
  EXPECT_EQ(Run(others(100)), "{sk=1}");
  EXPECT_THAT(Run(others(101)), HasSubstr("number of operands: 101"));

  v1::ExecuteStatementRequest request = RequestOf("SELECT * FROM pairs");
  request.set_limit(0);
  EXPECT_THAT(std::string(Execute(request).status().message()),
              HasSubstr("Member must have value greater than or equal to 1"));
  request = RequestOf("SELECT * FROM pairs");
  request.set_next_token(std::string(32768, 'A'));
  EXPECT_EQ(Execute(request).status().message(), "Invalid NextToken");
  request.set_next_token(std::string(32769, 'A'));
  EXPECT_THAT(std::string(Execute(request).status().message()),
              HasSubstr("length less than or equal to 32768"));

  constexpr char kCount[] =
      "VALIDATION: Number of parameters in request and statement don't match.";
  EXPECT_EQ(Run("SELECT * FROM pairs WHERE pk = ?"), kCount);
  EXPECT_EQ(Run("SELECT * FROM pairs WHERE pk = 'a'", {"s: 'a'"}), kCount);
  EXPECT_EQ(
      Run("SELECT sk FROM pairs WHERE pk = ? AND sk = ?", {"s: 'a'", "n: '1'"}),
      "{sk=1}");
}

TEST_F(PartiqlTest, NumbersKeepDynamoDbsRules) {
  constexpr char kOverflow[] =
      "VALIDATION: Number overflow. Attempting to store a number with "
      "magnitude larger than supported range under root";
  EXPECT_EQ(Run("SELECT * FROM pairs WHERE sk = 1e126"), kOverflow);
  EXPECT_EQ(Run("INSERT INTO pairs VALUE {'pk': 'a', 'sk': 1e126}"), kOverflow);
  EXPECT_EQ(Run("INSERT INTO pairs VALUE {'pk': 'a', 'm': {'x': 1e126}}"),
            absl::StrCat(kOverflow, ".x"));
  EXPECT_EQ(Run("INSERT INTO pairs VALUE {'pk': 'a', 'l': [1, 1e126]}"),
            absl::StrCat(kOverflow, "[1]"));
  EXPECT_EQ(Run("INSERT INTO pairs VALUE {'pk': 'a', 'sk': -.5e1}"), "");
  EXPECT_EQ(Run("SELECT sk FROM pairs WHERE pk = 'a' AND sk = -50e-1"),
            "{sk=-5}");
}

TEST_F(PartiqlTest, TheStatementIsLookedAtBeforeItsTable) {
  EXPECT_THAT(Run("SELECT * FROM nothing WHERE pk = 'a'"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(Run("INSERT INTO nothing VALUE {'pk': 'a'}"),
              StartsWith("RESOURCE_NOT_FOUND"));
  EXPECT_THAT(
      Run("SELECT * FROM nothing WHERE pk = 'a' AND n < ?", {"bool: true"}),
      HasSubstr("Incorrect operand type"));
  EXPECT_EQ(Run("SELECT * FROM nothing WHERE"), Malformed("Unexpected term"));
  EXPECT_EQ(Run("SELECT * FROM \"\" WHERE pk = 'a'"),
            "VALIDATION: Path component cannot be an empty string");
}

TEST_F(PartiqlTest, HostileTextsAreAnswered) {
  EXPECT_THAT(Run("SELECT * FROM plain WHERE " + std::string(8000, '(')),
              StartsWith("VALIDATION"));
  EXPECT_THAT(Run("INSERT INTO plain VALUE " + std::string(8000, '[')),
              StartsWith("VALIDATION"));
  std::string operators = "SELECT * FROM plain WHERE a = 1";
  while (operators.size() < 8100) operators += " OR a = 1";
  EXPECT_THAT(Run(operators),
              AllOf(StartsWith("VALIDATION"), HasSubstr("expression size")));
  EXPECT_EQ(Run("SELECT * FROM plain WHERE pk = 'a"), Malformed(""));
  EXPECT_EQ(Run(std::string("SELECT * FROM plain\0x", 21)), Malformed(""));
}

}  // namespace
}  // namespace pallet::service
