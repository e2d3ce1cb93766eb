"""
An HTTP/2 server on Debian's python3-h2: strict as h2 is, and as awkward as the test asks for.

Started as `python3 h2-server.py OPTIONS`, OPTIONS in JSON: cert and key (paths); settings, announced behind
the first SETTINGS; window (octets by which a stream's window grows with each DATA frame); changes (pairs: after
so many requests, these settings); frame (octets of its own frames); padding; interim and trailers (booleans);
goaway (after so many requests). Device tokens that begin with "bb" are refused with 410.

Prints one JSON object per line: the port, each request, each violation of the protocol.
"""
import json
import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hyperframe.frame import GoAwayFrame

options = json.loads(sys.argv[1])
lock = threading.Lock()


def tell(**fact):
    with lock:
        sys.stdout.write(json.dumps(fact) + "\n")
        sys.stdout.flush()


class Peer:
    def __init__(self, sock):
        self.sock = sock
        self.conn = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding="latin1")
        )
        if "frame" in options:
            self.conn.max_outbound_frame_size = options["frame"]
        self.requests = {}
        self.count = 0
        self.leaving = False

    def run(self):
        self.conn.initiate_connection()
        if options.get("settings"):
            self.change(options["settings"])
        self.flush()
        while data := self.sock.recv(65536):
            for event in self.conn.receive_data(data):
                self.on(event)
            self.flush()

    def change(self, settings):
        self.conn.update_settings({int(name): value for name, value in settings.items()})

    def flush(self):
        self.sock.sendall(self.conn.data_to_send())

    def on(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = {"headers": event.headers, "body": b""}
            if "window" in options and not event.stream_ended:
                self.conn.increment_flow_control_window(options["window"], event.stream_id)
        elif isinstance(event, h2.events.DataReceived):
            self.requests[event.stream_id]["body"] += event.data
            octets = event.flow_controlled_length
            if octets > 0:
                self.conn.increment_flow_control_window(octets)
                if event.stream_ended is None:
                    self.conn.increment_flow_control_window(options.get("window", octets), event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.answer(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            tell(reset=event.stream_id, code=int(event.error_code))

    def answer(self, stream):
        if self.leaving:
            return
        self.count += 1
        request = self.requests.pop(stream)
        fields = {name: value for name, value in request["headers"]}
        tell(path=fields[":path"], headers=fields, body=request["body"].decode())
        refused = fields[":path"].startswith("/3/device/bb")
        if options.get("interim"):
            self.conn.send_headers(stream, [(":status", "103"), ("link", "</a>")])
        body = b'{"reason":"Unregistered","timestamp":1790000000000}' if refused else b""
        head = [(":status", "410" if refused else "200"), ("apns-id", fields["apns-id"])]
        trailers = options.get("trailers", False)
        self.conn.send_headers(stream, head, end_stream=not body and not trailers)
        if body:
            size = options.get("frame", len(body))
            for at in range(0, len(body), size):
                last = at + size >= len(body) and not trailers
                self.conn.send_data(stream, body[at : at + size], last, pad_length=options.get("padding"))
        if trailers:
            self.conn.send_headers(stream, [("x-trailer", "there")], end_stream=True)
        for after, settings in options.get("changes", []):
            if after == self.count:
                self.change(settings)
                # Those whose window is below zero now would wait for ever.
                for open_stream in self.requests:
                    self.conn.increment_flow_control_window(1000, open_stream)
        if options.get("goaway") == self.count:
            self.leaving = True
            self.flush()
            frame = GoAwayFrame(0, last_stream_id=stream, error_code=0, additional_data=b'{"reason":"Shutdown"}')
            self.sock.sendall(frame.serialize())


def serve(raw):
    try:
        sock = context.wrap_socket(raw, server_side=True)
        Peer(sock).run()
    except h2.exceptions.ProtocolError as error:
        tell(violation=f"{type(error).__name__}: {error}")
    except (OSError, ssl.SSLError):
        pass
    finally:
        raw.close()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(options["cert"], options["key"])
context.set_alpn_protocols(["h2"])
listener = socket.create_server(("127.0.0.1", 0))
tell(port=listener.getsockname()[1])
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
