"""A proxy before a PostgreSQL server that can stop to forward bytes, as a network that swallows them."""

import select
import socket
import threading
import time


class Stall:
    """Listens on a port of 127.0.0.1 and forwards to the server's Unix socket."""

    def __init__(self, folder):
        self.target = f"{folder}/.s.PGSQL.5432"
        self.stalled = False
        self.ends = False
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def uri(self, database):
        return f"postgresql://zapkeep@127.0.0.1:{self.port}/{database}"

    def accept(self):
        client = self.listener.accept()[0]
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        self.pairs.append((client, server))

    def drop(self, pair):
        self.pairs.remove(pair)
        for s in pair:
            s.close()

    def forward(self, pair, readable):
        try:
            for a, b in (pair, pair[::-1]):
                if a in readable:
                    data = a.recv(65536)
                    if not data:
                        return self.drop(pair)
                    b.sendall(data)
        except OSError:
            self.drop(pair)
        return None

    def run(self):
        while not self.ends:
            if self.stalled:  # connections are made by the kernel, and nothing comes of them
                time.sleep(0.02)
                continue
            readable = select.select([self.listener, *(s for p in self.pairs for s in p)], [], [], 0.05)[0]
            if self.listener in readable:
                self.accept()
            for pair in list(self.pairs):
                self.forward(pair, readable)

    def close(self):
        self.ends = True
        self.thread.join()
        for s in (self.listener, *(s for p in self.pairs for s in p)):
            s.close()
