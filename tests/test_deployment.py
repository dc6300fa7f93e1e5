"""The container, the unit of systemd and the manifest of Kubernetes on the page about deployment."""

import http.client
import shlex
import signal
import subprocess
import time
from contextlib import closing, contextmanager

import kubernetes_validate
import pytest
import yaml

import dockerfile
from compose_services import free_port
from mock_process import COMMAND
from programs import program
from snippets import PORT, snippets

PAGE = snippets("docs/deployment.md")
(UNIT,) = [each.text for each in PAGE if each.language == "ini"]
DEPLOYMENT, SERVICE = yaml.safe_load_all("".join(each.text for each in PAGE if each.text.startswith("apiVersion")))
POD = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
TOKEN = "TOGETHER_RERANK_MOCK_ADMIN_TOKEN"


def shown(beginning):
    """Return the one command of the page that starts with *beginning*."""
    text = "".join(each.text for each in PAGE if each.language == "text").replace("\\\n", "")
    (found,) = [line for line in text.splitlines() if line.startswith(beginning)]
    return found


def setting(name):
    """Return the value that the unit of systemd has for a setting."""
    (found,) = [value for key, _, value in (line.partition("=") for line in UNIT.splitlines()) if key == name]
    return found


def installed(text):
    """Return *text* with the command of this environment in place of that in /opt."""
    return text.replace("/opt/together-rerank-kit/bin/together-rerank-mock", str(COMMAND))


@contextmanager
def started(words, variables):
    """Start a command in an environment with *variables* only, and yield the process when the mock is ready."""
    with subprocess.Popen(words, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert variables["TOGETHER_RERANK_MOCK_PORT"] in process.stdout.readline().decode()
            yield process
        finally:
            process.kill()


def status(port, path, **headers):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.request("GET", path, headers=headers)
        return client.getresponse().status


def stop_s(process):
    """Stop the process, which must exit with status 0; return the seconds that it took."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    return time.monotonic() - began


@pytest.fixture
def unit(tmp_path):
    path = tmp_path / "together-rerank-mock.service"
    path.write_text(installed(UNIT))
    return path


def test_systemd_accepts_the_unit(unit):
    command = [program("systemd-analyze"), "verify", "--man=no", "--recursive-errors=no", unit]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)

    assert (ran.returncode, [line for line in ran.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_unit_has_few_rights(unit):
    command = [program("systemd-analyze"), "security", "--offline=true", "--threshold=18", unit]

    assert "OK" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.served
def test_the_commands_of_the_unit_start_a_mock_with_the_token(tmp_path):
    variables = tmp_path / "variables"
    write = shown("(umask 077; ").replace(setting("EnvironmentFile"), str(variables))
    subprocess.run(["sh", "-c", write], check=True)
    name, _, token = variables.read_text().strip().partition("=")
    port = free_port()
    settings = {name: token, "TOGETHER_RERANK_MOCK_PORT": str(port)}

    assert variables.stat().st_mode & 0o777 == 0o600
    with started(shlex.split(installed(setting("ExecStart"))), settings) as process:
        post = shlex.split(installed(setting("ExecStartPost")).replace(PORT, str(port)))
        waited = subprocess.run(post, env=settings, check=True, capture_output=True)
        assert waited.stderr == b""
        assert status(port, "/rerank-mock/__admin/settings") == 401
        assert status(port, "/rerank-mock/__admin/settings", Authorization=f"Bearer {token}") == 200
        assert stop_s(process) < float(setting("TimeoutStopSec"))


@pytest.mark.parametrize("manifest", [DEPLOYMENT, SERVICE], ids=["deployment", "service"])
@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_kubernetes_accepts_the_manifest(manifest, version):
    assert version.startswith(kubernetes_validate.validate(manifest, version, strict=True))


def test_the_pod_meets_the_restricted_standard_of_kubernetes():
    assert POD["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_parts_of_the_manifest_fit_together():
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    (port,), (exposed,) = CONTAINER["ports"], SERVICE["spec"]["ports"]
    (variable,) = CONTAINER["env"]
    secret = variable["valueFrom"]["secretKeyRef"]

    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == SERVICE["spec"]["selector"] == labels
    assert exposed["targetPort"] == port["name"]
    assert [str(exposed["port"]), str(port["containerPort"])] == [PORT] * 2 == dockerfile.texts("EXPOSE") * 2
    assert variable["name"] == TOKEN
    assert shown("kubectl").split()[-2:] == [secret["name"], f"--from-literal={secret['key']}=a-token-of-yours"]


def test_the_commands_of_the_container_name_the_image_of_the_manifest():
    image = CONTAINER["image"]

    assert shown("docker build").endswith(f" --tag {image} .")
    assert shown("docker push") == f"docker push {image}"
    assert shown("docker run").split()[-3:] == ["--env", TOKEN, image]


@pytest.mark.served
def test_the_probes_of_the_manifest_succeed_and_the_pod_has_time_to_stop():
    port = free_port()
    words = [COMMAND, *CONTAINER["args"]]
    variables = dockerfile.variables() | {TOKEN: "open-sesame", "TOGETHER_RERANK_MOCK_PORT": str(port)}
    probes = {name: probe["httpGet"] for name, probe in CONTAINER.items() if name.endswith("Probe")}

    with started(words, variables) as process:
        assert {probe["port"] for probe in probes.values()} == {"http"}
        assert [status(port, probe["path"]) for probe in probes.values()] == [200] * 3
        seconds = stop_s(process)
    sleep_s = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep_s + 5 + seconds < POD["terminationGracePeriodSeconds"]  # 5 for the calls in flight
