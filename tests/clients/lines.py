"""A way over TCP that a test can cut, silence and lead elsewhere."""

import itertools
import socket
import threading


class Line:
    """Leads whoever connects to one of `ports`, in turns: the next one where nobody listens."""

    def __init__(self, *ports):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.lock, self.open, self.dead = threading.Lock(), set(), set()
        self.flows = threading.Event()
        self.flows.set()
        self.lead_to(*ports)
        threading.Thread(target=self.accept, daemon=True).start()

    def lead_to(self, *ports):
        """Ends what is open; new connections lead there."""
        with self.lock:
            self.ports, self.turn = ports, itertools.count()
            ended, self.open = self.open, set()
        for end in ended:
            close(end)

    def cut(self):
        """Nothing is reached any more, and that is noticed at once."""
        self.lead_to()

    def silence(self):
        """What is sent from now on arrives nowhere, until `speak`; nobody is told."""
        self.flows.clear()

    def speak(self):
        """What was held arrives, as after a fault of the network."""
        self.flows.set()

    def forget(self):
        """What is sent over the connections that are open arrives nowhere, ever; new ones work."""
        with self.lock:
            self.dead |= self.open

    def close(self):
        self.listener.close()
        self.cut()
        self.speak()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.connect, args=(near,), daemon=True).start()

    def connect(self, near):
        with self.lock:
            ports, turn = self.ports, next(self.turn)
        far = self.reach(ports[turn % len(ports):] + ports[:turn % len(ports)]) if ports else None
        if far is None:
            return near.close()
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            is_there = self.ports is ports
            if is_there:
                self.open |= {near, far}
        if not is_there:
            return close(near), close(far)
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    def reach(self, ports):
        for port in ports:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=5)
            except OSError:
                pass

    def pump(self, source, sink):
        source.settimeout(None)
        try:
            while data := source.recv(65536):
                self.flows.wait()
                if source not in self.dead:
                    sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.open -= {source, sink}
            self.dead -= {source, sink}
        close(source)
        close(sink)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close(end):
    """Ends it for those who wait in another thread, too."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
