"""A Redis process for tests, on a free port, with nothing on disk."""

import socket
import subprocess
import time

import redis


class RedisProcess:
    """A Redis on a free port; `start` and `kill` end with a Redis that answers, or with none."""

    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port)
        self.process = None

    def start(self):
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--databases", "10000"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while True:
            try:
                self.client.ping()
            except redis.ConnectionError:
                assert self.process.poll() is None
                time.sleep(0.01)
            else:
                return self

    def kill(self):
        self.process.kill()
        self.process.wait()
