# SPDX-License-Identifier: Apache-2.0
# cmake -DIN=a.proto -DOUT=b.proto -P make_wire_twin.cmake
#
# The wire twin of a public proto file: the same messages in package
# pallet.wire.v1, with every Item and AttributeValue left as encoded bytes.
# Both are length-delimited on the wire, so the two are wire-compatible; the
# server and the C++ client work with the twin and never parse an item into
# protobuf objects (docs/adr/0002-wire-twin.md).
#
# It relies on how the files are written: one field per line, no Item or
# AttributeValue inside a oneof, a service before the messages of its file.
file(READ ${IN} text)
string(REPLACE "package pallet.v1;" "package pallet.wire.v1;" text "${text}")
string(REPLACE "import \"pallet/v1/value.proto\";\n" "" text "${text}")
string(REPLACE "import \"pallet/v1/" "import \"pallet/wire/v1/" text "${text}")
# A comment may name the types; only declarations are rewritten.
string(REGEX REPLACE "map<string, (Item|AttributeValue)>" "map<string, bytes>" text "${text}")
string(REGEX REPLACE "\n( *)repeated (Item|AttributeValue) " "\n\\1repeated bytes " text "${text}")
string(REGEX REPLACE "\n( *)(Item|AttributeValue) " "\n\\1optional bytes " text "${text}")
# Services stay with the public contract.
string(FIND "${text}" "\nservice " start)
if(start GREATER -1)
  string(SUBSTRING "${text}" 0 ${start} head)
  string(SUBSTRING "${text}" ${start} -1 tail)
  string(FIND "${tail}" "\n}\n" end)
  math(EXPR end "${end} + 3")
  string(SUBSTRING "${tail}" ${end} -1 tail)
  set(text "${head}\n${tail}")
endif()
file(WRITE ${OUT} "${text}")
