"""A TCP proxy that counts requests to a server, and delays or stalls its answers."""

import socket
import threading
import time
from contextlib import suppress


class SlowProxy:
    """Passes on to *port*, and waits for `delay_s` before each piece of an answer; None stalls it."""

    def __init__(self, port):
        self.delay_s = 0.0
        self._server_port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.requests = 0  # pieces that clients have sent
        self._is_stopped = False
        self._threads = []
        self._begin(self._accept)

    def _begin(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        self._listener.settimeout(0.1)
        while not self._is_stopped:
            with suppress(TimeoutError):
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._begin(self._pass, client, server, False)
                self._begin(self._pass, server, client, True)

    def _pass(self, reader, writer, is_late):
        reader.settimeout(0.1)
        with reader, suppress(OSError):
            while not self._is_stopped:
                try:
                    data = reader.recv(65536)
                except TimeoutError:
                    continue
                while is_late and self.delay_s is None and not self._is_stopped:
                    time.sleep(0.05)
                time.sleep(self.delay_s or 0 if is_late else 0)
                if not data:
                    break
                self.requests += not is_late
                writer.sendall(data)
        with suppress(OSError):
            writer.shutdown(socket.SHUT_WR)

    def stop(self):
        self._is_stopped = True
        for thread in self._threads:
            thread.join()
        self._listener.close()
