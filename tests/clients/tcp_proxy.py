"""A TCP proxy that a test can cut, stall and redirect."""

import itertools
import socket
import threading


class TcpProxy:
    """Forwards each connection to one of `ports` in turn, or to the next one if nothing listens there."""

    def __init__(self, *ports):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.lock, self.open, self.black_holes = threading.Lock(), set(), set()
        self.flows = threading.Event()
        self.flows.set()
        self.forward_to(*ports)
        threading.Thread(target=self.accept, daemon=True).start()

    def forward_to(self, *ports):
        """Closes all connections; new ones go to `ports`."""
        with self.lock:
            self.ports, self.turn = ports, itertools.count()
            closing, self.open = self.open, set()
        for end in closing:
            close(end)

    def cut(self):
        """Closes all connections, and new ones at once."""
        self.forward_to()

    def stall(self):
        """Holds back everything sent from now on, until `resume`; neither end notices."""
        self.flows.clear()

    def resume(self):
        """Delivers what was held back, as after a fault of the network."""
        self.flows.set()

    def swallow_open_connections(self):
        """Discards everything that is sent over the open connections; new ones work."""
        with self.lock:
            self.black_holes |= self.open

    def close(self):
        self.listener.close()
        self.cut()
        self.resume()

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
            is_current = self.ports is ports
            if is_current:
                self.open |= {near, far}
        if not is_current:
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
                if source not in self.black_holes:
                    sink.sendall(data)
        except OSError:
            pass
        with self.lock:
            self.open -= {source, sink}
            self.black_holes -= {source, sink}
        close(source)
        close(sink)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def close(end):
    """Closes a socket, even if another thread waits for it."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
