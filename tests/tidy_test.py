#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps the house: layers, banned calls, file sizes, dead files, links, format.

Run from anywhere: python3 tests/tidy_test.py. Only the standard library.
"""
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Who may include whom (ARCHITECTURE.md, "Layers"). Arrows go down only.
LAYERS = {
    "base": set(),
    "model": {"base"},
    "storage": {"base", "model"},
    "cluster": {"base", "model", "storage"},
    "gsi": {"base", "model", "storage"},
    "service": {"base", "model", "storage", "cluster", "gsi"},
    "client": {"base", "model"},
    "bench": {"base", "model", "storage", "cluster", "gsi", "service", "client"},
}
# Generated messages each layer may know.
PROTOS = {
    "base": (),
    "model": ("pallet/v1/value",),
    "storage": ("pallet/storage/",),
    "cluster": ("pallet/storage/", "pallet/internal/", "etcd/"),
    "gsi": ("pallet/storage/", "pallet/internal/"),
    "service": ("pallet/", "google/", "grpc/"),
    "client": ("pallet/", "google/"),
    "bench": ("pallet/", "google/"),
}
# What only base may do, so that a world can be faked.
BANNED = [
    (r"\babsl::Now\(", "absl::Now (take a Clock)"),
    (r"\bstd::random_device\b", "std::random_device (take a Random)"),
    (r"\bstd::(j)?thread\b(?!::)", "std::thread (use base/thread.h)"),
    (r"\b(absl::SleepFor|std::this_thread::sleep|usleep|nanosleep)\b", "sleep"),
    (r"\b(rand|srand)\(", "rand"),
]
BANNED_ANYWHERE = [
    (r"\bstd::cout\b", "std::cout"),
]
# Programs that talk to a person on the terminal.
TERMINAL = re.compile(r"^(client/tool/|client/examples/|bench/|tests/|service/main\.cc)")
LONG_FILE, TOO_LONG_FILE = 500, 1000


def tracked(*suffixes):
    out = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in out.splitlines():
        if name.endswith(suffixes) and (ROOT / name).is_file():
            yield name


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def code_of(text):
    """The text without comments and string literals, lines kept."""
    keep_lines = lambda m: "\n" * m.group().count("\n")
    return re.sub(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(\\.|[^"\\\n])*"',
                  keep_lines, text, flags=re.S)


class TidyTest(unittest.TestCase):
    def report(self, findings):
        self.assertFalse(findings, "\n" + "\n".join(findings))

    def test_includes_follow_the_layer_table(self):
        findings = []
        for name in tracked(".cc", ".h"):
            folder = name.split("/")[0]
            if folder not in LAYERS:
                continue
            for line, include in re.findall(
                    r'^(#include "([^"]+)")', read(name), re.M):
                target = include.split("/")[0]
                if target == folder or include.startswith("absl/"):
                    continue
                if include.endswith((".pb.h",)):
                    if not include.startswith(PROTOS[folder]):
                        findings.append(f"{name}: {folder} may not know {include}")
                elif target in LAYERS:
                    if target not in LAYERS[folder]:
                        findings.append(f"{name}: {folder} may not include {target}")
        self.report(findings)

    def test_one_door_for_each_library(self):
        doors = {
            r"<lmdb\.h>": {"storage/lmdb.cc"},
            r"[<\"]spdlog/": {"base/log.cc"},
        }
        findings = []
        for name in tracked(".cc", ".h"):
            if name.startswith(("tests/", "bench/")):
                continue
            for pattern, allowed in doors.items():
                if name not in allowed and re.search(
                        r"^#include " + pattern, read(name), re.M):
                    findings.append(f"{name}: only {allowed} includes {pattern}")
        self.report(findings)

    def test_client_headers_show_neither_grpc_nor_protobuf(self):
        findings = []
        for name in tracked(".h"):
            if not re.match(r"client/[^/]+\.h$", name):
                continue
            # Headers that are not installed may; they say so at the top.
            if (re.search(r'#include ["<](grpc|google/protobuf|.*\.pb\.h)',
                          read(name))
                    and "ot installed" not in read(name)[:900]):
                findings.append(name)
        self.report(findings)

    def test_nobody_goes_past_base_to_the_machine(self):
        findings = []
        for name in tracked(".cc", ".h"):
            code = code_of(read(name))
            rules = list(BANNED_ANYWHERE)
            if not name.startswith(("base/", "bench/")):
                rules += BANNED
            for pattern, what in rules:
                if what == "std::cout" and TERMINAL.match(name):
                    continue
                for m in re.finditer(pattern, code):
                    line = code[:m.start()].count("\n") + 1
                    findings.append(f"{name}:{line}: {what}")
        self.report(findings)

    # An open end stands in docs/limits.md, by name.
    def test_nothing_is_left_open(self):
        findings = []
        for name in tracked(".cc", ".h", ".proto", ".cmake", ".go", ".py",
                            ".js"):
            if name == "tests/tidy_test.py":
                continue
            for number, line in enumerate(read(name).splitlines(), 1):
                if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                    findings.append(f"{name}:{number}: {line.strip()}")
        self.report(findings)

    def test_files_open_with_licence_and_guard(self):
        findings = []
        for name in tracked(".cc", ".h", ".proto", ".cmake", "CMakeLists.txt",
                            ".go", ".py", ".js"):
            head = read(name)[:200].splitlines()[:2]
            if not any("SPDX-License-Identifier: Apache-2.0" in l for l in head):
                findings.append(f"{name}: no SPDX line at the top")
            if name.endswith(".h") and "#pragma once" not in read(name):
                findings.append(f"{name}: no #pragma once")
        self.report(findings)

    def test_files_stay_small(self):
        findings = []
        for name in tracked(".cc", ".h"):
            text = read(name)
            lines = text.count("\n")
            if lines > TOO_LONG_FILE and "One file because" not in text[:3000]:
                findings.append(f"{name}: {lines} lines and no sentence "
                                "'One file because ...' in its header")
            elif lines > LONG_FILE:
                print(f"long: {lines:5d} {name}")
        self.report(findings)

    def test_every_source_is_built(self):
        lists = "\n".join(read(n) for n in tracked("CMakeLists.txt"))
        findings = []
        headers = set()
        for name in tracked(".cc", ".h"):
            headers.update(re.findall(r'#include "([^"]+)"', read(name)))
        for name in tracked(".cc"):
            if name.startswith("tests/install/"):
                continue
            if not re.search(r"\b" + re.escape(name.split("/")[-1]), lists):
                # Foreach lists name the stem alone.
                stem = name.split("/")[-1][:-3]
                if not re.search(r"\b" + re.escape(stem) + r"\b", lists):
                    findings.append(f"{name}: in no CMakeLists.txt")
        for name in tracked(".go"):
            if name.split("/")[-1] not in lists:
                findings.append(f"{name}: in no CMakeLists.txt")
        for name in tracked(".h"):
            if name not in headers:
                findings.append(f"{name}: included by nobody")
        self.report(findings)

    def test_links_in_documents_lead_somewhere(self):
        findings = []
        for name in tracked(".md"):
            folder = (ROOT / name).parent
            text = re.sub(r"```.*?```", "", read(name), flags=re.S)
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                path = link.split("#")[0]
                if path and "://" not in path and not (folder / path).exists():
                    findings.append(f"{name}: {link}")
            for path in re.findall(r"`([\w./-]+/[\w.-]+\.(?:cc|h|proto|md|cmake))`", text):
                if not (ROOT / path).exists() and not (folder / path).exists():
                    findings.append(f"{name}: `{path}` does not exist")
        self.report(findings)

    def test_the_top_level_is_the_design_card(self):
        for name in ("CMakeLists.txt", "proto", "service", "storage", "gsi",
                     "client", "tests", "deploy", "README.md", "base", "model",
                     "cluster", "bench", "docs"):
            self.assertTrue((ROOT / name).exists(), name)

    def test_cmake_stays_small(self):
        self.assertLess(read("CMakeLists.txt").count("\n"), 80)

    def test_sources_are_formatted(self):
        names = list(tracked(".cc", ".h"))
        for tool in ("clang-format-14", "clang-format"):
            try:
                run = subprocess.run(
                    [tool, "--dry-run", "-Werror", *names], cwd=ROOT,
                    capture_output=True, text=True)
            except FileNotFoundError:
                continue
            files = sorted(set(re.findall(r"^([^:\s]+):\d+", run.stderr, re.M)))
            self.report(files)
            return
        self.fail("clang-format-14 is not installed")

    def test_go_is_formatted(self):
        try:
            run = subprocess.run(["gofmt", "-l", *tracked(".go")], cwd=ROOT,
                                 capture_output=True, text=True, check=True)
        except FileNotFoundError:
            self.skipTest("gofmt is not installed")
        self.report(run.stdout.split())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]])
