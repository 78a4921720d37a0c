#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What deploy/ has for containers, systemd, Kubernetes and Prometheus, checked
without any of these: syntax, and that what one part names is there in another
and in palletd.

usage: deploy_files_test.py PALLETD
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

import yaml

PALLETD = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
# Of other programs.
FOREIGN_METRICS = {"up", "node_filesystem_avail_bytes"}
FUNCTIONS = {"max", "min", "sum", "by", "rate", "increase", "or", "and",
             "predict_linear", "histogram_quantile", "le"}


def known_flags():
    shown = subprocess.run([PALLETD, "--help"], capture_output=True, text=True,
                           check=True).stdout
    return set(re.findall(r"^ +(--[a-z0-9-]+)", shown, re.MULTILINE))


def unknown_flags(arguments):
    flags = {each.split("=", 1)[0] for each in arguments
             if each.startswith("--")}
    return sorted(flags - known_flags())


def settings(text):
    """The flags that a TOML file stands for."""
    found = []

    def walk(prefix, table):
        for key, value in table.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            else:
                found.append("--" + f"{prefix}{key}".replace("_", "-")
                             .replace(".", "-"))

    walk("", tomllib.loads(text))
    return found


def instructions(path):
    """(name, words) of each instruction of a container file."""
    text = re.sub(r"\\\n", " ", path.read_text())
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            yield name, rest.split()


class ContainerTest(unittest.TestCase):
    FILE = DEPLOY / "container/Containerfile"

    def exposed(self):
        return {int(port) for name, words in instructions(self.FILE)
                if name == "EXPOSE" for port in words}

    def test_instructions_are_known_and_sources_are_there(self):
        stages, names = set(), []
        for name, words in instructions(self.FILE):
            names.append(name)
            self.assertIn(name, {
                "FROM", "RUN", "WORKDIR", "COPY", "USER", "VOLUME", "EXPOSE",
                "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT"})
            if name == "FROM" and "AS" in words:
                stages.add(words[words.index("AS") + 1])
            if name != "COPY":
                continue
            if words[0].startswith("--from="):
                self.assertIn(words[0][len("--from="):], stages)
                continue
            for source in words[:-1]:
                self.assertTrue((ROOT / source).exists(), source)
        self.assertEqual(names[0], "FROM")
        self.assertIn("USER", names)
        self.assertIn("HEALTHCHECK", names)

    def test_flags_and_ports_are_palletds(self):
        entry = next(" ".join(words) for name, words in
                     instructions(self.FILE) if name == "ENTRYPOINT")
        arguments = yaml.safe_load(entry)
        self.assertEqual(arguments[0], "palletd")
        self.assertEqual(unknown_flags(arguments), [])
        listens = {int(each.rsplit(":", 1)[1]) for each in arguments
                   if "-address=" in each}
        self.assertLessEqual(listens, self.exposed())

    def test_the_compose_file_is_consistent(self):
        compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
        services = compose["services"]
        self.assertEqual(len([each for each in services
                              if each.startswith("node-")]), 3)
        taken = set()
        for name, service in services.items():
            for other, condition in service.get("depends_on", {}).items():
                self.assertIn(other, services)
                if condition["condition"] == "service_healthy":
                    self.assertIn("healthcheck", services[other])
            for volume in service.get("volumes", []):
                self.assertIn(volume.split(":")[0], compose["volumes"])
            for network in service.get("networks", []):
                self.assertIn(network, compose["networks"])
            for port in service.get("ports", []):
                host, inside = port.split(":")
                self.assertNotIn(host, taken)
                taken.add(host)
                self.assertIn(int(inside), self.exposed())
            if service["image"] != "pallet":
                continue
            self.assertEqual(unknown_flags(service["command"]), [])
            # Each is found under its own name.
            for argument in service["command"]:
                if argument.startswith("--cluster-advertise"):
                    self.assertIn(f"={name}:", argument)
            if "build" in service:
                context = DEPLOY / service["build"]["context"]
                self.assertTrue(
                    (context / service["build"]["dockerfile"]).is_file())


class SystemdTest(unittest.TestCase):
    UNIT = DEPLOY / "systemd/palletd.service"

    def test_its_flags_and_settings_are_palletds(self):
        start = re.search(r"^ExecStart=(.*)$", self.UNIT.read_text(),
                          re.MULTILINE)[1]
        self.assertEqual(unknown_flags(start.split()), [])
        text = (DEPLOY / "systemd/palletd.toml").read_text()
        self.assertEqual(unknown_flags(settings(text)), [])
        self.assertGreater(len(settings(text)), 5)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd here")
    def test_systemd_takes_it(self):
        with tempfile.TemporaryDirectory() as directory:
            unit = pathlib.Path(directory) / "palletd.service"
            unit.write_text(self.UNIT.read_text().replace(
                "/usr/bin/palletd", str(pathlib.Path(PALLETD).resolve())))
            ran = subprocess.run(["systemd-analyze", "verify", str(unit)],
                                 capture_output=True, text=True)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))


class KubernetesTest(unittest.TestCase):
    def setUp(self):
        self.objects = [
            each for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
            for each in yaml.safe_load_all(path.read_text())]

    def of(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def pods(self):
        return [(each, each["spec"]["template"])
                for each in self.of("StatefulSet")]

    def selected(self, labels):
        return [template for _, template in self.pods()
                if labels.items() <= template["metadata"]["labels"].items()]

    def test_all_are_of_kinds_and_versions_that_there_are(self):
        versions = {"ConfigMap": "v1", "Service": "v1",
                    "PodDisruptionBudget": "policy/v1",
                    "StatefulSet": "apps/v1"}
        names = set()
        for each in self.objects:
            self.assertEqual(each["apiVersion"], versions[each["kind"]])
            name = (each["kind"], each["metadata"]["name"])
            self.assertNotIn(name, names)
            names.add(name)
            self.assertRegex(name[1], r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")

    def test_selectors_find_pods_and_ports(self):
        for each in self.of("Service"):
            pods = self.selected(each["spec"]["selector"])
            self.assertEqual(len(pods), 1, each["metadata"]["name"])
            ports = {port["name"]: port["containerPort"]
                     for container in pods[0]["spec"]["containers"]
                     for port in container["ports"]}
            for port in each["spec"]["ports"]:
                self.assertEqual(ports[port["targetPort"]], port["port"])
        for each in self.of("PodDisruptionBudget"):
            self.assertTrue(
                self.selected(each["spec"]["selector"]["matchLabels"]))
        services = {each["metadata"]["name"]: each
                    for each in self.of("Service")}
        for owner, template in self.pods():
            spec = owner["spec"]
            self.assertLessEqual(
                spec["selector"]["matchLabels"].items(),
                template["metadata"]["labels"].items())
            headless = services[spec["serviceName"]]
            self.assertEqual(headless["spec"]["clusterIP"], "None")

    def test_mounts_have_volumes_and_probes_ports(self):
        configs = {each["metadata"]["name"] for each in self.of("ConfigMap")}
        for owner, template in self.pods():
            pod = template["spec"]
            volumes = {each["name"] for each in pod.get("volumes", [])} | {
                each["metadata"]["name"]
                for each in owner["spec"]["volumeClaimTemplates"]}
            for volume in pod.get("volumes", []):
                self.assertIn(volume["configMap"]["name"], configs)
            self.assertTrue(pod["securityContext"]["runAsNonRoot"])
            for container in pod["containers"]:
                self.assertEqual(volumes, {
                    each["name"] for each in container["volumeMounts"]})
                ports = {port["name"] for port in container["ports"]}
                probes = [value for key, value in container.items()
                          if key.endswith("Probe")]
                self.assertTrue(probes)
                for probe in probes:
                    self.assertIn(probe["httpGet"]["port"], ports)

    def test_flags_and_settings_are_palletds(self):
        for each in self.of("ConfigMap"):
            found = settings(each["data"]["palletd.toml"])
            self.assertGreater(len(found), 5)
            self.assertEqual(unknown_flags(found), [])
        (owner, template), = [
            (owner, template) for owner, template in self.pods()
            if owner["metadata"]["name"] == "pallet"]
        container = template["spec"]["containers"][0]
        self.assertEqual(unknown_flags(container["args"]), [])
        names = {each["name"] for each in container["env"]}
        for argument in container["args"]:
            for name in re.findall(r"\$\((\w+)\)", argument):
                self.assertIn(name, names)
            if "advertise" in argument:
                self.assertIn("." + owner["spec"]["serviceName"] + ":",
                              argument)
        # It must not be killed while it drains.
        self.assertGreater(
            template["spec"]["terminationGracePeriodSeconds"], 30)
        self.assertEqual(owner["spec"]["replicas"], 3)


class AlertsTest(unittest.TestCase):
    def setUp(self):
        groups = yaml.safe_load(
            (DEPLOY / "prometheus/alerts.yaml").read_text())["groups"]
        self.rules = [rule for group in groups for rule in group["rules"]]

    def test_they_name_metrics_that_are_told(self):
        told = set(re.findall(r'"(pallet_\w+)"',
                              (ROOT / "service/metrics.cc").read_text()))
        told |= {name + "_bucket" for name in told} | FOREIGN_METRICS
        for rule in self.rules:
            text = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", "",
                          rule["expr"])
            names = set(re.findall(r"[a-z_]\w*", text)) - FUNCTIONS
            self.assertTrue(names)
            self.assertLessEqual(names, told, rule["alert"])

    def test_each_has_a_summary_and_a_place_in_the_guide(self):
        guide = (ROOT / "docs/operations.md").read_text()
        names = [rule["alert"] for rule in self.rules]
        self.assertEqual(len(names), len(set(names)))
        for rule in self.rules:
            self.assertIn(rule["labels"]["severity"], {"page", "ticket"})
            self.assertTrue(rule["annotations"]["summary"])
            self.assertIn(f"`{rule['alert']}`", guide)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
