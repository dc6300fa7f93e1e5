"""`RerankMockMixin` gives classes of `unittest` the mock, under pytest, `unittest` and Django."""

import re
import shutil
import subprocess
import sys

import pytest

from mock_process import ALONE, environment
from plugin_client import __file__ as plugin_client

TESTS = """
import os
import socket
import sys
import unittest

from plugin_client import BODY, order, post
from together_rerank_mockserver import RerankMockMixin

BEFORE = dict(os.environ)


class TestPasses(RerankMockMixin, unittest.TestCase):
    def setUp(self):
        self.rerank_mock.fail(503)

    def test_a_fault(self):
        self.assertEqual([post()[0], post()[0]], [503, 200])
        self.rerank_mock.assert_called(times=2)

    def test_each_test_begins_anew(self):
        self.assertEqual(self.rerank_mock.requests, [])
        self.assertEqual(os.environ["TOGETHER_BASE_URL"], self.rerank_mock.base_url)
        post()

    def test_skipped(self):
        self.skipTest("for a reason")

    @unittest.expectedFailure
    def test_expected_to_fail(self):
        self.fail()


class TestWithout(unittest.TestCase):
    def test_the_environment_is_restored(self):
        self.assertNotIn("TOGETHER_BASE_URL", os.environ)


class TestAsync(RerankMockMixin, unittest.IsolatedAsyncioTestCase):
    async def test_it(self):
        self.assertEqual(order(), [1, 0])


class TestFails(RerankMockMixin, unittest.TestCase):
    def test_unused_fault(self):
        self.rerank_mock.fail(503)

    def test_invalid_request(self):
        post([])

    def test_the_real_api(self):
        try:
            socket.getaddrinfo("api.together.xyz", 443)
        except BaseException:
            pass

    def test_fails_once(self):
        self.rerank_mock.fail(503)
        self.fail("for this reason")
"""
FAILED = [
    "unused faults: 503 (1 left)",
    "unexpected invalid requests",
    "tried to connect to api.together.xyz",
    "reason",
]
DJANGO = """
import django
from django.conf import settings
from django.test.utils import get_runner

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
failures = get_runner(settings)().run_tests(["test_django"])
raise SystemExit(failures != 1)
"""
DJANGO_TESTS = """
from django.test import TestCase
from plugin_client import order
from together_rerank_mockserver import RerankMockMixin

class TestSearch(RerankMockMixin, TestCase):
    def test_it(self):
        self.assertEqual(order(), [1, 0])
        self.rerank_mock.assert_called(times=1)

    def test_fails(self):
        self.rerank_mock.fail(503)
"""


@pytest.fixture
def project(tmp_path):
    shutil.copy(plugin_client, tmp_path)
    (tmp_path / "test_unittest.py").write_text(TESTS)
    (tmp_path / "test_django.py").write_text(DJANGO_TESTS)
    (tmp_path / "django_tests.py").write_text(DJANGO)
    return tmp_path


def run(folder, *arguments):
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.slow
def test_unittest_runs_the_tests_without_pytest(project):
    (project / "pytest.py").write_text("raise ImportError('pytest is not installed')")

    status, output = run(project, "-m", "unittest", "test_unittest")

    assert status == 1
    assert [each for each in FAILED if each not in output] == []
    assert re.search(r"^FAILED \(failures=4, skipped=1, expected failures=1\)$", output, re.MULTILINE), output
    assert "ResourceWarning" not in output


@pytest.mark.slow
def test_pytest_runs_the_same_tests(project):
    status, output = run(project, "-m", "pytest", *ALONE, "-Werror", "test_unittest.py")

    assert status == 1
    assert [each for each in FAILED if each not in output] == []
    # An error at teardown comes beside a passed test.
    assert re.search(r"1 failed, 7 passed, 1 skipped, 1 xfailed, 3 errors", output), output


@pytest.mark.slow
def test_django_runs_tests_with_it(project):
    status, output = run(project, "django_tests.py")

    assert status == 0, output
    assert "unused faults: 503 (1 left)" in output
