#!/usr/bin/python3
"""A PostgreSQL server of a test's own: Debian's, in a new folder, on a Unix socket in it, gone at the end.

    server.py -- COMMAND…     runs COMMAND with ZK_TEST_POSTGRES=postgresql://…, ends the server, returns its exit code

PostgreSQL refuses to run as root; then it runs as the user nobody. Without the package this fails and says which one is
missing: a test that needs it is never skipped in silence.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PACKAGE = "postgresql-15"
BIN = "/usr/lib/postgresql/15/bin"
START_MAX_S = 60  # on a busy machine; it takes one
SQL_MAX_S = 120  # a statement that waits for ever is a failure of its test, and not of the whole run
SETTINGS = {
    "listen_addresses": "''", "shared_buffers": "32MB", "max_connections": "60", "logging_collector": "off",
    "autovacuum_naptime": "10s", "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # in the server's folder, so that it goes with it after a SIGKILL
}


def uri(top, database):
    """The address of a database in the server of that folder."""
    return f"postgresql://zapkeep@/{database}?host={top}"


class Server:
    def __init__(self, fsync=False, primary=None, **settings):
        """With @primary: a standby, which streams from it when it is started."""
        if not os.path.exists(f"{BIN}/postgres"):
            raise RuntimeError(f"{BIN}/postgres is not there: apt-get install {PACKAGE} (tests/packages.txt)")
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        # Not in TMPDIR: the user nobody may be shut out of it, and the path of a socket has 107 bytes at most.
        self.top = tempfile.mkdtemp(prefix="zkpg", dir="/tmp")
        self.data = f"{self.top}/data"
        self.process = None
        self.settings = dict(SETTINGS, fsync="on" if fsync else "off", **settings)
        os.mkdir(self.data, 0o700)
        if self.user:
            os.chmod(self.top, 0o755)
            os.chown(self.top, self.user.pw_uid, self.user.pw_gid)
            os.chown(self.data, self.user.pw_uid, self.user.pw_gid)
        if primary:
            self.run(f"{BIN}/pg_basebackup", "-D", self.data, "-h", primary.top, "-U", "zapkeep", "-R", "-X", "stream", "-c", "fast")
            return
        self.run(f"{BIN}/initdb", "-D", self.data, "-U", "zapkeep", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "--no-instructions")

    def as_user(self):
        if self.user:
            os.setgid(self.user.pw_gid)
            os.setgroups([])
            os.setuid(self.user.pw_uid)

    def run(self, *command):
        done = subprocess.run(command, preexec_fn=self.as_user, cwd="/", capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")

    def start(self):
        options = [a for k, v in self.settings.items() for a in ("-c", f"{k}={v}".replace("''", ""))]
        log = open(f"{self.top}/log", "ab")
        self.process = subprocess.Popen([f"{BIN}/postgres", "-D", self.data, "-k", self.top, *options], preexec_fn=self.as_user,
                                        cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        until = time.monotonic() + START_MAX_S
        while subprocess.run(["psql", "-q", "-X", self.uri("postgres"), "-c", "SELECT 1"], capture_output=True).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                with open(f"{self.top}/log", encoding="utf-8") as f:
                    raise RuntimeError(f"postgres did not start: {f.read()}")
            time.sleep(0.05)
        return self

    def uri(self, database="zapkeep"):
        return uri(self.top, database)

    def sql(self, text, database="zapkeep"):
        done = subprocess.run(["psql", "-q", "-X", "-At", "-v", "ON_ERROR_STOP=1", self.uri(database), "-c", text], capture_output=True,
                              text=True, timeout=SQL_MAX_S)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def create(self, database="zapkeep"):
        self.sql(f"CREATE DATABASE {database}", "postgres")
        return self.uri(database)

    def create_for(self, test):
        """(name, URI) of an empty database of this test; the one of an earlier run of it is dropped."""
        name = f"zk{abs(hash(test)) % 10**9}"
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", "postgres")
        return name, self.create(name)

    def members(self):
        """The postmaster and its children."""
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
        return [self.process.pid, *map(int, children.stdout.split())]

    def signal(self, number):
        for pid in self.members():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As a crash: all of it at once, without a word to anybody."""
        if self.process:
            self.signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def close(self):
        if self.process:
            self.signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
            self.process = None
        self.free_segment()
        shutil.rmtree(self.top, ignore_errors=True)

    def free_segment(self):
        """The segment of System V that a server keeps as its lock: one that was killed has left it."""
        try:
            with open(f"{self.data}/postmaster.pid", encoding="utf-8") as f:
                segment = f.read().split("\n")[6].split()[1]
        except (OSError, IndexError):
            return
        subprocess.run(["ipcrm", "-m", segment], capture_output=True)


def main(command):
    server = None
    try:
        server = Server().start()
        return subprocess.run(command, env={**os.environ, "ZK_TEST_POSTGRES": server.create()}).returncode
    except RuntimeError as e:
        print(e, file=sys.stderr)
        return 1
    finally:
        if server:
            server.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]))
